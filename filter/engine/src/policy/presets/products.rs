//! Tokens as the products write them: the names and the forms of their documentation, with the
//! shop's values.

use serde_json::{Value, json};

use crate::policy::document::Preset;
use crate::reason::Reason;

/// Header and claims.
pub(super) type Token = (Value, Value);

/// A product's access token, and a token of its that is none.
pub(super) struct Product {
    pub(super) preset: Preset,
    pub(super) audience: &'static str,
    pub(super) access: Token,
    pub(super) roles: &'static [&'static str],
    pub(super) other: (Token, Reason),
}

#[allow(clippy::too_many_lines)] // a table
pub(super) fn products() -> Vec<Product> {
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
            other: (
                (
                    json!({ "alg": "RS256", "typ": "JWT", "kid": "f1" }),
                    json!({
                        "typ": "ID", "exp": 1_767_225_900, "iss": "https://idp.example/realms/shop", "aud": "orders-api", "sub": "5f0c",
                        "azp": "orders-api", "nonce": "n",
                    }),
                ),
                Reason::ClaimMismatch,
            ),
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
            other: (
                (
                    json!({ "alg": "RS256", "typ": "JWT", "kid": "RkI5" }),
                    json!({ "exp": 1_767_225_900, "iss": "https://shop.eu.auth0.com/", "sub": "auth0|5f7c", "aud": "my_client_id", "nonce": "n" }),
                ),
                Reason::AudienceMismatch,
            ),
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
            other: (
                (
                    json!({ "kid": "ZkvelLN", "alg": "RS256" }),
                    json!({
                        "exp": 1_767_225_900, "sub": "00u1", "ver": 1, "iss": "https://shop.okta.com/oauth2/default", "aud": "0oa1",
                        "jti": "ID.radC", "amr": ["pwd"], "groups": ["Everyone"],
                    }),
                ),
                Reason::AudienceMismatch,
            ),
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
            other: (
                (
                    json!({ "typ": "JWT", "alg": "RS256", "kid": "nOo3" }),
                    json!({
                        "aud": "11111111-2222-3333-4444-555555555555", "exp": 1_767_225_900, "ver": "2.0", "sub": "AAAA", "nonce": "n",
                        "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
                        "roles": ["Orders.Read.All"],
                    }),
                ),
                Reason::ClaimMismatch,
            ),
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
            other: (
                (
                    json!({ "kid": "1234example=", "alg": "RS256" }),
                    json!({
                        "exp": 1_767_225_900, "sub": "a1b2c3d4", "aud": "7m1234abcdefghijklmnopqrst", "token_use": "id",
                        "client_id": "7m1234abcdefghijklmnopqrst", "cognito:groups": ["customer"],
                        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
                    }),
                ),
                Reason::ClaimMismatch,
            ),
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
            // who signs in with Google has this one, from another issuer
            other: (
                (
                    json!({ "alg": "RS256", "typ": "JWT", "kid": "0oeLcQ" }),
                    json!({
                        "iss": "https://accounts.google.com", "azp": "1.apps.googleusercontent.com", "email": "alice@shop.example",
                        "aud": "/projects/123456789012/global/backendServices/1234567890123456789", "exp": 1_767_226_200,
                        "sub": "108291741951893245", "hd": "shop.example", "iat": 1_767_225_600,
                    }),
                ),
                Reason::IssuerUnknown,
            ),
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
            other: (
                (
                    json!({ "typ": "JWT", "alg": "RS256", "kid": "RjEwOwOA" }),
                    json!({ "exp": 1_767_225_900, "iss": "https://authorization-server.example/", "sub": "5ba5", "aud": "orders-api" }),
                ),
                Reason::TypeNotAccepted,
            ),
        },
    ]
}
