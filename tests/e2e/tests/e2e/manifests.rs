//! What `portcullis render` writes for Istio and for Envoy Gateway, as far as this machine can run
//! it: the policy and the other settings of the filter are taken out of the manifest, and handed to
//! a real Envoy as the control plane hands them over, the policy as JSON in a `StringValue`.
//!
//! Sources: istio/istio, `pilot/pkg/model`, `buildVMConfig`; envoyproxy/gateway,
//! `internal/xds/translator/wasm.go`.
use std::fs;
use std::process::Command;

use e2e::{NO_TOKEN, Shop, insufficient_scope, run};
use harness::artifacts;
use harness::envoy::Config;
use harness::folder::Folder;
use harness::stack::Stack;
use serde_json::{Value, json};

/// The first resource of what is rendered from a policy.
fn rendered(name: &str, policy: &Value, arguments: &[&str]) -> Value {
    let folder = Folder::empty(&format!("{name}-rendered")).unwrap();
    let file = folder.join("policy.json");
    fs::write(&file, policy.to_string()).unwrap();
    let mut render = Command::new(artifacts::binary("portcullis").unwrap());
    render
        .arg("render")
        .arg(&file)
        .args(arguments)
        .args(["--plugin", "oci://registry.example/portcullis"]);
    let output = render.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    serde_saphyr::from_str(text.split("\n---\n").next().unwrap()).unwrap()
}

/// What a control plane makes of it: the same for both, but for the names of the fields.
struct Plugin {
    root_id: Value,
    failure_policy: &'static str,
    env: Value,
    policy: Value,
}

fn of_istio(wasm: &Value) -> Plugin {
    let env = wasm["vmConfig"]["env"].as_array().unwrap();
    assert!(env.iter().all(|it| it["valueFrom"] == "HOST"), "{env:?}");
    assert_eq!(wasm["failStrategy"], "FAIL_RELOAD");
    Plugin {
        root_id: wasm["pluginName"].clone(),
        failure_policy: "FAIL_RELOAD",
        env: env.iter().map(|it| it["name"].clone()).collect(),
        policy: wasm["pluginConfig"].clone(),
    }
}

fn of_envoy_gateway(wasm: &Value) -> Plugin {
    assert_eq!(wasm["failOpen"], false);
    Plugin {
        root_id: wasm["rootID"].clone(),
        failure_policy: "FAIL_CLOSED",
        env: wasm["env"]["hostKeys"].clone(),
        policy: wasm["config"].clone(),
    }
}

/// Puts the plugin of the manifest into the place of the one that ECDS brings, with the same file
/// of code.
fn instead(config: &mut Config, plugin: impl FnOnce(&Value) -> Plugin) {
    let filters = config.http_filters().unwrap();
    let ours = filters.iter_mut().find(|filter| filter["name"] == "portcullis").unwrap();
    let file = &ours["config_discovery"]["config_source"]["path_config_source"]["path"];
    let discovery: Value =
        serde_json::from_str(&fs::read_to_string(file.as_str().unwrap()).unwrap()).unwrap();
    let shipped = &discovery["resources"][0]["typed_config"]["config"];
    let Plugin { root_id, failure_policy, env, policy } =
        plugin(&shipped["configuration"]["value"]);
    *ours = json!({
        "name": "portcullis",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "portcullis",
                "root_id": root_id,
                "failure_policy": failure_policy,
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": policy.to_string(),
                },
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": shipped["vm_config"]["code"],
                    "environment_variables": { "host_env_keys": env },
                },
            },
        },
    });
}

/// A shop whose filter is what the manifest says.
fn enforces(name: &'static str, arguments: &'static [&'static str], plugin: fn(&Value) -> Plugin) {
    run(async {
        let stack = Stack::named(name).envoy(move |config| {
            instead(config, |policy| plugin(&rendered(name, policy, arguments)));
        });
        let shop = Shop::of(stack).await.unwrap();
        shop.get("/orders").is_stopped(NO_TOKEN).await;
        shop.get("/orders").sent_as("nora").is_stopped(insufficient_scope("role-missing")).await;
        // the service verifies the assertion, so the signing key has come, too
        shop.get("/orders").sent_as("alice").answers(200).await;
        shop.get("/products").answers(200).await;
    });
}

#[test]
fn what_is_rendered_for_istio_is_enforced() {
    enforces("manifests-istio", &["--for", "istio"], |it| {
        assert_eq!(it["kind"], "TrafficExtension");
        of_istio(&it["spec"]["wasm"])
    });
}

#[test]
fn what_is_rendered_for_an_older_istio_is_enforced() {
    enforces("manifests-istio-older", &["--for", "istio", "--kind", "wasm-plugin"], |it| {
        assert_eq!(it["kind"], "WasmPlugin");
        of_istio(&it["spec"])
    });
}

#[test]
fn what_is_rendered_for_envoy_gateway_is_enforced() {
    enforces("manifests-envoy-gateway", &["--for", "envoy-gateway"], |it| {
        assert_eq!(it["kind"], "EnvoyExtensionPolicy");
        of_envoy_gateway(&it["spec"]["wasm"][0])
    });
}
