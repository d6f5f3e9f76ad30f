//! Istio: `TrafficExtension` (1.30 and later), or the `WasmPlugin` that it supersedes; and the
//! signing key from a secret. Source: istio/api, `extensions/v1alpha1`.

use clap::ValueEnum;
use portcullis_engine::policy::{Document, Policy};
use serde_json::json;

use super::{Placement, Tree, document, key_env, stream};

/// The resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Istio 1.30 and later
    #[default]
    TrafficExtension,
    /// Before that
    WasmPlugin,
}

const ABOUT: &str = "The filter, before Istio's own authentication. Istio gives all plugins one `vm_id`; the filter seals what it shares.";
const KEY: &str = "The signing key, into the gateway's environment. Name this in `spec.infrastructure.parametersRef` of the Gateway.";

/// The manifests.
pub fn manifests(written: &Document, policy: &Policy, placement: &Placement, kind: Kind) -> String {
    let plugin = [
        ("url", placement.plugin.as_str().into()),
        ("pluginName", "portcullis".into()),
        ("failStrategy", "FAIL_RELOAD".into()),
        (
            "vmConfig",
            Tree::of(&json!({ "env": [{ "name": key_env(policy), "valueFrom": "HOST" }] })),
        ),
        ("pluginConfig", document(written)),
    ];
    let target = Tree::of(&json!([
        { "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": placement.gateway }
    ]));
    let mut spec = vec![("targetRefs", target), ("phase", "AUTHN".into())];
    let kind = match kind {
        Kind::TrafficExtension => {
            spec.push(("wasm", Tree::map(plugin)));
            "TrafficExtension"
        }
        Kind::WasmPlugin => {
            spec.extend(plugin);
            "WasmPlugin"
        }
    };
    let resource = Tree::map([
        ("apiVersion", "extensions.istio.io/v1alpha1".into()),
        ("kind", kind.into()),
        (
            "metadata",
            Tree::of(&json!({ "name": placement.name, "namespace": placement.namespace })),
        ),
        ("spec", Tree::map(spec)),
    ]);
    stream(&[(ABOUT, resource), (KEY, environment(policy, placement))])
}

/// Istio merges this into the deployment that it makes for the Gateway.
fn environment(policy: &Policy, placement: &Placement) -> Tree {
    let name = key_env(policy);
    let overlay = format!(
        "spec:\n  template:\n    spec:\n      containers:\n        - name: istio-proxy\n          env:\n            \
         - name: {name}\n              valueFrom: {{ secretKeyRef: {{ name: {}, key: {name} }} }}\n",
        placement.secret
    );
    Tree::map([
        ("apiVersion", "v1".into()),
        ("kind", "ConfigMap".into()),
        (
            "metadata",
            Tree::of(
                &json!({ "name": format!("{}-key", placement.name), "namespace": placement.namespace }),
            ),
        ),
        ("data", Tree::map([("deployment", overlay.as_str().into())])),
    ])
}
