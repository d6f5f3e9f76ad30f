//! [`Principal`] as an axum extractor: the only way that a service gets one.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{FromRef, FromRequestParts, MatchedPath, OptionalFromRequestParts};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::principal::Principal;
use crate::verify::{AssertionError, AssertionVerifier, Endpoint};

/// The 401 to a request without a valid assertion. It carries a challenge (RFC 9110 11.6.1) and a
/// problem document (RFC 9457), which tell the client whether there was an assertion, the request
/// id that the logs have, and nothing else. The [`AssertionError`] travels in the response's
/// extensions, for the service's log.
#[derive(Clone, Debug)]
pub struct Unauthenticated {
    error: AssertionError,
    realm: String,
    request_id: Option<String>,
}

/// The header that carries the request id. Envoy sets it on each request that it forwards.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// Longest accepted request id. A UUID has 36 characters.
const MAX_REQUEST_ID: usize = 128;

/// Returns the request id: the value of the only `x-request-id` header, if it has at most 128
/// characters, all of them ASCII letters, digits or one of `-._~:=+/`, as the gateway has it. Other
/// values are ignored: none of these characters needs an escape in a log, a header or JSON.
pub fn request_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(REQUEST_ID_HEADER).iter();
    let (Some(id), None) = (values.next(), values.next()) else { return None };
    let id = id.to_str().ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:=+/".contains(&byte);
    ((1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(allowed)).then_some(id)
}

impl Unauthenticated {
    /// What is wrong with the assertion. For the log, not for the client.
    pub fn error(&self) -> AssertionError {
        self.error
    }
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        // RFC 6750 3: a request that brought nothing is told no error
        let (reason, error) = match self.error {
            AssertionError::Missing => ("assertion-missing", ""),
            _ => ("assertion-invalid", ", error=\"invalid_token\""),
        };
        let mut body = json!({ "type": "about:blank", "title": "Unauthorized", "status": 401, "reason": reason });
        if let (Some(id), Some(members)) = (self.request_id, body.as_object_mut()) {
            members.insert("request_id".to_owned(), id.into());
        }
        let mut response = (StatusCode::UNAUTHORIZED, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let challenge = HeaderValue::try_from(format!("Bearer realm=\"{}\"{error}", self.realm));
        headers.insert(
            WWW_AUTHENTICATE,
            // a realm that could not stand here does not make a verifier
            challenge.unwrap_or_else(|_| HeaderValue::from_static("Bearer realm=\"service\"")),
        );
        response.extensions_mut().insert(self.error);
        response
    }
}

impl<S> FromRequestParts<S> for Principal
where
    AssertionVerifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Unauthenticated;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unauthenticated> {
        let verifier = AssertionVerifier::from_ref(state);
        authenticate(parts, &verifier).map_err(|error| Unauthenticated {
            error,
            realm: verifier.audience().to_owned(),
            request_id: request_id(&parts.headers).map(str::to_owned),
        })
    }
}

/// For handlers that everybody may call: no assertion is `None`, one that is bad is refused all the
/// same.
impl<S> OptionalFromRequestParts<S> for Principal
where
    AssertionVerifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Unauthenticated;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, Unauthenticated> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(principal) => Ok(Some(principal)),
            Err(refused) if refused.error == AssertionError::Missing => Ok(None),
            Err(refused) => Err(refused),
        }
    }
}

fn authenticate(parts: &Parts, verifier: &AssertionVerifier) -> Result<Principal, AssertionError> {
    let mut sent = parts.headers.get_all(verifier.header()).iter();
    let assertion = sent.next().ok_or(AssertionError::Missing)?;
    if sent.next().is_some() {
        return Err(AssertionError::Several);
    }
    let assertion = assertion.to_str().map_err(|_| AssertionError::Malformed)?;
    // what the router did not match has no row either
    let route = parts.extensions.get::<MatchedPath>().ok_or(AssertionError::WrongRow)?;
    let endpoint = Endpoint { method: parts.method.as_str(), route: route.as_str() };
    // a clock before 1970 makes every assertion one of the future
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    verifier.verify(assertion, endpoint, now)
}
