//! Admission control: the checks before the handler of a route runs, in this order:
//!
//! 1. authentication (401), before any of the body is read;
//! 2. the caller's quota of requests in progress (429; 503 for callers without a token, who share
//!    one quota);
//! 3. the body, with a maximum size (413), a time limit (408), and at most [`Limits::bodies`] being
//!    read at the same time (503);
//! 4. the maximum concurrency of handlers (503) and their time limit (503).
//!
//! So a body that arrives slowly or never occupies nothing that a request without a body needs. The
//! bodies take at most ([`Limits::bodies`] + [`Limits::concurrency`]) x [`Limits::body`] bytes of
//! memory.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use portcullis_principal::Principal;
use tokio::sync::Semaphore;

use super::problem::Problem;
use super::route::{Access, Route};
use super::state::{App, Limits};
use super::telemetry;

/// Number of bytes that are read of a body that is too large, before the response.
const MAX_DRAINED: usize = 4 << 20;

/// State of the admission control of one route.
#[derive(Clone)]
pub(super) struct Admission {
    pub(super) app: App,
    pub(super) route: &'static Route,
}

/// Runs the handler of the route, or rejects the request.
pub(super) async fn admit(
    State(Admission { app, route }): State<Admission>,
    request: Request,
    next: Next,
) -> Result<Response, Response> {
    let limits = &app.limits;
    let (mut parts, body) = request.into_parts();
    let principal = match route.access {
        Access::Public => {
            <Principal as OptionalFromRequestParts<App>>::from_request_parts(&mut parts, &app).await
        }
        Access::Authenticated => {
            <Principal as FromRequestParts<App>>::from_request_parts(&mut parts, &app)
                .await
                .map(Some)
        }
    };
    let principal = principal.map_err(IntoResponse::into_response)?;
    let caller = principal.as_ref().map(Principal::id);
    if let Some(caller) = caller {
        telemetry::record_subject(&app, caller);
    }
    let _slot = limits.quota.take(caller).ok_or_else(|| match caller {
        // RFC 6585 4
        Some(_) => Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-in-progress")
            .detail("the caller has too many requests in progress: wait until one has ended")
            .retry_after(1)
            .into_response(),
        None => too_busy(),
    })?;
    let body = if route.body.is_some() {
        let _reading = limits.bodies.try_acquire().map_err(|_| too_busy())?;
        read_body(body, limits).await.map_err(IntoResponse::into_response)?
    } else {
        body
    };
    if let Some(principal) = principal {
        parts.extensions.insert(principal);
    }
    Ok(run_bounded(&limits.concurrency, limits.time, Request::from_parts(parts, body), next).await)
}

/// Runs the handler within the concurrency and time limits.
pub(super) async fn run_bounded(
    places: &Semaphore,
    time: Duration,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_place) = places.try_acquire() else { return too_busy() };
    // a transaction that the time limit cuts off is rolled back before its connection is used
    // again, unless its COMMIT was already sent
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-slow").retry_after(1).into_response()
        }
    }
}

fn too_busy() -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy").retry_after(1).into_response()
}

/// Reads the whole body within its time limit.
async fn read_body(body: Body, limits: &Limits) -> Result<Body, Problem> {
    let limit = limits.body;
    match tokio::time::timeout(limits.body_time, read_limited(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        // RFC 9110 15.5.14
        Ok(Err(BodyError::TooLarge)) => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large")
                .detail(format!("the body must have at most {limit} bytes")))
        }
        Ok(Err(BodyError::Incomplete)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "body-incomplete")
                .detail("the body ended before its announced length"))
        }
        // RFC 9110 15.5.9
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow").detail(format!(
            "the whole body must arrive within {} s",
            limits.body_time.as_secs_f64()
        ))),
    }
}

/// Reason why a body could not be read.
enum BodyError {
    TooLarge,
    Incomplete,
}

/// Reads a body of at most `limit` bytes. A longer body is read and discarded, up to
/// [`MAX_DRAINED`] more bytes: a gateway that is still sending when the connection closes never
/// sees the response.
async fn read_limited(mut body: Body, limit: usize) -> Result<Vec<u8>, BodyError> {
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    // one allocation that never grows: frames may be one byte each, and each would keep its own
    // buffer
    let mut bytes = Vec::with_capacity(announced.map_or(limit, |length| length.min(limit)));
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else { continue };
        read += data.len();
        if read <= limit {
            bytes.extend_from_slice(&data);
        } else if read > limit + MAX_DRAINED {
            return Err(BodyError::TooLarge);
        }
    }
    if read <= limit { Ok(bytes) } else { Err(BodyError::TooLarge) }
}
