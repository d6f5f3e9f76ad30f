//! The operators' port: is it alive, is it ready, what did it count. Never behind the gateway, never on the service's port.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::Problem;
use super::state::App;
use super::{admission, app, observe};

/// How many readings of `/readyz` and `/metrics` may be in progress, as each costs a query or a document.
const PLACES: usize = 8;

/// `/livez`, `/readyz` and `/metrics`. Nothing keeps `/livez` from answering: an orchestrator restarts what is not alive.
pub fn operations(app: App) -> Router {
    let (places, time) = (Arc::new(Semaphore::new(PLACES)), app.limits.time);
    let guarded = from_fn(move |request: Request, next: Next| {
        let places = Arc::clone(&places);
        async move { admission::bounded(&places, time, request, next).await }
    });
    Router::new()
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route_layer(guarded)
        .route("/livez", get(async || "alive\n"))
        .method_not_allowed_fallback(app::method_not_allowed)
        .fallback(app::no_such_path)
        .layer(CatchPanicLayer::custom(app::panicked))
        .layer(from_fn(observe::named_in_log))
        .layer(from_fn(observe::request_id))
        .layer(from_fn(app::browser_headers))
        .with_state(app)
}

/// The database answers and has every migration; the keys are loaded, or there would be no verifier.
async fn ready(State(app): State<App>) -> Response {
    match app.shop.store.ready().await {
        Ok(()) => ([(CONTENT_TYPE, "application/json")], r#"{"status":"ready"}"#).into_response(),
        Err(error) => {
            tracing::warn!(error = format!("{:#}", anyhow::Error::new(error)), "not ready");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage-unavailable")
                .retry_after(1)
                .into_response()
        }
    }
}

async fn metrics(State(app): State<App>) -> Response {
    match app.metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").into_response()
        }
    }
}
