//! Envoy: the file that ECDS reads (`config_discovery` with a `path_config_source`). Replaced by a
//! move, it takes effect for new streams of old connections, without a restart.

use portcullis_engine::policy::{Document, Policy};
use serde_json::json;

use super::{Placement, Tree, document, key_env};

/// The `DiscoveryResponse` that holds the filter, with the policy inside.
pub fn discovery(written: &Document, policy: &Policy, placement: &Placement) -> String {
    let config = Tree::map([
        ("name", placement.name.as_str().into()),
        // the plugin has one
        ("root_id", "portcullis".into()),
        ("failure_policy", "FAIL_RELOAD".into()),
        (
            "configuration",
            Tree::map([
                ("@type", "type.googleapis.com/google.protobuf.Struct".into()),
                ("value", document(written)),
            ]),
        ),
        (
            "vm_config",
            Tree::of(&json!({
                // its own: who shares it shares the keys
                "vm_id": placement.name,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": placement.plugin } },
                "environment_variables": { "host_env_keys": [key_env(policy)] },
            })),
        ),
    ]);
    let typed = Tree::map([
        ("@type", "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm".into()),
        ("config", config),
    ]);
    let resource = Tree::map([
        ("@type", "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into()),
        ("name", placement.name.as_str().into()),
        ("typed_config", typed),
    ]);
    let response = Tree::map([("resources", Tree::List(vec![resource]))]);
    serde_json::to_string_pretty(&response).unwrap_or_default() + "\n"
}
