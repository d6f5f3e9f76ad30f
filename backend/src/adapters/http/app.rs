//! The two routers: the service, made of [`ROUTES`], and the operations port. Each has its
//! middleware.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use super::admission::{self, Admission};
use super::problem::Problem;
use super::routes::ROUTES;
use super::state::App;
use super::telemetry;

/// Returns the router of the service.
pub fn app(app: App) -> Router {
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| {
            let admission = Admission { app: app.clone(), route };
            let handler =
                route.handler().route_layer(from_fn_with_state(admission, admission::admit));
            router.route(route.path, handler)
        })
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_path)
        // the outermost layer comes last, so that every response is logged and counted
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), telemetry::log_and_count))
        .layer(from_fn(telemetry::request_id))
        .layer(from_fn(browser_headers))
        .with_state(app)
}

async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
}

async fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-path")
}

/// Sets headers that prevent content sniffing, framing and referrers. A response that is a page
/// sets its own policy.
async fn browser_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    response
}

/// Converts a panic, which the panic hook has logged, into a response.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").into_response()
}

/// Maximum number of concurrent `/readyz` and `/metrics` requests: each costs a query or a
/// document.
const PLACES: usize = 8;

/// Returns the router of the operations port: `/livez`, `/readyz` and `/metrics`. No limit applies
/// to `/livez`, because an orchestrator restarts a process that does not answer it.
pub fn operations_app(app: App) -> Router {
    let (places, time) = (Arc::new(Semaphore::new(PLACES)), app.limits.time);
    let guarded = from_fn(move |request: Request, next: Next| {
        let places = Arc::clone(&places);
        async move { admission::run_bounded(&places, time, request, next).await }
    });
    Router::new()
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route_layer(guarded)
        .route("/livez", get(async || "alive\n"))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_path)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(telemetry::log_refusals))
        .layer(from_fn(telemetry::request_id))
        .layer(from_fn(browser_headers))
        .with_state(app)
}

/// Ready means that the database answers and has every migration. The keys are always loaded:
/// without them the program does not start.
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
        Ok(text) => {
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
                .into_response()
        }
        Err(error) => {
            tracing::error!(%error, "cannot format the metrics");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").into_response()
        }
    }
}
