//! Domain model: orders, products, organisations, and who may access them. Pure: no serde, SQL,
//! HTTP or clock.

pub mod audit;
pub mod delegation;
pub mod order;
pub mod organisation;
pub mod ownership;
pub mod product;
pub mod relations;
pub mod stock;
pub mod values;
