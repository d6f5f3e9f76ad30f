//! What the shop is about: orders, products, who may touch them. Pure: no serde, no SQL, no HTTP, no clock.

pub mod audit;
pub mod delegation;
pub mod order;
pub mod organisation;
pub mod ownership;
pub mod product;
pub mod relations;
pub mod stock;
pub mod values;
