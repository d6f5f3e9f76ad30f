//! The application: the router, made of [`ROUTES`], and what stands before every handler.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::AssertionVerifier;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use super::metrics::Metrics;
use super::problem::Problem;
use super::routes::ROUTES;
use super::{guard, observe};
use crate::application::Shop;

/// What the handlers work with.
#[derive(Clone)]
pub struct App {
    /// The use cases' world.
    pub shop: Shop,
    /// Who the callers are.
    pub verifier: AssertionVerifier,
    /// What is counted.
    pub metrics: Metrics,
    /// How much is taken on.
    pub limits: Limits,
    /// With it, logs hold hashes of subjects instead of the subjects.
    pub subject_salt: Option<Arc<str>>,
}

/// How much is taken on.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a request may take.
    pub time: Duration,
    /// How many requests may be under way.
    pub concurrency: Arc<Semaphore>,
}

impl FromRef<App> for AssertionVerifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<App> for Shop {
    fn from_ref(app: &App) -> Self {
        app.shop.clone()
    }
}

/// The service, to be served.
pub fn app(app: App) -> Router {
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler()))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
        })
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no-such-path"))
        // outermost last: everything is logged and counted, whatever ends it
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.limits.clone(), guard::time_and_concurrency))
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .layer(from_fn(observe::request_id))
        .with_state(app)
}

/// The panic itself has been logged by its hook.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").into_response()
}
