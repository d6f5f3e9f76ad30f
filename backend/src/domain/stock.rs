//! Pieces of a product: what orders and products share.

use std::num::NonZeroU32;

use super::values::ProductId;

/// How many pieces of one product one order can have.
pub const MAX_QUANTITY: u32 = 10_000;

/// A number of pieces: 1 to [`MAX_QUANTITY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// `None` if there is no such quantity.
    pub fn new(pieces: u32) -> Option<Self> {
        NonZeroU32::new(pieces).filter(|pieces| pieces.get() <= MAX_QUANTITY).map(Self)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// Pieces taken from a stock, or put back. Only a sale or a cancellation makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockChange {
    product: ProductId,
    amount: i64,
}

impl StockChange {
    pub(super) fn sale(product: ProductId, quantity: Quantity) -> Self {
        Self { product, amount: -i64::from(quantity.get()) }
    }

    pub(super) fn restock(product: ProductId, quantity: Quantity) -> Self {
        Self { product, amount: quantity.get().into() }
    }

    /// Whose stock.
    pub fn product(self) -> ProductId {
        self.product
    }

    /// How many pieces: negative if they were taken.
    pub fn amount(self) -> i64 {
        self.amount
    }
}
