//! Who may call what, by meaning: the table of one policy, and the difference of two.
//!
//! Paths are taken in classes that no template of either policy tells apart (`classes`), callers in
//! sets of what a token must say at least (`caller_classes`); what a row admits is asked of the
//! engine (`access_rule`).

use std::collections::BTreeSet;

use portcullis_engine::policy::{Provider, Service};

pub use crate::diff::caller_classes::Sign;
pub use crate::diff::compare::difference;
pub use crate::diff::difference::{Change, Difference, Direction, Endpoint, When, Who};
pub use crate::diff::settings_diff::Term;

mod access_rule;
mod caller_classes;
pub mod classes;
mod compare;
pub mod difference;
pub mod hosts;
pub mod matrix;
pub mod sample_path;
mod settings_diff;

/// Whom the tokens of a provider must be for, so that a service listens: one of these.
pub fn audiences(provider: &Provider, service: &Service) -> BTreeSet<String> {
    let own = provider.audiences.iter().map(AsRef::as_ref);
    let heard = |audience: &&str| {
        service.audiences().is_none_or(|of| of.iter().any(|one| **one == **audience))
    };
    own.filter(heard).map(str::to_owned).collect()
}
