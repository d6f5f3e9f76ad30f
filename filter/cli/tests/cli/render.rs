//! `render`: configurations that load the policy.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Folder, SHOP, with};

fn rendered(policy: &str, arguments: &[&str]) -> String {
    let folder = Folder::of(&[("policy.yaml", policy)]);
    let said = folder.run(&[&["render", "policy.yaml"], arguments].concat());
    assert_eq!(said.code, 0, "{said}");
    said.stdout
}

#[test]
fn envoy_gets_the_file_that_ecds_reads() {
    assert_snapshot!(rendered(SHOP, &["--for", "envoy", "--plugin", "/opt/portcullis.wasm"]));
}

#[test]
fn istio_gets_either_resource_and_the_key_from_a_secret() {
    let image = "oci://registry.example/portcullis:1.0";
    let place = ["--for", "istio", "--plugin", image, "--namespace", "edge", "--gateway", "public"];
    assert_snapshot!(rendered(SHOP, &place));
    let old = rendered(SHOP, &[&place[..], &["--kind", "wasm-plugin"]].concat());
    let plugin: Value = serde_saphyr::from_str(old.split("---\n").next().unwrap()).unwrap();
    assert_eq!(plugin["kind"], "WasmPlugin");
    assert_eq!(plugin["spec"]["failStrategy"], "FAIL_RELOAD");
    assert_eq!(plugin["spec"]["url"], image);
    assert_eq!(plugin["spec"]["vmConfig"]["env"][0]["valueFrom"], "HOST");
    assert_eq!(plugin["spec"]["pluginConfig"]["services"]["shop"]["routes"][3]["public"], true);
}

#[test]
fn envoy_gateway_gets_its_policy_and_its_proxy() {
    assert_snapshot!(rendered(
        SHOP,
        &["--for", "envoy-gateway", "--plugin", "registry.example/portcullis:1.0"]
    ));
    let fetched = rendered(
        SHOP,
        &["--for", "envoy-gateway", "--plugin", "https://files.example/portcullis.wasm"],
    );
    assert!(fetched.contains("type: HTTP"), "{fetched}");
}

#[test]
fn what_is_rendered_is_the_same_policy() {
    let odd = with(
        SHOP,
        "roles: [customer]",
        "roles: [\"no\", \"on\", \"1e3\", \"~\", \"a: b\", \"#x\", \"käufer\", \"a,b\"]",
    );
    let odd = format!("{odd}mode: {{ shadow: {{ until: 2027-01-31 }} }}\n");
    for arguments in [
        &["--resolved"][..],
        &["--for", "envoy"],
        &["--for", "istio", "--plugin", "x"],
        &["--for", "istio", "--plugin", "x", "--kind", "wasm-plugin"],
        &["--for", "envoy-gateway", "--plugin", "x"],
    ] {
        let text = rendered(&odd, arguments);
        let whole: Value = serde_saphyr::from_str(text.split("---\n").next().unwrap()).unwrap();
        let inside = [
            "",
            "/resources/0/typed_config/config/configuration/value",
            "/spec/wasm/pluginConfig",
            "/spec/pluginConfig",
            "/spec/wasm/0/config",
        ];
        let policy = inside
            .iter()
            .filter_map(|pointer| whole.pointer(pointer))
            .find(|it| it.get("providers").is_some());
        let folder = Folder::of(&[("old.yaml", &odd), ("new.yaml", &policy.unwrap().to_string())]);
        let said = folder.run(&["diff", "old.yaml", "new.yaml", "--fail-on", "any"]);
        assert_eq!(said.code, 0, "{arguments:?}: {said}");
    }
}

#[test]
fn a_preset_is_written_out() {
    let policy = with(
        SHOP,
        "    algorithms: [RS256]\n    token_types: [at+jwt]\n    roles:\n      - { path: [realm_access, roles] }\n",
        "    preset: keycloak\n",
    );
    assert_snapshot!(rendered(&policy, &["--resolved"]));
    assert!(
        rendered(&policy, &["--for", "envoy"]).contains("\"preset\": \"keycloak\""),
        "as written otherwise"
    );
}

#[test]
fn several_files_become_one_policy() {
    let billing =
        "services: { billing: { hosts: [billing.example], providers: [keycloak], routes: [] } }";
    let shop = with(SHOP, "    audiences:", "    export: true\n    audiences:");
    let folder = Folder::of(&[("all/billing.yaml", billing), ("all/shop.yaml", &shop)]);
    let said = folder.run(&["render", "all", "--resolved"]);
    let policy: Value = serde_saphyr::from_str(&said.stdout).unwrap();
    assert_eq!(policy["services"].as_object().unwrap().len(), 2);
    assert_eq!(policy["services"]["shop"]["providers"][0], "keycloak");
}
