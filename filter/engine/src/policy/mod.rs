//! The policy: the document as written, and what it compiles to.
pub mod provider;
pub use provider::*;
/// A policy, whole and checked.
#[derive(Clone, Debug)]
pub struct Policy { /// The providers, in order of name.
pub providers: Box<[Provider]> }
