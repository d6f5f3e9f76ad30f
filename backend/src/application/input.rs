//! What the caller sent, not looked at yet. A use case reads it only once the right is decided: a stranger learns nothing
//! from what is wrong with it.

use super::failure::{Failure, Invalid};

/// Reads what was sent.
pub trait Input<T>: FnOnce() -> Result<T, Invalid> + Send {}

impl<T, F: FnOnce() -> Result<T, Invalid> + Send> Input<T> for F {}

/// Which versions the change is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The caller did not say.
    None,
    /// Any, as long as there is one: `*`.
    Any,
    /// One of these. Empty if none of what was sent can be a version of anything.
    Versions(Vec<i64>),
}

impl Precondition {
    /// For what can be changed without having been seen.
    pub(super) fn check(&self, version: i64) -> Result<(), Failure> {
        match self {
            Self::Versions(seen) if !seen.contains(&version) => Err(Failure::PreconditionFailed),
            Self::Versions(_) | Self::None | Self::Any => Ok(()),
        }
    }

    /// For what is replaced whole: whoever has not seen it would undo another's change.
    pub(super) fn require(&self, version: i64) -> Result<(), Failure> {
        match self {
            Self::None => Err(Failure::PreconditionRequired),
            _ => self.check(version),
        }
    }
}
