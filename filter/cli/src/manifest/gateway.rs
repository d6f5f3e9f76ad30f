//! Envoy Gateway: an `EnvoyExtensionPolicy` with the filter, and an `EnvoyProxy` with the signing
//! key from a secret. Source: envoyproxy/gateway, `api/v1alpha1`.

use portcullis_engine::policy::{Document, Policy};
use serde_json::{Value, json};

use super::{Placement, Tree, document, key_env, stream};

const ABOUT: &str = "The filter.";
const KEY: &str = "The signing key, into the proxy's environment. Name this in `spec.infrastructure.parametersRef` of the Gateway.";

/// The manifests.
pub fn manifests(written: &Document, policy: &Policy, placement: &Placement) -> String {
    let metadata = |suffix: &str| {
        Tree::of(
            &json!({ "name": format!("{}{suffix}", placement.name), "namespace": placement.namespace }),
        )
    };
    let wasm = Tree::map([
        ("name", placement.name.as_str().into()),
        ("rootID", "portcullis".into()),
        ("code", Tree::of(&code(&placement.plugin))),
        ("failOpen", false.into()),
        ("env", Tree::of(&json!({ "hostKeys": [key_env(policy)] }))),
        ("config", document(written)),
    ]);
    let target = json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": placement.gateway }]);
    let extension = Tree::map([
        ("apiVersion", "gateway.envoyproxy.io/v1alpha1".into()),
        ("kind", "EnvoyExtensionPolicy".into()),
        ("metadata", metadata("")),
        ("spec", Tree::map([("targetRefs", Tree::of(&target)), ("wasm", Tree::List(vec![wasm]))])),
    ]);
    let name = key_env(policy);
    let from = json!({ "secretKeyRef": { "name": placement.secret, "key": name } });
    let container = json!({ "env": [{ "name": name, "valueFrom": from }] });
    let proxy = Tree::map([
        ("apiVersion", "gateway.envoyproxy.io/v1alpha1".into()),
        ("kind", "EnvoyProxy".into()),
        ("metadata", metadata("-key")),
        (
            "spec",
            Tree::of(&json!({ "provider": {
                "type": "Kubernetes",
                "kubernetes": { "envoyDeployment": { "container": container } },
            } })),
        ),
    ]);
    stream(&[(ABOUT, extension), (KEY, proxy)])
}

/// An address is fetched by HTTP, everything else is an image.
fn code(plugin: &str) -> Value {
    if plugin.starts_with("https://") || plugin.starts_with("http://") {
        json!({ "type": "HTTP", "http": { "url": plugin } })
    } else {
        json!({ "type": "Image", "image": { "url": plugin.trim_start_matches("oci://") } })
    }
}
