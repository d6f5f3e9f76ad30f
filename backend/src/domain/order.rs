//! An order: what a customer bought, at the price of that moment, and with whom it is shared.

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Authorized, Permit, Resource, Right, actions};
use super::relations::{Relations, Relationship, Role};
use super::stock::{Quantity, StockChange};
use super::values::{CoOwnerId, Money, MoneyError, OrderId, ProductId, Timestamp};

/// How many products one order can have.
pub const MAX_LINES: usize = 100;
/// With how many people one order can be shared.
pub const MAX_CO_OWNERS: usize = 20;

/// Some pieces of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// Of what.
    pub product: ProductId,
    /// Who ships it.
    pub seller: PrincipalId,
    /// How many.
    pub quantity: Quantity,
    /// Of one piece, when it was bought.
    pub price: Money,
    /// When it was sent on its way.
    pub shipped_at: Option<Timestamp>,
}

/// Somebody with whom the owner shares one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoOwner {
    /// Names the share.
    pub id: CoOwnerId,
    /// With whom.
    pub principal: PrincipalId,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its name for machines.
    pub id: OrderId,
    /// Who placed it: its owner, for good.
    pub customer: PrincipalId,
    /// When.
    pub placed_at: Timestamp,
    /// What was bought: at least one line, each product once.
    pub lines: Vec<OrderLine>,
    /// With whom it is shared.
    pub co_owners: Vec<CoOwner>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// Counts the changes: the entity tag.
    pub version: i64,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Nothing has been shipped.
    Placed,
    /// Some sellers have shipped.
    PartlyShipped,
    /// All sellers have shipped.
    Shipped,
    /// It will never be shipped.
    Cancelled,
}

/// Why an order cannot be placed as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Nothing, or too much.
    #[error("must have 1 to {MAX_LINES} lines")]
    LineCount,
    /// Two lines for one product.
    #[error("has the same product twice")]
    DuplicateProduct,
    /// The lines have no sum.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Why an order cannot be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Too late.
    #[error("the order has been shipped")]
    Shipped,
    /// Too late as well.
    #[error("the order has been cancelled")]
    Cancelled,
    /// They have it already, or it is theirs.
    #[error("the order is shared with them already")]
    AlreadyShared,
    /// With more than [`MAX_CO_OWNERS`].
    #[error("the order is shared with too many")]
    TooManyCoOwners,
    /// There is no such share.
    #[error("the order is not shared with them")]
    NotShared,
}

impl Order {
    /// The caller's order of these lines.
    ///
    /// # Errors
    /// If the lines do not make an order.
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

    /// What it costs.
    ///
    /// # Errors
    /// Never for an order that was placed.
    pub fn total(&self) -> Result<Money, MoneyError> {
        total(&self.lines)
    }

    /// How far it is.
    pub fn state(&self) -> OrderState {
        let shipped = self.lines.iter().filter(|line| line.shipped_at.is_some()).count();
        match shipped {
            _ if self.cancelled_at.is_some() => OrderState::Cancelled,
            0 => OrderState::Placed,
            n if n == self.lines.len() => OrderState::Shipped,
            _ => OrderState::PartlyShipped,
        }
    }

    /// The order as it was when it was placed, whatever has become of it: the answer to placing it, again.
    #[must_use]
    pub fn as_placed(mut self) -> Self {
        self.lines.iter_mut().for_each(|line| line.shipped_at = None);
        Self { co_owners: Vec::new(), cancelled_at: None, version: 1, ..self }
    }
}

fn total(lines: &[OrderLine]) -> Result<Money, MoneyError> {
    let mut amounts = lines.iter().map(|line| line.price.times(line.quantity.get()));
    // no line, no currency: an order has at least one
    let first = amounts.next().unwrap_or(Err(MoneyError::Overflow))?;
    amounts.try_fold(first, |sum, amount| sum.plus(amount?))
}

impl Permit<CancelOrder> {
    /// Cancels it and puts the pieces back.
    ///
    /// # Errors
    /// Once anything of it has been shipped, or it is cancelled.
    pub fn cancel(self, now: Timestamp) -> Result<(Authorized<Order>, Vec<StockChange>), OrderError> {
        let order = self.change(|order| match order.state() {
            OrderState::Placed => {
                order.cancelled_at = Some(now);
                order.version += 1;
                Ok(())
            }
            OrderState::PartlyShipped | OrderState::Shipped => Err(OrderError::Shipped),
            OrderState::Cancelled => Err(OrderError::Cancelled),
        })?;
        let back = order.lines.iter().map(|line| StockChange::restock(line.product, line.quantity)).collect();
        Ok((order, back))
    }
}

impl Permit<ShipOrder> {
    /// Sends on its way what the caller sells of it; with the admin's bypass, all of it.
    ///
    /// # Errors
    /// If that has been done, or the order is cancelled.
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
    /// Shares the order.
    ///
    /// # Errors
    /// If it is theirs or shared with them already, or shared with too many.
    pub fn share(self, id: CoOwnerId, with: PrincipalId) -> Result<Authorized<Order>, OrderError> {
        self.change(|order| {
            if order.customer == with || order.co_owners.iter().any(|co_owner| co_owner.principal == with) {
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
    /// Shares the order with them no more.
    ///
    /// # Errors
    /// If it is not shared so.
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

/// All the orders there are: nobody's.
#[derive(Clone, Copy, Debug)]
pub struct AllOrders;

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
            self.co_owners.iter().any(|co_owner| co_owner.principal == *principal).then_some(Right::CoOwner),
        );
        let delegations = relations.delegations.iter().filter(|delegation| {
            delegation.grantor == self.customer
                && delegation.delegate == *principal
                && delegation.is_active(now)
        });
        rights.extend(delegations.map(|d| Right::Delegate { scope: d.scope, until: d.until }));
        // a manager stands above the members of the node and everybody further down, not above another manager of it
        let above = relations
            .positions
            .iter()
            .filter(|position| position.levels_above > 0 || position.person_role != Some(Role::Manager));
        rights.extend(above.map(|position| Right::OrganisationRole {
            organisation: position.organisation,
            role: position.role,
        }));
        rights.extend(self.lines.iter().any(|line| line.seller == *principal).then_some(Right::Seller));
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
