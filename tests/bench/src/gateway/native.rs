//! Envoy's own filters, told to check what Portcullis checks: `jwt_authn` for the token, `rbac` for
//! the role table. They hand on the same three headers.
use serde_json::{Value, json};

use crate::rules::{Provider, Row, Rules};
use crate::tokens::{AUDIENCE, ROLE};

/// Where `jwt_authn` leaves the claims for `rbac`.
const PAYLOAD: &str = "jwt_payload";

/// The two filters. With `cached`, verified tokens are kept as `jwt_authn` offers it, as many as
/// Portcullis keeps.
pub(super) fn filters(rules: Rules<'_>, cached: bool) -> Vec<Value> {
    let named = |it: &Provider| (it.name.clone(), provider(it, cached));
    let providers: serde_json::Map<_, _> = rules.providers.iter().map(named).collect();
    let wanted: Vec<_> =
        rules.providers.iter().map(|it| json!({ "provider_name": it.name })).collect();
    let requires = match &wanted[..] {
        [one] => one.clone(),
        any => json!({ "requires_any": { "requirements": any } }),
    };
    let policies: serde_json::Map<_, _> = rules
        .table
        .iter()
        .enumerate()
        .map(|(number, row)| (format!("row-{number}"), policy(row)))
        .collect();
    vec![
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": providers,
                "rules": [{ "match": { "prefix": "/" }, "requires": requires }],
            },
        }),
        json!({
            "name": "envoy.filters.http.rbac",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                "rules": { "action": "ALLOW", "policies": policies },
            },
        }),
    ]
}

fn provider(provider: &Provider, cached: bool) -> Value {
    let mut config = json!({
        "issuer": provider.issuer,
        "audiences": [AUDIENCE],
        "local_jwks": { "inline_string": provider.jwks().to_string() },
        "payload_in_metadata": PAYLOAD,
        "claim_to_headers": [
            { "header_name": "x-auth-subject", "claim_name": "sub" },
            { "header_name": "x-auth-issuer", "claim_name": "iss" },
            { "header_name": "x-auth-roles", "claim_name": "realm_access.roles" },
        ],
    });
    if cached {
        config["jwt_cache_config"] =
            json!({ "jwt_cache_size": 10_000, "jwt_max_token_size": 8192 });
    }
    config
}

/// A row of the role table: method, path and host, and the role among the token's. Most rows differ
/// in their paths, so the host is looked at last.
fn policy(row: &Row) -> Value {
    let method = json!({ "name": ":method", "string_match": { "exact": row.method.as_str() } });
    let host = json!({ "name": ":authority", "string_match": { "exact": row.host } });
    let path = match row.template.strip_suffix("{id}") {
        Some(start) => json!({ "safe_regex": { "regex": format!("{start}[^/]+") } }),
        None => json!({ "exact": row.template }),
    };
    let role = json!({
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{ "key": PAYLOAD }, { "key": "realm_access" }, { "key": "roles" }],
        "value": { "list_match": { "one_of": { "string_match": { "exact": ROLE } } } },
    });
    json!({
        "permissions": [{ "and_rules": { "rules": [{ "header": method }, { "url_path": { "path": path } }, { "header": host }] } }],
        "principals": [{ "sourced_metadata": { "metadata_matcher": role, "metadata_source": "DYNAMIC" } }],
    })
}
