//! Identifiers in the path. What cannot name anything names nothing: 404, as for anything that is not there.

use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::adapters::http::app::App;
use crate::adapters::http::problem::Problem;
use crate::application::failure::Failure;

/// The one identifier in the path.
pub(in super::super) struct Identifier<Id>(pub(in super::super) Id);

/// The two identifiers in the path.
pub(in super::super) struct Identifiers<A, B>(pub(in super::super) A, pub(in super::super) B);

impl<Id: FromStr> FromRequestParts<App> for Identifier<Id> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id: String = path(parts, app).await?;
        id.parse().map(Self).map_err(|_| absent())
    }
}

impl<A: FromStr, B: FromStr> FromRequestParts<App> for Identifiers<A, B> {
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
    Failure::Absent("thing").into()
}
