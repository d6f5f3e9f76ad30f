//! One log line and one count per request. Tokens, assertions, bodies and queries are never logged.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::{AssertionError, PrincipalId, REQUEST_ID_HEADER};
use sha2::{Digest as _, Sha256};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info, info_span};
use uuid::Uuid;

use super::problem::Problem;
use super::state::App;

const REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_HEADER);
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Id of a request in the log: the gateway's, or one of this service.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// Sets the id of the request: the gateway's if it is well formed, otherwise a new UUID. Inner
/// layers see only this id. The response returns it in the header `x-request-id` and in problem
/// documents, and returns a valid `traceparent`.
pub(super) async fn request_id(mut request: Request, next: Next) -> Response {
    let sent = portcullis_principal::request_id(request.headers());
    let id = sent.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let trace =
        request.headers().get(TRACE_PARENT).filter(|trace| trace_id(trace).is_some()).cloned();
    let header = HeaderValue::try_from(&id).ok();
    if let Some(header) = &header {
        request.headers_mut().insert(REQUEST_ID, header.clone());
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response.body_mut() = problem.request_id(&id).into_response().into_body();
    }
    if let Some(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    if let Some(trace) = trace {
        response.headers_mut().insert(TRACE_PARENT, trace);
    }
    response
}

/// Adds the request id to log lines, and logs error responses. For the operations port, whose
/// successful responses are not logged because probes are frequent.
pub(super) async fn log_refusals(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map_or("", |id| id.0.as_str());
    let span = info_span!("operations", request_id = id);
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        span.in_scope(|| info!(status = status.as_u16(), "answered"));
    }
    response
}

pub(super) async fn log_and_count(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let _in_flight = app.metrics.request_started();
    let method = request.method().as_str().to_owned();
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let id = request.extensions().get::<RequestId>().map_or("", |id| id.0.as_str());
    let span = info_span!(
        "request",
        request_id = id,
        trace_id = request.headers().get(TRACE_PARENT).and_then(trace_id),
        method,
        route,
        // recorded by the layer that determines them
        subject = Empty,
        operation = Empty,
        right = Empty,
        decision = Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    app.metrics.request_finished(&method, &route, status, took);
    let decision = match status {
        401 => "unauthenticated",
        403 => "refused",
        404 => "absent",
        400..500 => "rejected",
        500.. => "failed",
        _ => "allowed",
    };
    span.record("decision", decision);
    let refused = response.extensions().get::<AssertionError>().map(tracing::field::display);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| info!(status, assertion = refused, duration_ms, "answered"));
    response
}

/// Records the subject in the log span, as a hash if a salt is configured.
pub(super) fn record_subject(app: &App, principal: &PrincipalId) {
    let span = Span::current();
    match &app.subject_salt {
        None => span.record("subject", tracing::field::display(principal)),
        Some(salt) => {
            let mut hash = Sha256::new();
            for part in [salt, principal.issuer(), principal.subject()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
            span.record("subject", format!("{:x}", hash.finalize()))
        }
    };
}

/// Parses the trace id of a `traceparent` (W3C Trace Context 3.2): `00-<32 hex>-<16 hex>-<2 hex>`.
fn trace_id(header: &HeaderValue) -> Option<&str> {
    let parts: Vec<&str> = header.to_str().ok()?.split('-').collect();
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    match parts[..] {
        [version, trace, span, flags]
            if hex(version, 2)
                && hex(trace, 32)
                && hex(span, 16)
                && hex(flags, 2)
                && version != "ff" =>
        {
            Some(trace)
        }
        _ => None,
    }
}
