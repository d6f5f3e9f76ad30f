//! Support code of the tests.

pub mod database;
pub mod gateway;
pub mod http;
pub mod memory;
pub mod process;
pub mod shop;

pub use database::Database;
pub use gateway::Person;
pub use http::Service;
pub use process::Process;
