//! Who may call what, by meaning: the table of one policy, and the difference of two.
//!
//! Paths are taken in classes that no template of either policy tells apart (`classes`), callers in sets of what a token
//! must say at least (`voices`); what a row admits is asked of the engine (`door`).

pub mod classes;
mod compare;
pub mod difference;
mod door;
pub mod hosts;
pub mod matrix;
mod terms;
mod voices;
pub mod witness;

use std::collections::BTreeSet;

use portcullis_engine::policy::{Provider, Service};

pub use compare::difference;
pub use difference::{Change, Difference, Direction, Endpoint, When, Who};
pub use terms::Term;
pub use voices::Sign;

/// Whom the tokens of a provider must be for, so that a service listens: one of these.
pub fn audiences(provider: &Provider, service: &Service) -> BTreeSet<String> {
    let own = provider.audiences.iter().map(AsRef::as_ref);
    let heard =
        |audience: &&str| service.audiences().is_none_or(|of| of.iter().any(|one| **one == **audience));
    own.filter(heard).map(str::to_owned).collect()
}
