//! What touches the world: HTTP on one side, the database on the other, the clock.

pub mod clock;
pub mod http;
pub mod storage;
