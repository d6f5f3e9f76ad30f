//! What the shop is about: orders, products, who may touch them. Pure: no serde, no SQL, no HTTP, no clock.

pub mod audit;
pub mod delegation;
pub mod id;
pub mod money;
pub mod order;
pub mod organisation;
pub mod ownership;
pub mod product;
pub mod text;
pub mod time;
