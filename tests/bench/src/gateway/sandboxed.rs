//! Filters that run in Envoy's WebAssembly sandbox: one that does the least, and Portcullis with
//! its policy.
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::rules::{Provider, Row, Rules};
use crate::tokens::{AUDIENCE, Key, ROLE};

/// The environment variable that the signing key comes in.
pub(super) const KEY_ENV: &str = "PORTCULLIS_SIGNING_KEY";

/// The filter in `file`, with its configuration.
pub(crate) fn filter(file: &Path, configuration: &Value) -> Value {
    configured(
        file,
        &json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": configuration }),
    )
}

/// The filter that does the least, which verifies tokens of these providers if there are any.
pub(super) fn minimal(file: &Path, providers: &[Provider]) -> Value {
    let keys = providers.iter().flat_map(|provider| &provider.keys);
    let lines: Vec<_> = keys.filter_map(Key::for_minimal).collect();
    let text = json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": lines.join("\n") });
    configured(file, &text)
}

fn configured(file: &Path, configuration: &Value) -> Value {
    json!({
        "name": "sandboxed",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "portcullis",
                "root_id": "portcullis",
                "failure_policy": "FAIL_RELOAD",
                "configuration": configuration,
                "vm_config": {
                    "vm_id": "portcullis",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": file } },
                    "environment_variables": { "host_env_keys": [KEY_ENV] },
                },
            },
        },
    })
}

/// The rules as a policy of Portcullis, with or without the signed assertion.
pub(crate) fn policy(rules: Rules<'_>, assertion: bool) -> Value {
    let providers: Map<_, _> =
        rules.providers.iter().map(|it| (it.name.clone(), provider(it))).collect();
    let services: Map<_, _> = rules.by_host().filter_map(service).collect();
    json!({
        "providers": providers,
        "services": services,
        "identity": if assertion { json!({}) } else { json!({ "assertion": { "omit": true } }) },
    })
}

fn provider(provider: &Provider) -> Value {
    let algorithms: Vec<_> = provider.keys.iter().map(|key| key.algorithm.name()).collect();
    json!({
        "issuer": provider.issuer,
        "audiences": [AUDIENCE],
        "jwks": { "inline": provider.jwks() },
        "algorithms": algorithms,
        "roles": [{ "path": ["realm_access", "roles"] }],
    })
}

fn service(rows: &[Row]) -> Option<(String, Value)> {
    let host = &rows.first()?.host;
    let routes: Vec<_> = rows.iter().map(route).collect();
    Some((host.replace('.', "-"), json!({ "hosts": [host], "routes": routes })))
}

fn route(row: &Row) -> Value {
    json!({ "match": format!("{} {}", row.method, row.template), "roles": [ROLE] })
}
