//! Pagination by `limit` and `after`. `after` is a sort key only: access to the items is decided on
//! every request.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::str::FromStr;

use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use crate::application::failure::{FieldError, Invalid};
use crate::application::ports::Page;
use crate::domain::values::Text;

/// Maximum number of items of a page.
const MAX_LIMIT: u32 = 100;
const DEFAULT_LIMIT: u32 = 20;

/// Query of a list, not validated yet.
pub(in super::super) struct PageQuery<Id> {
    raw: Raw,
    path: String,
    ids: PhantomData<Id>,
}

#[derive(Default, Deserialize)]
struct Raw {
    limit: Option<String>,
    after: Option<String>,
    q: Option<String>,
}

impl<S: Sync, Id> FromRequestParts<S> for PageQuery<Id> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let raw = Query::try_from_uri(&parts.uri).map(|Query(raw)| raw).unwrap_or_default();
        Ok(Self { raw, path: parts.uri.path().to_owned(), ids: PhantomData })
    }
}

impl<Id: FromStr> PageQuery<Id> {
    /// Parses `limit` and `after`.
    pub(in super::super) fn page(&self) -> Result<Page<Id>, Invalid> {
        let mut errors = Vec::new();
        let limit = match self.raw.limit.as_deref().map(str::parse) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => {
                errors.push(FieldError::query(
                    "limit",
                    &format!("must be a number from 1 to {MAX_LIMIT}"),
                ));
                DEFAULT_LIMIT
            }
        };
        let after = self.raw.after.as_deref().map(str::parse).transpose().unwrap_or_else(|_| {
            errors
                .push(FieldError::query("after", &"must be taken from the link to the next page"));
            None
        });
        if errors.is_empty() { Ok(Page { after, limit }) } else { Err(Invalid::Fields(errors)) }
    }

    /// Parses the search text `q`.
    pub(in super::super) fn search(&self) -> Result<Option<Text<200>>, Invalid> {
        let search = self.raw.q.as_deref().filter(|q| !q.is_empty()).map(Text::new).transpose();
        search.map_err(|error| FieldError::query("q", &error).into_invalid())
    }
}

/// A page of a list.
#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

/// Returns a page, with a link to the next page (RFC 8288) if this page is full.
pub(in super::super) fn page_response<Id, T: Serialize>(
    query: &PageQuery<Id>,
    limit: u32,
    last: Option<String>,
    items: Vec<T>,
) -> Response {
    let full = u32::try_from(items.len()).is_ok_and(|length| length >= limit);
    page_response_with_next(query, limit, last.filter(|_| full), items)
}

/// Returns a page, with a link to the page that begins after `next`, if there is one.
pub(in super::super) fn page_response_with_next<Id, T: Serialize>(
    query: &PageQuery<Id>,
    limit: u32,
    next: Option<String>,
    items: Vec<T>,
) -> Response {
    let next = next.map(|last| {
        let search = query.raw.q.as_deref().filter(|q| !q.is_empty());
        let search = search.map_or_else(String::new, |q| format!("&q={}", percent_encoded(q)));
        format!("<{}?limit={limit}&after={last}{search}>; rel=\"next\"", query.path)
    });
    let mut response = Json(Items { items }).into_response();
    if let Some(Ok(link)) = next.map(HeaderValue::try_from) {
        response.headers_mut().insert(LINK, link);
    }
    response
}

/// Encodes everything except unreserved characters (RFC 3986 2.3).
fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}
