//! Quantities and stock changes, which orders and products share.

use std::num::NonZeroU32;

use super::values::ProductId;

/// Maximum number of pieces of one product in one order.
pub const MAX_QUANTITY: u32 = 10_000;

/// Number of pieces: 1 to [`MAX_QUANTITY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// Returns `None` if the number is out of range.
    pub fn new(pieces: u32) -> Option<Self> {
        NonZeroU32::new(pieces).filter(|pieces| pieces.get() <= MAX_QUANTITY).map(Self)
    }

    /// Returns the number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// Change of a product's stock. Only a sale or a cancellation creates one.
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

    /// Returns the product.
    pub fn product(self) -> ProductId {
        self.product
    }

    /// Returns the number of pieces: negative for a sale.
    pub fn amount(self) -> i64 {
        self.amount
    }
}
