//! Problem documents (RFC 9457): how every refusal and every failure looks.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What a client is told when something is not done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind it is, `reason` which.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Kind,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// Which, in kebab case: stable, for programs.
    reason: &'static str,
    /// What happened, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The parts of the request that are not what they should be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// The request id, as in the header `x-request-id` and in the service's log.
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

/// A part of the request that is not what it should be: exactly one of `pointer`, `parameter` and `header` names it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct FieldProblem {
    /// A JSON pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// A parameter of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<&'static str>,
    /// A header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<&'static str>,
    /// What it should be.
    pub detail: String,
}

impl Problem {
    /// A problem of this status and reason.
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

    /// Says what happened.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Names the parts.
    #[must_use]
    pub fn errors(self, errors: Vec<FieldProblem>) -> Self {
        Self { errors, ..self }
    }

    /// Says when to come back, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Names the request.
    #[must_use]
    pub(super) fn request_id(self, id: &str) -> Self {
        Self { request_id: Some(id.to_owned()), ..self }
    }

    /// A header that cannot be what it says.
    pub fn header(name: &'static str, detail: impl Into<String>) -> Self {
        let error = FieldProblem { header: Some(name), detail: detail.into(), ..FieldProblem::default() };
        Self::new(StatusCode::BAD_REQUEST, "header-invalid").errors(vec![error])
    }
}

impl IntoResponse for Problem {
    /// The document also travels in the response's extensions: `telemetry::request_id` adds the request id to it.
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
