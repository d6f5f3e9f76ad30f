//! What the caller has seen of the thing that is to be changed (RFC 9110 13.1.1, `If-Match`). Asked only after the right.

use super::failure::Failure;

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
