//! The provider's endpoints, under the path of its issuer.
mod grant;
mod oauth;

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get, routing::post};
use serde_json::Value;

use crate::provider::Provider;

/// What the provider answers to its clients.
pub(crate) fn router(provider: Arc<Provider>) -> Router {
    let at = |endpoint: &str| format!("{}{endpoint}", provider.path());
    Router::new()
        .route(&at("/.well-known/openid-configuration"), get(discovery))
        .route(&at("/jwks"), get(jwks))
        .route(&at("/token"), post(grant::token))
        .with_state(provider)
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.discovery())
}

async fn jwks(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.jwks())
}
