//! Headers of conditional and repeatable requests: entity tags (RFC 9110 8.8.3), preconditions (RFC
//! 9110 13.1), and `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::adapters::http::problem::Problem;
use crate::application::Precondition;

/// `If-None-Match` (RFC 9110 13.1.2): the versions that the client has cached.
pub(in super::super) struct IfNoneMatch {
    any: bool,
    versions: Vec<i64>,
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(IF_NONE_MATCH).iter();
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        // weak comparison (RFC 9110 13.1.2)
        let versions = lines.iter().flat_map(|line| line.split(',')).filter_map(|tag| {
            let tag = tag.trim();
            version(tag.strip_prefix("W/").unwrap_or(tag))
        });
        Ok(Self { any: lines == ["*"], versions: versions.collect() })
    }
}

impl IfNoneMatch {
    /// Returns the response with its entity tag, or 304 if the client has this version.
    pub(in super::super) fn respond(&self, current: i64, shown: impl IntoResponse) -> Response {
        if self.any || self.versions.contains(&current) {
            with_etag(current, StatusCode::NOT_MODIFIED)
        } else {
            with_etag(current, shown)
        }
    }
}

/// Adds the entity tag of this version to a response.
pub(in super::super) fn with_etag(version: i64, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Parses a list of strong entity tags.
fn versions(list: &str) -> impl Iterator<Item = i64> {
    list.split(',').filter_map(|tag| version(tag.trim()))
}

fn version(tag: &str) -> Option<i64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

impl<S: Sync> FromRequestParts<S> for Precondition {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut lines = parts.headers.get_all(IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Self::None);
        }
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        // an invalid tag matches nothing, nor does a weak one (RFC 9110 8.8.3.2)
        Ok(if lines == ["*"] {
            Self::Any
        } else {
            Self::Versions(lines.into_iter().flat_map(versions).collect())
        })
    }
}

const NAME: &str = "idempotency-key";

/// The key, if there is one: 1 to 255 visible ASCII characters. Quotes are part of the key.
pub(in super::super) struct IdempotencyHeader(pub(in super::super) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(NAME).iter();
        match (lines.next().map(HeaderValue::as_bytes), lines.next()) {
            (None, _) => Ok(Self(None)),
            (Some(key), None)
                if (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic) =>
            {
                Ok(Self(Some(String::from_utf8_lossy(key).into_owned())))
            }
            _ => Err(Problem::header(NAME, "must be one key of 1 to 255 visible ASCII characters")),
        }
    }
}
