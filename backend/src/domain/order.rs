//! Orders: what a customer bought, at the price of that moment, and the co-owners with whom it is
//! shared.

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Authorized, Permit, Resource, Right, actions};
use super::relations::{Relations, Relationship, Role};
use super::stock::{Quantity, StockChange};
use super::values::{CoOwnerId, Money, MoneyError, OrderId, ProductId, Timestamp};

/// Maximum number of lines of an order.
pub const MAX_LINES: usize = 100;
/// Maximum number of co-owners of an order.
pub const MAX_CO_OWNERS: usize = 20;

/// Order line: some pieces of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// The product.
    pub product: ProductId,
    /// The seller, who ships the line.
    pub seller: PrincipalId,
    /// Number of pieces.
    pub quantity: Quantity,
    /// Price of one piece when the order was placed.
    pub price: Money,
    /// Time of the shipment.
    pub shipped_at: Option<Timestamp>,
}

/// Co-owner of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoOwner {
    /// Identifier of the share.
    pub id: CoOwnerId,
    /// The person with whom the order is shared.
    pub principal: PrincipalId,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Identifier of the order.
    pub id: OrderId,
    /// The customer who placed the order: its owner, which never changes.
    pub customer: PrincipalId,
    /// Time of the order.
    pub placed_at: Timestamp,
    /// The order lines: at least one, with distinct products.
    pub lines: Vec<OrderLine>,
    /// The co-owners.
    pub co_owners: Vec<CoOwner>,
    /// Time of the cancellation.
    pub cancelled_at: Option<Timestamp>,
    /// Number of changes: the entity tag.
    pub version: i64,
}

/// All orders, as one resource without an owner.
#[derive(Clone, Copy, Debug)]
pub struct AllOrders;

/// State of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// No line has been shipped.
    Placed,
    /// Some lines have been shipped.
    PartlyShipped,
    /// All lines have been shipped.
    Shipped,
    /// The order has been cancelled.
    Cancelled,
}

/// Reason why an order cannot be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The order has no lines or more than [`MAX_LINES`].
    #[error("must have 1 to {MAX_LINES} lines")]
    LineCount,
    /// Two lines have the same product.
    #[error("must have each product once")]
    DuplicateProduct,
    /// The total cannot be computed.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Reason why an order cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A line has been shipped.
    #[error("the order has been shipped")]
    Shipped,
    /// The order has been cancelled.
    #[error("the order has been cancelled")]
    Cancelled,
    /// The person is the owner or a co-owner.
    #[error("the person already has access as owner or co-owner")]
    AlreadyShared,
    /// The order has [`MAX_CO_OWNERS`] co-owners.
    #[error("the order has the maximum of {MAX_CO_OWNERS} co-owners")]
    TooManyCoOwners,
    /// The order has no such co-owner.
    #[error("the order has no such co-owner")]
    NotShared,
}

impl Order {
    /// Creates an order of the caller with these lines.
    ///
    /// # Errors
    /// If the lines do not form a valid order.
    pub fn place(
        id: OrderId,
        customer: &Principal,
        lines: Vec<OrderLine>,
        now: Timestamp,
    ) -> Result<Authorized<Self>, PlaceError> {
        if lines.is_empty() || lines.len() > MAX_LINES {
            return Err(PlaceError::LineCount);
        }
        if lines
            .iter()
            .enumerate()
            .any(|(n, line)| lines.iter().skip(n + 1).any(|o| o.product == line.product))
        {
            return Err(PlaceError::DuplicateProduct);
        }
        total(&lines)?;
        Ok(Authorized::own(Self {
            id,
            customer: customer.id().clone(),
            placed_at: now,
            lines,
            co_owners: Vec::new(),
            cancelled_at: None,
            version: 1,
        }))
    }

    /// Returns the total price.
    ///
    /// # Errors
    /// Never for an order that was placed.
    pub fn total(&self) -> Result<Money, MoneyError> {
        total(&self.lines)
    }

    /// Returns the state of the order.
    pub fn state(&self) -> OrderState {
        let shipped = self.lines.iter().filter(|line| line.shipped_at.is_some()).count();
        match shipped {
            _ if self.cancelled_at.is_some() => OrderState::Cancelled,
            0 => OrderState::Placed,
            n if n == self.lines.len() => OrderState::Shipped,
            _ => OrderState::PartlyShipped,
        }
    }

    /// Returns the order as it was when it was placed: the response to a repeated request.
    #[must_use]
    pub fn as_placed(mut self) -> Self {
        self.lines.iter_mut().for_each(|line| line.shipped_at = None);
        Self { co_owners: Vec::new(), cancelled_at: None, version: 1, ..self }
    }
}

fn total(lines: &[OrderLine]) -> Result<Money, MoneyError> {
    let mut amounts = lines.iter().map(|line| line.price.times(line.quantity.get()));
    // without lines there is no currency; a placed order has at least one line
    let first = amounts.next().unwrap_or(Err(MoneyError::Overflow))?;
    amounts.try_fold(first, |sum, amount| sum.plus(amount?))
}

