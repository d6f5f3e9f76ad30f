//! The token endpoint: the grants `password` (RFC 6749 4.3) and `client_credentials` (4.4).
use std::sync::Arc;

use axum::extract::{Form, State, rejection::FormRejection};
use axum::http::{HeaderMap, header};
use axum::{Json, response::IntoResponse};
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::oauth::{OAuthError, Parameters, authenticate};
use crate::claims::DEFAULT_LIFETIME;
use crate::directory::{Account, Client, users};
use crate::keys::KeyKind;
use crate::{mint, provider::Provider};

/// The longest life that a client can ask for, in seconds: a day.
const LONGEST_LIFETIME: i64 = 86_400;

/// Beside the standard's parameters it takes `alg` (RS256 if absent) and `lifetime` (seconds), for
/// demos.
pub(crate) async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> impl IntoResponse {
    // RFC 6749 5.1
    let uncached = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    let reply = form
        .map_err(|_| {
            OAuthError::invalid_request("the body is not application/x-www-form-urlencoded")
        })
        .and_then(|Form(pairs)| Parameters::new(pairs))
        .and_then(|parameters| grant(&provider, &headers, &parameters));
    (uncached, reply)
}

fn grant(
    provider: &Provider,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Json<serde_json::Value>, OAuthError> {
    let grant_type = parameters.required("grant_type", "no `grant_type`")?;
    let client = authenticate(headers, parameters)?;
    let account = match grant_type {
        "password" => password(client, parameters)?,
        "client_credentials" => {
            Account::of_service(client).ok_or(OAuthError::UNAUTHORIZED_CLIENT)?
        }
        _ => return Err(OAuthError::UNSUPPORTED_GRANT_TYPE),
    };
    let scope = scope(client, parameters)?;
    let lifetime = lifetime(parameters)?;
    let alg = alg(parameters)?;
    let claims = provider.claims(account, &scope, lifetime);
    let spec = mint::TokenSpec { claims, alg: Some(alg), ..mint::TokenSpec::default() };
    let token =
        mint::sign(provider, &spec).expect("the algorithm has a key, and no account is named");
    Ok(Json(json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": scope,
    })))
}

fn password(client: &'static Client, parameters: &Parameters) -> Result<Account, OAuthError> {
    if client.service.is_some() {
        return Err(OAuthError::UNAUTHORIZED_CLIENT);
    }
    let name = parameters.required("username", "no `username`")?;
    let password = parameters.required("password", "no `password`")?;
    let user = users().iter().find(|user| user.name == name && user.password == password);
    user.map(|user| Account::of_user(user, client)).ok_or(OAuthError::INVALID_GRANT)
}

fn scope(client: &Client, parameters: &Parameters) -> Result<String, OAuthError> {
    let Some(asked) = parameters.get("scope") else { return Ok(client.scopes.join(" ")) };
    let allowed = asked.split(' ').all(|scope| client.scopes.iter().any(|known| known == scope));
    allowed.then(|| asked.to_owned()).ok_or(OAuthError::INVALID_SCOPE)
}

fn lifetime(parameters: &Parameters) -> Result<i64, OAuthError> {
    let Some(asked) = parameters.get("lifetime") else { return Ok(DEFAULT_LIFETIME) };
    let seconds = asked.parse().ok().filter(|seconds| (1..=LONGEST_LIFETIME).contains(seconds));
    seconds.ok_or(OAuthError::invalid_request("`lifetime` is a number of seconds, from 1 to 86400"))
}

fn alg(parameters: &Parameters) -> Result<Algorithm, OAuthError> {
    let Some(asked) = parameters.get("alg") else { return Ok(Algorithm::RS256) };
    let alg = asked.parse().ok().filter(|alg| KeyKind::of(*alg).is_some());
    alg.ok_or(OAuthError::invalid_request(
        "`alg` is one of RS256 to RS512, PS256 to PS512, ES256, ES384, EdDSA",
    ))
}
