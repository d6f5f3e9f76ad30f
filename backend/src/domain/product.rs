//! A product: what a seller offers, and how much of it there is.

use portcullis_principal::{Principal, PrincipalId};

use super::order::OrderLine;
use super::organisation::AddProduct;
use super::ownership::{Authorized, Permit, Resource, Right, actions};
use super::relations::{Relations, Relationship};
use super::stock::{Quantity, StockChange};
use super::values::{Money, OrganisationId, ProductId, Text, Timestamp};

/// Of how many pieces a stock can be at most.
pub const MAX_STOCK: u32 = 1_000_000;
/// The highest price of one piece, in cents. With it, no order's total can be too large to count.
pub const MAX_CENTS: i64 = 100_000_000_000;

/// What the seller says about a product, and may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductDetails {
    /// What it is called.
    pub name: Text<200>,
    /// What there is to know about it.
    pub description: Option<Text<4000>>,
    /// Of one piece: 1 to [`MAX_CENTS`].
    pub price: Money,
    /// How many pieces there are: 0 to [`MAX_STOCK`].
    pub stock: u32,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its name for machines.
    pub id: ProductId,
    /// Who offers it.
    pub seller: PrincipalId,
    /// The organisation that it belongs to, whose editors may change it.
    pub organisation: Option<OrganisationId>,
    /// What the seller says about it.
    pub details: ProductDetails,
    /// Since when it is not offered any more.
    pub withdrawn_at: Option<Timestamp>,
    /// Counts the changes, stock included: the entity tag.
    pub version: i64,
}

/// Why a product cannot be sold or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductError {
    /// It is not offered any more.
    #[error("the product is withdrawn")]
    Withdrawn,
    /// Fewer pieces are left than were asked for.
    #[error("only {left} of the product are left")]
    OutOfStock {
        /// How many.
        left: u32,
    },
}

impl Product {
    /// A new product of the caller's own.
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

    /// Sells some pieces at today's price.
    ///
    /// # Errors
    /// If it is withdrawn, or there are too few.
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
    /// A new product that belongs to the organisation.
    pub fn offer(self, id: ProductId, details: ProductDetails) -> Authorized<Product> {
        self.make(|organisation, seller| Product::new(id, seller, Some(organisation.id), details))
    }
}

impl Permit<UpdateProduct> {
    /// Says something else about the product.
    ///
    /// # Errors
    /// If it is withdrawn.
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
    /// Offers the product no more. Orders that have it are not touched.
    ///
    /// # Errors
    /// If it is withdrawn already.
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
