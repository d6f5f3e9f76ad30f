//! What the token endpoint reads and refuses: parameters, client authentication, and the errors of
//! RFC 6749 5.2.
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use serde_json::json;

use crate::directory::{Client, client};

/// A refusal of the token endpoint.
#[derive(Debug)]
pub(crate) struct OAuthError {
    code: &'static str,
    description: &'static str,
}

impl OAuthError {
    const fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }

    pub(crate) const fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    pub(crate) const fn invalid_client(description: &'static str) -> Self {
        Self::new("invalid_client", description)
    }

    pub(crate) const INVALID_GRANT: Self =
        Self::new("invalid_grant", "wrong user name or password");
    pub(crate) const INVALID_SCOPE: Self =
        Self::new("invalid_scope", "the client may not ask for this scope");
    pub(crate) const UNAUTHORIZED_CLIENT: Self =
        Self::new("unauthorized_client", "the client may not use this grant");
    pub(crate) const UNSUPPORTED_GRANT_TYPE: Self =
        Self::new("unsupported_grant_type", "the grants are `password` and `client_credentials`");
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.description });
        if self.code == "invalid_client" {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"dev-idp\"")];
            return (StatusCode::UNAUTHORIZED, challenge, axum::Json(body)).into_response();
        }
        (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
    }
}

/// The parameters of one request: none twice, and an empty one is an absent one (RFC 6749 3.2).
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn new(mut pairs: Vec<(String, String)>) -> Result<Self, OAuthError> {
        pairs.sort();
        if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(OAuthError::invalid_request("a parameter is there twice"));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn required(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::invalid_request(missing))
    }
}

/// The client that asks, and has proven it if it is a confidential one (RFC 6749 2.3.1).
pub(crate) fn authenticate(
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<&'static Client, OAuthError> {
    let (id, secret) = match headers.get(header::AUTHORIZATION) {
        Some(_) if parameters.get("client_secret").is_some() => {
            return Err(OAuthError::invalid_request("the client authenticates in two ways"));
        }
        Some(value) => {
            let (id, secret) = basic(value.as_bytes())
                .ok_or(OAuthError::invalid_client("the Authorization header is not a Basic one"))?;
            (id, Some(secret))
        }
        None => {
            let id = parameters
                .get("client_id")
                .ok_or(OAuthError::invalid_client("no client is named"))?;
            (id.to_owned(), parameters.get("client_secret").map(str::to_owned))
        }
    };
    let client = client(&id).ok_or(OAuthError::invalid_client("no such client"))?;
    let expected = client.service.as_ref().map(|service| &service.secret);
    if expected != secret.as_ref() {
        return Err(OAuthError::invalid_client("wrong client secret"));
    }
    Ok(client)
}

/// RFC 7617. The demo ids and secrets have nothing that form encoding would change.
fn basic(value: &[u8]) -> Option<(String, String)> {
    let (scheme, credentials) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let credentials = String::from_utf8(BASE64.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
}
