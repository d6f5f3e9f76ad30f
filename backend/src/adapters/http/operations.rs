//! The operators' port: is it alive, is it ready, what did it count. Never behind the gateway, never on the service's port.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::app::App;
use super::problem::Problem;

/// `/livez`, `/readyz` and `/metrics`.
pub fn operations(app: App) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(app)
}

/// The database answers and has every migration; the keys are loaded, or there would be no verifier.
async fn ready(State(app): State<App>) -> Response {
    match app.shop.store.ready().await {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(error) => {
            let cause: &dyn std::error::Error = &error;
            tracing::warn!(error = cause, "not ready");
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
