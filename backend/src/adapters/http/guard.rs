//! What keeps the service answering: too much at once and too long are a 503 that says when to come back, never a hang.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::app::Limits;
use super::problem::Problem;

pub(super) async fn time_and_concurrency(
    State(limits): State<Limits>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_place) = limits.concurrency.try_acquire() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy").retry_after(1).into_response();
    };
    // what is cut off here is rolled back: its transaction is dropped with it
    match tokio::time::timeout(limits.time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-slow").retry_after(1).into_response(),
    }
}
