//! Tokens as the products write them, and what the presets make of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::*;
use crate::authn::algorithm::Algorithm;
use crate::authn::claims::UnverifiedClaims;
use crate::authn::jwks::KeySet;
use crate::authn::signature::{Proof, RUST_CRYPTO, Verifiers};
use crate::policy::testing::{load, loaded};
use crate::policy::{Document, KeySource, Policy, Provider, TokenSource};
use crate::reason::Reason;

/// A policy whose one provider has a preset, its issuer, its audience, and nothing else.
fn with(preset: Preset, issuer: &str, audience: &str) -> Value {
    json!({
        "providers": { "idp": {
            "preset": preset,
            "issuer": issuer,
            "audiences": [audience],
            "jwks": { "uri": "https://idp.example/keys", "cluster": "idp" },
        } },
        "services": { "shop": { "hosts": ["*"], "routes": [{ "match": "GET /me", "authenticated": true }] } },
    })
}

/// A proof that a signature was verified: RFC 8037 A.4. What was signed does not matter to claims.
fn proof() -> Proof {
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
    let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let signature = BASE64URL.decode(signature).unwrap();
    Verifiers::default().verify(RUST_CRYPTO, &keys.keys()[0], Algorithm::EdDSA, signed, &signature).unwrap()
}

/// The roles that level 1 reads from a token whose signature is good.
fn roles(provider: &Provider, header: &Value, claims: &Value) -> Result<Vec<String>, Reason> {
    let typ = header.get("typ").and_then(Value::as_str).map(str::to_lowercase);
    if !provider.token_types.iter().any(|accepted| accepted.as_deref() == typ.as_deref()) {
        return Err(Reason::TypeNotAccepted);
    }
    let algorithm = Algorithm::from_name(header["alg"].as_str().unwrap()).unwrap();
    assert!(provider.algorithms.contains(algorithm));
    let claims = claims.to_string();
    let claims = UnverifiedClaims::parse(claims.as_bytes())?;
    assert_eq!(claims.issuer()?, &*provider.issuer);
    let claims = claims.verified(proof(), provider, typ.as_deref() == Some("at+jwt"))?;
    Ok(provider.roles.roles(&claims).iter().map(str::to_owned).collect())
}

/// A product's access token, and a token of its that is none.
struct Product {
    preset: Preset,
    audience: &'static str,
    access: (Value, Value),
    roles: &'static [&'static str],
    other: Option<((Value, Value), Reason)>,
}

