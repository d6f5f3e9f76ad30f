//! What the provider's tests share: a provider, a client, and a verifier that is not the
//! provider's.
use dev_idp::{Config, DevIdp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;

pub(crate) async fn provider() -> DevIdp {
    DevIdp::start(Config::default()).await.unwrap()
}

pub(crate) async fn get(url: &str) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// The claims of `token`, if a key of the published set verifies it; `None` if not.
pub(crate) async fn verified(jwks_uri: &str, token: &str) -> Option<Value> {
    let jwks: JwkSet = serde_json::from_value(get(jwks_uri).await).unwrap();
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = DecodingKey::from_jwk(jwks.find(&header.kid?)?).ok()?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[dev_idp::AUDIENCE]);
    jsonwebtoken::decode(token, &key, &validation).ok().map(|data| data.claims)
}