impl Permit<CancelOrder> {
    /// Cancels the order and returns its pieces to stock.
    ///
    /// # Errors
    /// If a line has been shipped, or the order is cancelled.
    pub fn cancel(
        self,
        now: Timestamp,
    ) -> Result<(Authorized<Order>, Vec<StockChange>), OrderError> {
        let order = self.change(|order| match order.state() {
            OrderState::Placed => {
                order.cancelled_at = Some(now);
                order.version += 1;
                Ok(())
            }
            OrderState::PartlyShipped | OrderState::Shipped => Err(OrderError::Shipped),
            OrderState::Cancelled => Err(OrderError::Cancelled),
        })?;
        let back = order
            .lines
            .iter()
            .map(|line| StockChange::restock(line.product, line.quantity))
            .collect();
        Ok((order, back))
    }
}

impl Permit<ShipOrder> {
    /// Ships the lines that the caller sells; with the admin bypass, all lines.
    ///
    /// # Errors
    /// If they have been shipped, or the order is cancelled.
    pub fn ship(self, now: Timestamp) -> Result<Authorized<Order>, OrderError> {
        let (by, bypass) = (self.principal().clone(), self.right().is_bypass());
        self.change(|order| {
            if order.cancelled_at.is_some() {
                return Err(OrderError::Cancelled);
            }
            let theirs = order.lines.iter_mut().filter(|line| bypass || line.seller == by);
            let waiting: Vec<_> = theirs.filter(|line| line.shipped_at.is_none()).collect();
            if waiting.is_empty() {
                return Err(OrderError::Shipped);
            }
            for line in waiting {
                line.shipped_at = Some(now);
            }
            order.version += 1;
            Ok(())
        })
    }
}

impl Permit<AddCoOwner> {
    /// Shares the order with a person.
    ///
    /// # Errors
    /// If the person is the owner or a co-owner, or there are too many co-owners.
    pub fn share(self, id: CoOwnerId, with: PrincipalId) -> Result<Authorized<Order>, OrderError> {
        self.change(|order| {
            if order.customer == with
                || order.co_owners.iter().any(|co_owner| co_owner.principal == with)
            {
                return Err(OrderError::AlreadyShared);
            }
            if order.co_owners.len() >= MAX_CO_OWNERS {
                return Err(OrderError::TooManyCoOwners);
            }
            order.co_owners.push(CoOwner { id, principal: with });
            order.version += 1;
            Ok(())
        })
    }
}

impl Permit<RemoveCoOwner> {
    /// Stops sharing the order with a co-owner.
    ///
    /// # Errors
    /// If there is no such co-owner.
    pub fn unshare(self, id: CoOwnerId) -> Result<Authorized<Order>, OrderError> {
        self.change(|order| {
            let before = order.co_owners.len();
            order.co_owners.retain(|co_owner| co_owner.id != id);
            if order.co_owners.len() == before {
                return Err(OrderError::NotShared);
            }
            order.version += 1;
            Ok(())
        })
    }
}

actions!(Order: ReadOrder, CancelOrder, ShipOrder, AddCoOwner, RemoveCoOwner);
actions!(AllOrders: ListAllOrders);

impl Resource for Order {
    fn kind(&self) -> &'static str {
        "order"
    }

    fn name(&self) -> String {
        format!("order {}", self.id)
    }

    fn relationship(&self) -> Relationship<'_> {
        Relationship::Person(&self.customer)
    }

    fn rights(&self, principal: &PrincipalId, relations: &Relations, now: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.customer == *principal).then_some(Right::Owner));
        rights.extend(
            self.co_owners
                .iter()
                .any(|co_owner| co_owner.principal == *principal)
                .then_some(Right::CoOwner),
        );
        let delegations = relations.delegations.iter().filter(|delegation| {
            delegation.grantor == self.customer
                && delegation.delegate == *principal
                && delegation.is_active(now)
        });
        rights.extend(delegations.map(|d| Right::Delegate { scope: d.scope, until: d.until }));
        // managers may read the orders of members of their organisation and of everyone below it,
        // but not those of other managers of the same organisation
        let above = relations.positions.iter().filter(|position| {
            position.levels_above > 0 || position.person_role != Some(Role::Manager)
        });
        rights.extend(above.map(|position| Right::OrganisationRole {
            organisation: position.organisation,
            role: position.role,
        }));
        rights.extend(
            self.lines.iter().any(|line| line.seller == *principal).then_some(Right::Seller),
        );
        rights
    }
}

impl Resource for AllOrders {
    fn kind(&self) -> &'static str {
        "orders"
    }

    fn name(&self) -> String {
        "orders".to_owned()
    }

    fn relationship(&self) -> Relationship<'_> {
        Relationship::None
    }

    fn rights(&self, _: &PrincipalId, _: &Relations, _: Timestamp) -> Vec<Right> {
        Vec::new()
    }
}
