//! The OpenID document and the JWKS, as a filter or a client library reads them.
use crate::support::{get, provider, verified};
use dev_idp::{Config, DevIdp, KeyKind};
use serde_json::json;

#[tokio::test]
async fn the_openid_document_leads_to_the_keys_and_the_token_endpoint() {
    let idp = provider().await;
    let document = get(&idp.ready().discovery_uri).await;
    assert_eq!(document["issuer"], json!(idp.issuer()));
    assert_eq!(document["jwks_uri"], json!(idp.jwks_uri()));
    assert_eq!(document["token_endpoint"], json!(idp.ready().token_endpoint));
    assert_eq!(get(document["jwks_uri"].as_str().unwrap()).await, idp.jwks());
}

#[tokio::test]
async fn the_jwks_shows_one_public_key_of_each_kind() {
    let idp = provider().await;
    let jwks = get(&idp.jwks_uri()).await;
    let keys: Vec<_> =
        jwks["keys"].as_array().unwrap().iter().map(|key| (&key["kty"], &key["alg"])).collect();
    let (rsa, ec, okp) = (json!("RSA"), json!("EC"), json!("OKP"));
    let (es256, es384, eddsa, absent) =
        (json!("ES256"), json!("ES384"), json!("EdDSA"), json!(null));
    assert_eq!(keys, [(&rsa, &absent), (&ec, &es256), (&ec, &es384), (&okp, &eddsa)]);
    let kinds: Vec<_> = idp.keys().iter().map(|key| key.kind).collect();
    assert_eq!(kinds, [KeyKind::Rsa, KeyKind::P256, KeyKind::P384, KeyKind::Ed25519]);
    assert!(idp.keys().iter().all(|key| key.published && key.current));
}

#[tokio::test]
async fn the_path_of_the_issuer_leads_every_endpoint() {
    let issuer = Some("https://idp.example/realms/shop".to_owned());
    let idp = DevIdp::start(Config { issuer, ..Config::default() }).await.unwrap();
    assert_eq!(idp.jwks_uri(), "https://idp.example/realms/shop/jwks");
    let here = format!("http://{}", idp.address());
    let document = get(&format!("{here}/realms/shop/.well-known/openid-configuration")).await;
    assert_eq!(document["issuer"], "https://idp.example/realms/shop");
    assert_eq!(get(&format!("{here}/realms/shop/jwks")).await, idp.jwks());
    assert_eq!(reqwest::get(format!("{here}/jwks")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_issuer_that_is_no_web_address_does_not_start() {
    let issuer = Some("idp.example".to_owned());
    let error = DevIdp::start(Config { issuer, ..Config::default() }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the issuer `idp.example` must be an http or https URL without query or fragment"
    );
}

#[tokio::test]
async fn two_providers_know_the_same_subjects_and_share_no_key() {
    let (one, other) = (provider().await, provider().await);
    assert_ne!(one.issuer(), other.issuer());
    let sub = |idp: &DevIdp| {
        let token = idp.token("alice").sign();
        jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(token).unwrap().claims["sub"]
            .clone()
    };
    assert_eq!(sub(&one), sub(&other));
    assert!(verified(&one.jwks_uri(), &one.token("alice").sign()).await.is_some());
    assert!(verified(&other.jwks_uri(), &one.token("alice").sign()).await.is_none());
}
