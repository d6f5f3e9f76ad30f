//! Use cases, one file per noun. Each loads a resource, gets a permit from its `session`, changes
//! the resource, records the use of the bypass, and commits.

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
