//! Adapters: HTTP, the database, and the clock.

pub mod clock;
pub mod http;
pub mod storage;
