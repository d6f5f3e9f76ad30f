//! Maps the failure of a use case to a response. The match has no catch-all arm, so a new failure
//! needs a status to compile. Storage errors are logged here only.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::problem::{FieldProblem, Problem};
use crate::application::failure::{Conflict, Failure, FieldError, FieldLocation, Invalid};
use crate::application::ports::StoreError;
use crate::domain::order::OrderError;
use crate::domain::organisation::OrganisationError;
use crate::domain::product::ProductError;

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        match failure {
            // RFC 9110 15.5.5
            Failure::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "absent").detail(detail),
            // RFC 9110 15.5.4: authentication succeeded and does not suffice. No challenge, because
            // another token would not help
            Failure::Refused(_) => Self::new(StatusCode::FORBIDDEN, "no-right").detail(detail),
            Failure::ReasonRequired => Self::new(StatusCode::FORBIDDEN, "admin-reason-required")
                .detail("the admin bypass requires a reason: send it in the header X-Admin-Reason"),
            Failure::Invalid(invalid) => invalid.into(),
            // RFC 9110 15.5.10
            Failure::Conflict(conflict) => {
                Self::new(StatusCode::CONFLICT, reason(conflict)).detail(detail)
            }
            // RFC 9110 15.5.13
            Failure::PreconditionFailed => {
                Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed").detail(detail)
            }
            // RFC 6585 3
            Failure::PreconditionRequired => {
                Self::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required")
                    .detail("send the ETag of the resource in the header If-Match")
            }
            // draft-ietf-httpapi-idempotency-key-header 2.7
            Failure::InProgress => {
                Self::new(StatusCode::CONFLICT, "request-in-progress").detail(detail).retry_after(1)
            }
            Failure::KeyReused => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused").detail(detail)
            }
            Failure::Store(error) => error.into(),
        }
    }
}

fn reason(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::Order(OrderError::Shipped) => "order-shipped",
        Conflict::Order(OrderError::Cancelled) => "order-cancelled",
        Conflict::Order(OrderError::AlreadyShared) => "shared-already",
        Conflict::Order(OrderError::TooManyCoOwners) => "shared-with-too-many",
        Conflict::Order(OrderError::NotShared) => "not-shared",
        Conflict::Product(ProductError::Withdrawn) => "product-withdrawn",
        Conflict::Product(ProductError::OutOfStock { .. }) => "out-of-stock",
        Conflict::Organisation(OrganisationError::TooDeep) => "organisation-too-deep",
        Conflict::Organisation(OrganisationError::AlreadyAccepted) => "accepted-already",
        Conflict::AlreadyMember => "member-already",
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Syntax { at: (line, column) } => {
                Self::new(StatusCode::BAD_REQUEST, "body-malformed").detail(format!(
                    "the body is not JSON: syntax error at line {line}, column {column}"
                ))
            }
            // RFC 9110 15.5.16
            Invalid::MediaType => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type-unsupported")
                    .detail("send JSON with the Content-Type application/json")
            }
            // RFC 9110 15.5.21
            Invalid::Fields(errors) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "fields-invalid")
                    .errors(errors.into_iter().map(FieldProblem::from).collect())
            }
        }
    }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        let detail = error.detail;
        match error.location {
            FieldLocation::Body(pointer) => {
                Self { pointer: Some(pointer), detail, ..Self::default() }
            }
            FieldLocation::Query(parameter) => {
                Self { parameter: Some(parameter), detail, ..Self::default() }
            }
        }
    }
}

impl From<StoreError> for Problem {
    /// Logs the error; the response says only when to retry.
    fn from(error: StoreError) -> Self {
        let is_unavailable = matches!(error, StoreError::Unavailable(_));
        // `{:#}` includes the sources, which the error's own text does not name
        let error = format!("{:#}", anyhow::Error::new(error));
        if is_unavailable {
            tracing::warn!(error, "the storage does not answer");
            // RFC 9110 15.6.4
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage-unavailable").retry_after(1)
        } else {
            tracing::error!(error, "the storage failed");
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_cause_of_a_storage_error_is_in_the_log_but_not_in_the_response() {
        let cause = || Box::new(io::Error::other("disk I/O error"));
        for error in [StoreError::Unavailable(cause()), StoreError::Broken(cause())] {
            let (log, text) = (Log::default(), error.to_string());
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
            let problem = tracing::subscriber::with_default(subscriber, || Problem::from(error));
            let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
            assert!(logged.contains(&format!("{text}: disk I/O error")), "{logged}");
            assert!(!format!("{problem:?}").contains("disk"), "{problem:?}");
        }
    }
}
