//! Errors of the use cases. The HTTP adapter turns them into responses.

use super::ports::{Constraint, StoreError};
use crate::domain::order::OrderError;
use crate::domain::organisation::OrganisationError;
use crate::domain::ownership::Refused;
use crate::domain::product::ProductError;

/// Reason why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The resource does not exist.
    #[error("the {0} does not exist")]
    NotFound(&'static str),
    /// The caller has no right to the resource that allows the operation.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Only the bypass allows the operation, and it requires a reason.
    #[error("the admin bypass requires a reason")]
    ReasonRequired,
    /// The input is not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The input is valid, but the state of the resource does not allow the operation.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The current version is none of those in the precondition.
    #[error("the resource has changed: its entity tag does not match If-Match")]
    PreconditionFailed,
    /// The operation requires a precondition, and the request has none.
    #[error("the request requires If-Match")]
    PreconditionRequired,
    /// A request with the same idempotency key is in progress.
    #[error("another request with this idempotency key is in progress")]
    InProgress,
    /// The idempotency key was used for a request with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// The storage failed.
    #[error(transparent)]
    Store(StoreError),
}

/// Conflict with the current state of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The order's state does not allow the operation.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The product's state does not allow the operation.
    #[error(transparent)]
    Product(#[from] ProductError),
    /// The organisation's state does not allow the operation.
    #[error(transparent)]
    Organisation(#[from] OrganisationError),
    /// The person is already a member of the organisation, or is invited.
    #[error("the person is already a member of the organisation or invited to it")]
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
    /// A constraint or version that a concurrent transaction violated is a conflict; other storage
    /// errors remain storage errors.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::PreconditionFailed,
            StoreError::Constraint(Constraint::NegativeStock) => {
                ProductError::OutOfStock { left: 0 }.into()
            }
            StoreError::Constraint(Constraint::DuplicateMember) => Conflict::AlreadyMember.into(),
            StoreError::Constraint(Constraint::DuplicateCoOwner) => {
                OrderError::AlreadyShared.into()
            }
            StoreError::Constraint(Constraint::DuplicateKey) => Self::InProgress,
            StoreError::Unavailable(_) | StoreError::Broken(_) => Self::Store(error),
        }
    }
}

/// Reason why an input is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The body is not JSON.
    #[error("the body is not JSON")]
    Syntax {
        /// Line and column of the syntax error.
        at: (usize, usize),
    },
    /// The Content-Type is not `application/json`.
    #[error("the Content-Type of the body is not application/json")]
    MediaType,
    /// The body is JSON, but some fields are not valid.
    #[error("{} fields are not valid", .0.len())]
    Fields(Vec<FieldError>),
}

/// Error of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Location of the field.
    pub location: FieldLocation,
    /// Expected value, such as "must be from 1 to 100".
    pub detail: String,
}

/// Location of a field in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldLocation {
    /// JSON pointer (RFC 6901) into the body.
    Body(String),
    /// Name of a query parameter.
    Query(&'static str),
}

impl FieldError {
    /// Creates an error of a field of the body.
    pub fn body(pointer: impl Into<String>, detail: &impl ToString) -> Self {
        Self { location: FieldLocation::Body(pointer.into()), detail: detail.to_string() }
    }

    /// Creates an error of a query parameter.
    pub fn query(parameter: &'static str, detail: &impl ToString) -> Self {
        Self { location: FieldLocation::Query(parameter), detail: detail.to_string() }
    }

    /// Converts a single field error.
    pub fn into_invalid(self) -> Invalid {
        Invalid::Fields(vec![self])
    }
}
