//! SQL storage: SQLite or PostgreSQL, chosen by the database URL. Both run the same SQL through
//! sqlx's `Any` driver; only `dialect` differs.

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
