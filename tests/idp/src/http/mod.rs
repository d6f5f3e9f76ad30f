//! The provider's endpoints, under the path of its issuer.
mod control;
mod faulty;
mod grant;
mod oauth;

use std::sync::Arc;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
pub(crate) use control::Controls;
use serde_json::Value;

use crate::faults::Endpoint;
use crate::provider::Provider;

/// What the provider answers to its clients.
pub(crate) fn router(provider: Arc<Provider>) -> Router {
    let under = |route: MethodRouter<Arc<Provider>>, endpoint| {
        route.route_layer(from_fn_with_state((Arc::clone(&provider), endpoint), faulty::faulty))
    };
    let at = |endpoint: &str| format!("{}{endpoint}", provider.path());
    Router::new()
        .route(&at("/.well-known/openid-configuration"), under(get(discovery), Endpoint::Discovery))
        .route(&at("/jwks"), under(get(jwks), Endpoint::Jwks))
        .route(&at("/token"), under(post(grant::token), Endpoint::Token))
        // where Keycloak has them, for docker compose, in which this provider can take its place
        .route(&at("/protocol/openid-connect/certs"), under(get(jwks), Endpoint::Jwks))
        .route(&at("/protocol/openid-connect/token"), under(post(grant::token), Endpoint::Token))
        .with_state(provider)
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.discovery())
}

async fn jwks(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.jwks())
}
