//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the client's own name for the request.

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;

use crate::adapters::http::problem::Problem;

const NAME: &str = "idempotency-key";

/// The key, if there is one: 1 to 255 visible ASCII characters, its quotes included if it has any.
pub(in super::super) struct IdempotencyHeader(pub(in super::super) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(NAME).iter();
        match (lines.next().map(HeaderValue::as_bytes), lines.next()) {
            (None, _) => Ok(Self(None)),
            (Some(key), None) if (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic) => {
                Ok(Self(Some(String::from_utf8_lossy(key).into_owned())))
            }
            _ => Err(Problem::header(NAME, "must be one key of 1 to 255 visible ASCII characters")),
        }
    }
}
