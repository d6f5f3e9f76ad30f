//! What the shop does: one file a noun. Each use case loads, asks [`session`] for a permit, does, records, commits.

pub mod failure;
pub mod ports;
mod session;

pub mod audit;
pub mod delegations;
pub mod memberships;
pub mod orders;
pub mod organisations;
pub mod products;

pub use session::{Caller, Input, Precondition, Settings, Shop};
