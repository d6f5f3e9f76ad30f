//! Bodies that the shop takes.
use serde_json::{Value, json};

/// An order of so many pieces of one product.
pub fn lines(product: &str, quantity: u32) -> Value {
    json!({ "lines": [{ "product_id": product, "quantity": quantity }] })
}

/// A product at this price, with a hundred pieces in stock.
pub fn product(name: &str, cents: u32) -> Value {
    json!({ "name": name, "price": { "cents": cents, "currency": "EUR" }, "stock": 100 })
}
