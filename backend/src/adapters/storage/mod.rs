//! The storage: SQLite or PostgreSQL, by the database URL. Both speak the same SQL through sqlx's `Any` driver; what
//! differs between them is said in [`sqlite`] and [`postgres`], and nowhere else.

mod audit;
mod delegations;
mod dialect;
mod keys;
mod orders;
mod organisations;
mod postgres;
mod products;
mod rows;
mod sqlite;
mod store;
mod transaction;

pub use store::{OpenError, SqlStore};
