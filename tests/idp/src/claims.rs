//! What an honest access token says: the claims of Keycloak's, for the audience `orders-api`.
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::directory::Account;

/// The audience of every honest token.
pub const AUDIENCE: &str = "orders-api";

/// How long an honest token lasts if nothing else is asked for, in seconds.
pub const DEFAULT_LIFETIME: i64 = 300;

/// The claims of an access token for `account`, which ends `lifetime` seconds from now.
pub(crate) fn access_token(
    issuer: &str,
    account: Account,
    scope: &str,
    lifetime: i64,
) -> Map<String, Value> {
    let now = now();
    let Value::Object(claims) = json!({
        "iss": issuer,
        "sub": account.sub,
        "aud": AUDIENCE,
        "exp": now + lifetime,
        "iat": now,
        "jti": Uuid::now_v7().to_string(),
        "typ": "Bearer",
        "azp": account.client.id,
        "scope": scope,
        "realm_access": { "roles": account.roles },
        "preferred_username": account.username,
    }) else {
        unreachable!("it is written as an object")
    };
    claims
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