#[allow(clippy::too_many_lines)] // a table
fn products() -> Vec<Product> {
    vec![
        Product {
            preset: Preset::Keycloak,
            audience: "orders-api",
            access: (
                json!({ "alg": "RS256", "typ": "JWT", "kid": "f1" }),
                json!({
                    "exp": 1_767_225_900, "iat": 1_767_225_600, "jti": "onrtac:6a1c", "typ": "Bearer", "azp": "shop-web",
                    "iss": "https://idp.example/realms/shop", "aud": ["orders-api", "account"],
                    "sub": "5f0c1c57-6a6f-4f0e-a1b1-6ad9ce4a9a01", "sid": "9b0c", "acr": "1",
                    "realm_access": { "roles": ["customer", "offline_access"] },
                    "resource_access": { "account": { "roles": ["view-profile"] } },
                    "scope": "openid profile email", "preferred_username": "alice",
                }),
            ),
            roles: &["customer", "offline_access"],
            other: Some((
                (
                    json!({ "alg": "RS256", "typ": "JWT", "kid": "f1" }),
                    json!({
                        "typ": "ID", "exp": 1_767_225_900, "iss": "https://idp.example/realms/shop", "aud": "orders-api", "sub": "5f0c",
                        "azp": "orders-api", "nonce": "n",
                    }),
                ),
                Reason::ClaimMismatch,
            )),
        },
        Product {
            preset: Preset::Auth0,
            audience: "https://orders.example/api",
            access: (
                json!({ "alg": "RS256", "typ": "at+jwt", "kid": "RkI5" }),
                json!({
                    "iss": "https://shop.eu.auth0.com/", "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
                    "aud": ["https://orders.example/api", "https://shop.eu.auth0.com/userinfo"],
                    "iat": 1_767_225_600, "exp": 1_767_312_000, "scope": "openid profile read:orders",
                    "client_id": "my_client_id", "jti": "c4", "permissions": ["read:orders", "write:orders"],
                }),
            ),
            roles: &["read:orders", "write:orders"],
            other: Some((
                (
                    json!({ "alg": "RS256", "typ": "JWT", "kid": "RkI5" }),
                    json!({ "exp": 1_767_225_900, "iss": "https://shop.eu.auth0.com/", "sub": "auth0|5f7c", "aud": "my_client_id", "nonce": "n" }),
                ),
                Reason::AudienceMismatch,
            )),
        },
        Product {
            preset: Preset::Okta,
            audience: "api://default",
            access: (
                json!({ "kid": "ZkvelLN", "alg": "RS256" }),
                json!({
                    "ver": 1, "jti": "AT.MNAoEQ", "iss": "https://shop.okta.com/oauth2/default", "aud": "api://default",
                    "iat": 1_767_225_600, "exp": 1_767_229_200, "cid": "0oa1", "uid": "00u1",
                    "scp": ["openid", "profile"], "auth_time": 1_767_225_500, "sub": "alice@shop.example",
                    "groups": ["Everyone", "customer"],
                }),
            ),
            roles: &["Everyone", "customer"],
            other: Some((
                (
                    json!({ "kid": "ZkvelLN", "alg": "RS256" }),
                    json!({
                        "exp": 1_767_225_900, "sub": "00u1", "ver": 1, "iss": "https://shop.okta.com/oauth2/default", "aud": "0oa1",
                        "jti": "ID.radC", "amr": ["pwd"], "groups": ["Everyone"],
                    }),
                ),
                Reason::AudienceMismatch,
            )),
        },
        Product {
            preset: Preset::Entra,
            audience: "11111111-2222-3333-4444-555555555555",
            access: (
                json!({ "typ": "JWT", "alg": "RS256", "kid": "nOo3" }),
                json!({
                    "aud": "11111111-2222-3333-4444-555555555555", "iat": 1_767_225_600, "nbf": 1_767_225_600,
                    "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
                    "exp": 1_767_229_500, "aio": "A", "azp": "99999999-8888-7777-6666-555555555555", "azpacr": "0",
                    "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "roles": ["Orders.Read.All"], "scp": "access_as_user",
                    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "rh": "I",
                    "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "uti": "f", "ver": "2.0",
                }),
            ),
            roles: &["Orders.Read.All"],
            other: Some((
                (
                    json!({ "typ": "JWT", "alg": "RS256", "kid": "nOo3" }),
                    json!({
                        "aud": "11111111-2222-3333-4444-555555555555", "exp": 1_767_225_900, "ver": "2.0", "sub": "AAAA", "nonce": "n",
                        "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
                        "roles": ["Orders.Read.All"],
                    }),
                ),
                Reason::ClaimMismatch,
            )),
        },
        Product {
            preset: Preset::Cognito,
            audience: "7m1234abcdefghijklmnopqrst",
            access: (
                json!({ "kid": "1234example=", "alg": "RS256" }),
                json!({
                    "sub": "a1b2c3d4-5678-90ab-cdef-1234567890ab", "cognito:groups": ["customer"],
                    "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI", "version": 2,
                    "client_id": "7m1234abcdefghijklmnopqrst", "origin_jti": "f5", "event_id": "e1",
                    "token_use": "access", "scope": "openid profile", "auth_time": 1_767_225_600,
                    "exp": 1_767_229_200, "iat": 1_767_225_600, "jti": "j1", "username": "alice",
                }),
            ),
            roles: &["customer"],
            other: Some((
                (
                    json!({ "kid": "1234example=", "alg": "RS256" }),
                    json!({
                        "exp": 1_767_225_900, "sub": "a1b2c3d4", "aud": "7m1234abcdefghijklmnopqrst", "token_use": "id",
                        "client_id": "7m1234abcdefghijklmnopqrst", "cognito:groups": ["customer"],
                        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
                    }),
                ),
                Reason::ClaimMismatch,
            )),
        },
        Product {
            preset: Preset::GoogleIap,
            audience: "/projects/123456789012/global/backendServices/1234567890123456789",
            access: (
                json!({ "alg": "ES256", "typ": "JWT", "kid": "0oeLcQ" }),
                json!({
                    "aud": "/projects/123456789012/global/backendServices/1234567890123456789",
                    "azp": "/projects/123456789012/global/backendServices/1234567890123456789",
                    "email": "alice@shop.example", "exp": 1_767_226_200, "iat": 1_767_225_600,
                    "iss": "https://cloud.google.com/iap", "sub": "accounts.google.com:108291741951893245",
                    "google": { "access_levels": ["accessPolicies/1/accessLevels/office"] }, "hd": "shop.example",
                }),
            ),
            roles: &["accessPolicies/1/accessLevels/office"],
            other: None,
        },
        Product {
            preset: Preset::Oauth2,
            audience: "orders-api",
            access: (
                json!({ "typ": "at+JWT", "alg": "RS256", "kid": "RjEwOwOA" }),
                json!({
                    "iss": "https://authorization-server.example/", "sub": "5ba552d67", "aud": "orders-api",
                    "exp": 1_767_229_200, "iat": 1_767_225_600, "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
                    "client_id": "s6BhdRkqt3", "scope": "openid profile reademail",
                }),
            ),
            roles: &["openid", "profile", "reademail"],
            other: Some((
                (
                    json!({ "typ": "JWT", "alg": "RS256", "kid": "RjEwOwOA" }),
                    json!({ "exp": 1_767_225_900, "iss": "https://authorization-server.example/", "sub": "5ba5", "aud": "orders-api" }),
                ),
                Reason::TypeNotAccepted,
            )),
        },
    ]
}

