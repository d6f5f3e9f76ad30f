//! How a use case ends when it does not succeed. What the client is told of it is the HTTP adapter's affair.

use super::ports::{Constraint, StoreError};
use crate::domain::order::OrderError;
use crate::domain::organisation::OrganisationError;
use crate::domain::ownership::Refused;
use crate::domain::product::ProductError;

/// Why the use case did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller has no right to.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The caller has none but the bypass, and must say why they use it.
    #[error("the bypass needs a reason")]
    ReasonRequired,
    /// What was sent makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// What was sent makes sense, but not now.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// It is not what the caller has seen.
    #[error("it has changed since it was read")]
    PreconditionFailed,
    /// The caller must say what they have seen.
    #[error("a change needs the entity tag of what is changed")]
    PreconditionRequired,
    /// The same request is being worked on.
    #[error("the first request with this key is still in progress")]
    InProgress,
    /// The key stands for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// The storage did not do it.
    #[error(transparent)]
    Store(StoreError),
}

/// Things as they are do not allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The order's state.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The product's state.
    #[error(transparent)]
    Product(#[from] ProductError),
    /// The organisation's.
    #[error(transparent)]
    Organisation(#[from] OrganisationError),
    /// They have a place in the node.
    #[error("they have a place in the organisation already")]
    AlreadyMember,
}

macro_rules! conflicts {
    ($($error:ty),+) => { $(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Conflict(error.into())
            }
        }
    )+ };
}

conflicts!(OrderError, ProductError, OrganisationError);

impl From<StoreError> for Failure {
    /// What two requests side by side ran into is a conflict like any other; the rest is the storage's.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::PreconditionFailed,
            StoreError::Constraint(Constraint::NegativeStock) => ProductError::OutOfStock { left: 0 }.into(),
            StoreError::Constraint(Constraint::DuplicateMember) => Conflict::AlreadyMember.into(),
            StoreError::Constraint(Constraint::DuplicateCoOwner) => OrderError::AlreadyShared.into(),
            StoreError::Constraint(Constraint::DuplicateKey) => Self::InProgress,
            StoreError::Unavailable(_) | StoreError::Broken(_) => Self::Store(error),
        }
    }
}

/// Why it makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It cannot be read at all.
    #[error("the body is not JSON")]
    Syntax {
        /// Where it ends to be: line and column.
        at: (usize, usize),
    },
    /// It says that it is something else.
    #[error("the body is not said to be JSON")]
    MediaType,
    /// It can be read, and these parts of it are not what they should be.
    #[error("{} fields are not what they should be", .0.len())]
    Fields(Vec<FieldError>),
}

/// One part that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Which.
    pub location: FieldLocation,
    /// What it should be.
    pub detail: String,
}

/// Where a part was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldLocation {
    /// In the body: a JSON pointer (RFC 6901).
    Body(String),
    /// In the query: a parameter's name.
    Query(&'static str),
}

impl FieldError {
    /// A part of the body.
    pub fn body(pointer: impl Into<String>, detail: &impl ToString) -> Self {
        Self { location: FieldLocation::Body(pointer.into()), detail: detail.to_string() }
    }

    /// A parameter of the query.
    pub fn query(parameter: &'static str, detail: &impl ToString) -> Self {
        Self { location: FieldLocation::Query(parameter), detail: detail.to_string() }
    }

    /// Nothing but this.
    pub fn into_invalid(self) -> Invalid {
        Invalid::Fields(vec![self])
    }
}
