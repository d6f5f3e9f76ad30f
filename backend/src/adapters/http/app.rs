//! The application: the router, made of [`ROUTES`], and what stands before every handler.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::AssertionVerifier;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use super::guard::{Admission, Shares};
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

/// How much is taken on. See [`guard`] for the order.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a whole body may take to arrive.
    pub body_time: Duration,
    /// How many bodies may be read at once.
    pub bodies: Arc<Semaphore>,
    /// How long a handler may take.
    pub time: Duration,
    /// How many requests may be handled at once.
    pub concurrency: Arc<Semaphore>,
    /// How many requests of one caller may be in progress, from the start of their bodies.
    pub shares: Shares,
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
        .fold(Router::new(), |router, route| {
            let admission = Admission { app: app.clone(), route };
            let handler = route.handler().route_layer(from_fn_with_state(admission, guard::admit));
            router.route(route.path, handler)
        })
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_path)
        // outermost last: everything is logged and counted, whatever ends it
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .layer(from_fn(observe::request_id))
        .layer(from_fn(browser_headers))
        .with_state(app)
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
}

pub(super) async fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-path")
}

/// Headers that keep a browser from taking a response for something else. A response that is a page sets its own policy.
pub(super) async fn browser_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    response
}

/// The panic itself has been logged by its hook.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").into_response()
}
