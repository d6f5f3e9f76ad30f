//! A page to read the OpenAPI document and to try the service with a token. In the development profile only.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use portcullis_principal::Principal;
use utoipa_scalar::Scalar;

use super::openapi::document;
use super::problem::Problem;

/// `GET /docs`
pub(super) async fn page(_: Option<Principal>) -> Response {
    if cfg!(debug_assertions) {
        Html(Scalar::new(document()).to_html()).into_response()
    } else {
        Problem::new(StatusCode::NOT_FOUND, "no-such-path").into_response()
    }
}
