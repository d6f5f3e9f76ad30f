//! The storage: SQLite or PostgreSQL, by the database URL. Both speak the same SQL through sqlx's `Any` driver; what
//! differs between them is said in [`dialect`], and nowhere else.

mod audit;
mod delegations;
mod dialect;
mod orders;
mod organisations;
mod products;
mod rows;
mod store;
mod transaction;

pub use store::{OpenError, SqlStore};