#[test]
fn a_preset_accepts_the_products_access_token_with_its_roles_and_no_other_token_of_it() {
    let products = products();
    assert!(Preset::ALL.iter().all(|preset| products.iter().any(|product| product.preset == *preset)));
    for Product { preset, audience, access: (header, claims), roles: expected, other } in products {
        let policy = |audience| load(&with(preset, claims["iss"].as_str().unwrap(), audience)).unwrap();
        let read = |policy: &Policy, (header, claims): &(Value, Value)| {
            roles(&policy.providers()[0], header, claims)
        };
        let access = (header, claims.clone());
        assert_eq!(read(&policy(audience), &access).unwrap(), expected, "{preset:?}");
        let elsewhere = read(&policy("another-api"), &access);
        assert_eq!(elsewhere, Err(Reason::AudienceMismatch), "{preset:?}");
        if let Some((token, reason)) = other {
            assert_eq!(read(&policy(audience), &token), Err(reason), "{preset:?}");
        }
    }
}

#[test]
fn googles_proxy_needs_an_audience_and_a_cluster_only() {
    let policy = loaded(|policy| {
        policy["providers"]["iap"] = json!({ "preset": "google-iap", "audiences": ["/projects/1/apps/shop"], "jwks": { "cluster": "gstatic" } });
    });
    let provider = &policy.providers()[0];
    let KeySource::Uri(endpoint) = &provider.keys else { panic!("no URI") };
    assert_eq!((&*endpoint.uri, &*endpoint.cluster), (IAP_KEYS, "gstatic"));
    assert_eq!(&*provider.issuer, IAP_ISSUER);
    let header = TokenSource::Header { name: IAP_HEADER.into(), prefix: "".into() };
    assert_eq!(policy.source(provider.source), Some(&header));
    assert_eq!(policy.services()[0].sources().len(), 2);
}

#[test]
fn what_the_document_says_stands_and_what_the_preset_requires_is_required_all_the_same() {
    let mut document = with(Preset::Cognito, "https://idp.example", "client");
    let provider = &mut document["providers"]["idp"];
    provider["algorithms"] = json!(["ES256"]);
    provider["roles"] = json!([]);
    provider["required_claims"] = json!([{ "path": ["version"], "equals": "2" }]);
    let said: Document = serde_json::from_value(document.clone()).unwrap();
    let resolved = said.resolved();
    let provider = &resolved.providers["idp"];
    assert_eq!((provider.preset, &provider.algorithms), (None, &Some(texts(&["ES256"]))));
    assert_eq!(provider.roles.as_deref(), Some(&[][..]));
    let rules = provider.required_claims.as_deref().unwrap();
    assert_eq!(rules, [equals("version", "2"), equals("token_use", "access")]);

    document["providers"]["idp"]["required_claims"] =
        json!([{ "path": ["token_use"], "one_of": ["access", "x"] }]);
    let said: Document = serde_json::from_value(document).unwrap();
    assert_eq!(said.resolved().providers["idp"].required_claims.as_ref().unwrap().len(), 1);
}

#[test]
fn a_preset_is_only_a_shorthand() {
    for preset in Preset::ALL {
        let document = with(preset, "https://idp.example", "api");
        let said: Document = serde_json::from_value(document.clone()).unwrap();
        let written_out = serde_json::to_value(said.resolved()).unwrap();
        assert!(!written_out.to_string().contains("preset"));
        assert_eq!(load(&document).unwrap().hash(), load(&written_out).unwrap().hash());
        assert_eq!(said.resolved().resolved(), said.resolved());
    }
}
