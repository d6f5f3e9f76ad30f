//! Products: what a seller offers, at what price, and how many pieces are in stock.

use portcullis_principal::{Principal, PrincipalId};

use super::order::OrderLine;
use super::organisation::AddProduct;
use super::ownership::{Authorized, Permit, Resource, Right, actions};
use super::relations::{Relations, Relationship};
use super::stock::{Quantity, StockChange};
use super::values::{Money, OrganisationId, ProductId, Text, Timestamp};

/// Maximum number of pieces in stock.
pub const MAX_STOCK: u32 = 1_000_000;
/// Maximum price of one piece, in cents. It keeps the total of any order within an `i64`.
pub const MAX_CENTS: i64 = 100_000_000_000;

/// Details of a product, which the seller may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductDetails {
    /// Name of the product.
    pub name: Text<200>,
    /// Description of the product.
    pub description: Option<Text<4000>>,
    /// Price of one piece: 1 to [`MAX_CENTS`].
    pub price: Money,
    /// Number of pieces in stock: 0 to [`MAX_STOCK`].
    pub stock: u32,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Identifier of the product.
    pub id: ProductId,
    /// The seller: the owner.
    pub seller: PrincipalId,
    /// The organisation whose editors may change the product.
    pub organisation: Option<OrganisationId>,
    /// Details that the seller may change.
    pub details: ProductDetails,
    /// Time of the withdrawal.
    pub withdrawn_at: Option<Timestamp>,
    /// Number of changes, including changes of the stock: the entity tag.
    pub version: i64,
}

/// Reason why a product cannot be sold or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductError {
    /// The product is withdrawn.
    #[error("the product is withdrawn")]
    Withdrawn,
    /// The stock is smaller than the quantity.
    #[error("the stock is {left}, less than the quantity")]
    OutOfStock {
        /// Number of pieces in stock.
        left: u32,
    },
}

impl Product {
    /// Creates a product of the caller.
    pub fn offer(id: ProductId, seller: &Principal, details: ProductDetails) -> Authorized<Self> {
        Authorized::own(Self::new(id, seller.id(), None, details))
    }

    fn new(
        id: ProductId,
        seller: &PrincipalId,
        organisation: Option<OrganisationId>,
        details: ProductDetails,
    ) -> Self {
        Self { id, seller: seller.clone(), organisation, details, withdrawn_at: None, version: 1 }
    }

    /// Sells some pieces at the current price.
    ///
    /// # Errors
    /// If the product is withdrawn, or the stock is too small.
    pub fn sell(&self, quantity: Quantity) -> Result<(OrderLine, StockChange), ProductError> {
        if self.withdrawn_at.is_some() {
            return Err(ProductError::Withdrawn);
        }
        if quantity.get() > self.details.stock {
            return Err(ProductError::OutOfStock { left: self.details.stock });
        }
        let line = OrderLine {
            product: self.id,
            seller: self.seller.clone(),
            quantity,
            price: self.details.price,
            shipped_at: None,
        };
        Ok((line, StockChange::sale(self.id, quantity)))
    }
}

impl Permit<AddProduct> {
    /// Creates a product that belongs to the organisation.
    pub fn offer(self, id: ProductId, details: ProductDetails) -> Authorized<Product> {
        self.make(|organisation, seller| Product::new(id, seller, Some(organisation.id), details))
    }
}

impl Permit<UpdateProduct> {
    /// Replaces the details.
    ///
    /// # Errors
    /// If the product is withdrawn.
    pub fn update(self, details: ProductDetails) -> Result<Authorized<Product>, ProductError> {
        self.change(|product| {
            if product.withdrawn_at.is_some() {
                return Err(ProductError::Withdrawn);
            }
            product.details = details;
            product.version += 1;
            Ok(())
        })
    }
}

impl Permit<WithdrawProduct> {
    /// Withdraws the product. Existing orders are not affected.
    ///
    /// # Errors
    /// If the product is withdrawn already.
    pub fn withdraw(self, now: Timestamp) -> Result<Authorized<Product>, ProductError> {
        self.change(|product| {
            if product.withdrawn_at.is_some() {
                return Err(ProductError::Withdrawn);
            }
            product.withdrawn_at = Some(now);
            product.version += 1;
            Ok(())
        })
    }
}

actions!(Product: UpdateProduct, WithdrawProduct);

impl Resource for Product {
    fn kind(&self) -> &'static str {
        "product"
    }

    fn name(&self) -> String {
        format!("product {}", self.id)
    }

    fn relationship(&self) -> Relationship<'_> {
        self.organisation.map_or(Relationship::None, Relationship::Organisation)
    }

    fn rights(&self, principal: &PrincipalId, relations: &Relations, _: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.seller == *principal).then_some(Right::Owner));
        rights.extend(relations.organisation_roles());
        rights
    }
}
