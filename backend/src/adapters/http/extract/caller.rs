//! The caller: the verified principal, and what they say of themselves.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::Principal;

use crate::adapters::http::app::App;
use crate::adapters::http::observe::RequestId;
use crate::adapters::http::problem::Problem;
use crate::application::Caller;
use crate::domain::text::Text;

const ADMIN_REASON: &str = "x-admin-reason";

impl FromRequestParts<App> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let principal = match parts.extensions.remove::<Principal>() {
            // verified at admission
            Some(principal) => principal,
            None => <Principal as FromRequestParts<App>>::from_request_parts(parts, app)
                .await
                .map_err(axum::response::IntoResponse::into_response)?,
        };
        let reason = reason(parts).map_err(|detail| Problem::header(ADMIN_REASON, detail).into_response())?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self { principal, reason, request_id })
    }
}

fn reason(parts: &Parts) -> Result<Option<Text<500>>, String> {
    let Some(reason) = parts.headers.get(ADMIN_REASON) else { return Ok(None) };
    let reason = std::str::from_utf8(reason.as_bytes()).map_err(|_| "must be UTF-8".to_owned())?;
    Text::new(reason).map(Some).map_err(|error| error.to_string())
}
