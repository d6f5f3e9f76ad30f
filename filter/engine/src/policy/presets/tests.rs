//! Tokens as the products write them, and what the presets make of them.

use serde_json::{Value, json};

use super::*;
use crate::policy::provider::{Provider, TokenSource};
use crate::policy::testing::{load, loaded};
use crate::policy::{Document, KeySource};

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

fn at<'a>(claims: &'a Value, path: &[Box<str>]) -> Option<&'a Value> {
    path.iter().try_fold(claims, |value, name| value.as_object()?.get(&**name))
}

fn has_one_of(claim: Option<&Value>, values: &[Box<str>]) -> bool {
    let is_one = |value: &Value| value.as_str().is_some_and(|text| values.iter().any(|it| **it == *text));
    claim.is_some_and(|claim| claim.as_array().map_or(is_one(claim), |list| list.iter().any(is_one)))
}

/// What level 1 asks of header and claims, as far as presets say anything of it.
fn accepts(provider: &Provider, header: &Value, claims: &Value) -> bool {
    let typ = header.get("typ").and_then(Value::as_str).map(str::to_lowercase);
    let algorithm = crate::authn::algorithm::Algorithm::from_name(header["alg"].as_str().unwrap());
    provider.algorithms.contains(algorithm.unwrap())
        && provider.token_types.iter().any(|listed| listed.as_deref() == typ.as_deref())
        && claims["iss"] == *provider.issuer
        && at(claims, &provider.subject).is_some_and(Value::is_string)
        && has_one_of(at(claims, &provider.audience_claim), &provider.audiences)
        && provider.required_claims.iter().all(|rule| has_one_of(at(claims, &rule.path), &rule.one_of))
}

fn roles(provider: &Provider, claims: &Value) -> Vec<String> {
    let text = claims.to_string();
    let object = crate::authn::Object::parse(text.as_bytes()).unwrap();
    provider.roles.collect(|path| object.at(path)).iter().map(str::to_owned).collect()
}

/// A product's access token, and a token of its that is none.
struct Product {
    preset: Preset,
    audience: &'static str,
    access: (Value, Value),
    roles: &'static [&'static str],
    other: Option<(Value, Value)>,
}

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
                json!({ "alg": "RS256", "typ": "JWT", "kid": "f1" }),
                json!({
                    "typ": "ID", "iss": "https://idp.example/realms/shop", "aud": "orders-api", "sub": "5f0c",
                    "azp": "orders-api", "nonce": "n",
                }),
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
                json!({ "alg": "RS256", "typ": "JWT", "kid": "RkI5" }),
                json!({ "iss": "https://shop.eu.auth0.com/", "sub": "auth0|5f7c", "aud": "my_client_id", "nonce": "n" }),
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
                json!({ "kid": "ZkvelLN", "alg": "RS256" }),
                json!({
                    "sub": "00u1", "ver": 1, "iss": "https://shop.okta.com/oauth2/default", "aud": "0oa1",
                    "jti": "ID.radC", "amr": ["pwd"], "groups": ["Everyone"],
                }),
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
                json!({ "typ": "JWT", "alg": "RS256", "kid": "nOo3" }),
                json!({
                    "aud": "11111111-2222-3333-4444-555555555555", "ver": "2.0", "sub": "AAAA", "nonce": "n",
                    "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
                    "roles": ["Orders.Read.All"],
                }),
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
                json!({ "kid": "1234example=", "alg": "RS256" }),
                json!({
                    "sub": "a1b2c3d4", "aud": "7m1234abcdefghijklmnopqrst", "token_use": "id",
                    "client_id": "7m1234abcdefghijklmnopqrst", "cognito:groups": ["customer"],
                    "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
                }),
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
                json!({ "typ": "JWT", "alg": "RS256", "kid": "RjEwOwOA" }),
                json!({ "iss": "https://authorization-server.example/", "sub": "5ba5", "aud": "orders-api" }),
            )),
        },
    ]
}

#[test]
fn a_preset_accepts_the_products_access_token_with_its_roles_and_no_other_token_of_it() {
    let products = products();
    assert!(Preset::ALL.iter().all(|preset| products.iter().any(|product| product.preset == *preset)));
    for Product { preset, audience, access: (header, claims), roles: expected, other } in products {
        let policy = load(&with(preset, claims["iss"].as_str().unwrap(), audience)).unwrap();
        let provider = &policy.providers()[0];
        assert!(accepts(provider, &header, &claims), "{preset:?}");
        assert_eq!(roles(provider, &claims), expected, "{preset:?}");
        if let Some((header, claims)) = other {
            assert!(!accepts(provider, &header, &claims), "{preset:?}");
        }
        let policy = load(&with(preset, claims["iss"].as_str().unwrap(), "another-api")).unwrap();
        assert!(!accepts(&policy.providers()[0], &header, &claims), "{preset:?}: another audience");
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
    assert_eq!((provider.preset, &provider.algorithms), (None, &texts(&["ES256"])));
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
