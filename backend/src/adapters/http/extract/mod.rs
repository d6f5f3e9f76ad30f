//! Extractors. A handler that extracts a [`Caller`] first reveals nothing to a request without one.

mod body;
mod headers;
mod page;

use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::Principal;
use serde::de::DeserializeOwned;

pub(super) use body::{FieldErrors, JsonBody};
pub(super) use headers::{IdempotencyHeader, IfNoneMatch, with_etag};
pub(super) use page::{PageQuery, page_response, page_response_with_next};

use super::problem::Problem;
use super::state::App;
use super::telemetry::RequestId;
use crate::application::Caller;
use crate::application::failure::Failure;
use crate::domain::values::Text;

const ADMIN_REASON: &str = "x-admin-reason";

impl FromRequestParts<App> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let principal = match parts.extensions.remove::<Principal>() {
            // verified by admission control
            Some(principal) => principal,
            None => <Principal as FromRequestParts<App>>::from_request_parts(parts, app)
                .await
                .map_err(axum::response::IntoResponse::into_response)?,
        };
        let reason = reason(parts)
            .map_err(|detail| Problem::header(ADMIN_REASON, detail).into_response())?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self { principal, reason, request_id })
    }
}

fn reason(parts: &Parts) -> Result<Option<Text<500>>, String> {
    let Some(reason) = parts.headers.get(ADMIN_REASON) else { return Ok(None) };
    let reason = std::str::from_utf8(reason.as_bytes()).map_err(|_| "must be UTF-8".to_owned())?;
    Text::new(reason).map(Some).map_err(|error| error.to_string())
}

/// The identifier in the path. An invalid identifier is reported as an absent resource (404).
pub(super) struct PathId<Id>(pub(super) Id);

/// The two identifiers in the path.
pub(super) struct PathIds<A, B>(pub(super) A, pub(super) B);

impl<Id: FromStr> FromRequestParts<App> for PathId<Id> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id: String = path(parts, app).await?;
        id.parse().map(Self).map_err(|_| absent())
    }
}

impl<A: FromStr, B: FromStr> FromRequestParts<App> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (a, b): (String, String) = path(parts, app).await?;
        match (a.parse(), b.parse()) {
            (Ok(a), Ok(b)) => Ok(Self(a, b)),
            _ => Err(absent()),
        }
    }
}

async fn path<T: DeserializeOwned + Send>(parts: &mut Parts, app: &App) -> Result<T, Problem> {
    let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, app).await;
    path.map(|Path(path)| path).map_err(|_| absent())
}

fn absent() -> Problem {
    Failure::NotFound("thing").into()
}
