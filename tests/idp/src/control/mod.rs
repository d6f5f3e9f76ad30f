//! The controls over HTTP: the client, and the words that both sides use.
mod client;
pub(crate) mod words;

pub use client::{Control, ControlError};
