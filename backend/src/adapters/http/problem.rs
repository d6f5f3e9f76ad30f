//! Problem documents (RFC 9457): the body of every error response.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// An error response.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `status` and `reason` identify the error.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Kind,
    /// The status phrase.
    title: &'static str,
    /// The status code.
    status: u16,
    /// Stable identifier of the error, in kebab case.
    reason: &'static str,
    /// Description of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The parts of the request that are not valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// Id of the request, as in the header `x-request-id` and in the service's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// The `type` of a problem.
#[derive(Clone, Copy, Debug, Serialize)]
enum Kind {
    #[serde(rename = "about:blank")]
    AboutBlank,
}

/// A part of the request that is not valid. Exactly one of `pointer`, `parameter` and `header`
/// names it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<&'static str>,
    /// Name of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<&'static str>,
    /// The expected value.
    pub detail: String,
}

impl Problem {
    /// Creates a problem with this status and reason.
    pub fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            kind: Kind::AboutBlank,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            reason,
            detail: None,
            errors: Vec::new(),
            request_id: None,
            retry_after: None,
        }
    }

    /// Sets the description.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Sets the parts that are not valid.
    #[must_use]
    pub fn errors(self, errors: Vec<FieldProblem>) -> Self {
        Self { errors, ..self }
    }

    /// Sets `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Sets the request id.
    #[must_use]
    pub(super) fn request_id(self, id: &str) -> Self {
        Self { request_id: Some(id.to_owned()), ..self }
    }

    /// Creates the problem of a header that is not valid.
    pub fn header(name: &'static str, detail: impl Into<String>) -> Self {
        let error =
            FieldProblem { header: Some(name), detail: detail.into(), ..FieldProblem::default() };
        Self::new(StatusCode::BAD_REQUEST, "header-invalid").errors(vec![error])
    }
}

impl IntoResponse for Problem {
    /// Stores the document in the response's extensions, too: `telemetry::request_id` adds the
    /// request id to it.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}
