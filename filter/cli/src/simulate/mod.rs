//! Requests decided by the engine, with tokens signed for this run.

pub mod caller;
pub mod cases;
