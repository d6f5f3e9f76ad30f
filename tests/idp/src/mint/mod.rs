//! Tokens to order: honest ones, and every kind that a verifier must refuse.
mod builder;
mod sign;
mod spec;

pub use builder::Mint;
pub(crate) use sign::sign;
pub use spec::{Signature, TokenSpec};
