//! The application: the router, made of [`ROUTES`], and what stands before every handler.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::admission::{self, Admission};
use super::observe;
use super::problem::Problem;
use super::routes::ROUTES;
use super::state::App;

/// The service, to be served.
pub fn app(app: App) -> Router {
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| {
            let admission = Admission { app: app.clone(), route };
            let handler = route.handler().route_layer(from_fn_with_state(admission, admission::admit));
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
