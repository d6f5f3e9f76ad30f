//! The resources as clients see them: a file each, its JSON and its handlers. A handler takes a request apart, calls one use
//! case, and shows what came of it.

pub(super) mod audit;
pub(super) mod delegations;
pub(super) mod me;
pub(super) mod memberships;
pub(super) mod orders;
pub(super) mod organisations;
mod parts;
pub(super) mod products;

pub(super) use parts::PersonBody;
