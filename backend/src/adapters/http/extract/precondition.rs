//! `If-Match` (RFC 9110 13.1.1). It is read here and judged by the use case, after the right.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;

use super::etag::versions;
use crate::application::precondition::Precondition;

impl<S: Sync> FromRequestParts<S> for Precondition {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut lines = parts.headers.get_all(IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Self::None);
        }
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        // one that cannot be read matches nothing; a weak one never does (RFC 9110 8.8.3.2)
        Ok(if lines == ["*"] {
            Self::Any
        } else {
            Self::Versions(lines.into_iter().flat_map(versions).collect())
        })
    }
}
