//! What `check --envoy` looks for: changes of a good configuration that make the filter's decisions
//! void.

mod later;
mod twice;

use std::fmt::Write as _;

use insta::assert_snapshot;
use portcullis_cli::diagnostics::source::Source;
use serde_json::{Value, json};

use self::later::{SCRIPT, with_later};
use self::twice::two_of_ours;
use crate::support::{Folder, SHOP, with};

/// In which nothing is found, but that keys come without TLS.
const GOOD: &str = include_str!("envoy.yaml");
const ROUTE: &str = "route: { cluster: backend, timeout: 15s }";
const FILTERS: &str = "                http_filters:\n                  - name: portcullis\n";
const ROUTER: &str = "                  - name: envoy.filters.http.router\n";
/// An inline filter instead of the one that ECDS brings.
const INLINE: &str = r#"                http_filters:
                  - name: portcullis
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config: { root_id: portcullis, failure_policy: FAIL_OPEN, vm_config: { vm_id: shared, code: { local: { filename: portcullis.wasm } } } }
                  - name: another
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config: { root_id: another, vm_config: { vm_id: shared, code: { local: { filename: another.wasm } } } }
"#;

/// The `http_filters` of the gateway's listener, as a text to be replaced.
fn filters() -> String {
    let text = GOOD;
    let start = text.find(FILTERS).unwrap();
    let end = start + text[start..].find(ROUTER).unwrap();
    text[start..end].to_owned()
}

/// What is changed, and which rule finds it.
#[allow(clippy::too_many_lines)] // a table
fn cases() -> Vec<(&'static str, &'static str, String)> {
    let envoy = |part: &str, by: &str| with(GOOD, part, by);
    let [script, at_router, in_cluster] = with_later(SCRIPT);
    let another_listener = |body: &str| envoy("  listeners:\n", &format!("  listeners:\n{body}"));
    let tls = |context: &str| {
        envoy(
            "    - name: idp\n",
            &format!(
                "    - name: idp\n      transport_socket:\n        name: tls\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n          {context}\n"
            ),
        )
    };
    let bypass = r#"    - name: bypass
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                route_config: { virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: backend } }] }] }
                http_filters: [{ name: envoy.filters.http.router }]
"#;
    let tcp = r#"    - name: raw
      filter_chains:
        - filters: [{ name: tcp, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: backend } }]
"#;
    let per_route = |of: &str| {
        envoy(
            ROUTE,
            &format!(
                "{ROUTE}\n                          typed_per_filter_config: {{ portcullis: {{ \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, {of} }} }}"
            ),
        )
    };
    let added = "request_headers_to_add: [{ header: { key: X_Auth_Subject, value: admin } }]";
    vec![
        (
            "no filter at all",
            "envoy-filter-missing",
            envoy(&filters(), "                http_filters:\n"),
        ),
        ("a listener beside", "envoy-filter-missing", another_listener(bypass)),
        ("a TCP proxy beside", "envoy-filter-missing", another_listener(tcp)),
        ("off for a route", "envoy-filter-disabled", per_route("disabled: true")),
        (
            "off by default",
            "envoy-filter-disabled",
            envoy(
                "                  - name: portcullis\n",
                "                  - name: portcullis\n                    disabled: true\n",
            ),
        ),
        (
            "behind a matcher",
            "envoy-filter-disabled",
            envoy(
                &filters(),
                "                http_filters:\n                  - name: portcullis\n                    typed_config: { \"@type\": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: { name: portcullis, typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: { root_id: portcullis } } } }\n",
            ),
        ),
        ("open when it fails", "envoy-fail-open", envoy(&filters(), INLINE)),
        (
            "open until the policy comes",
            "envoy-fail-open",
            envoy(
                "config_discovery:\n",
                "config_discovery:\n                      default_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer }\n",
            ),
        ),
        (
            "another path",
            "envoy-rewrite",
            envoy(ROUTE, "route: { cluster: backend, prefix_rewrite: /v1/ }"),
        ),
        (
            "a path by a pattern",
            "envoy-rewrite",
            envoy(
                ROUTE,
                "route: { cluster: backend, regex_rewrite: { pattern: { regex: x }, substitution: y } }",
            ),
        ),
        (
            "another host",
            "envoy-rewrite",
            envoy(ROUTE, "route: { cluster: backend, auto_host_rewrite: true }"),
        ),
        (
            "another host for a part of the requests",
            "envoy-rewrite",
            envoy(
                ROUTE,
                "route: { weighted_clusters: { clusters: [{ name: backend, weight: 1, host_rewrite_literal: x }] } }",
            ),
        ),
        (
            "another path for filters",
            "envoy-rewrite",
            envoy(
                "normalize_path: false",
                "path_normalization_options: { http_filter_transformation: {} }\n                normalize_path: false",
            ),
        ),
        (
            "a redirect inside",
            "envoy-internal-redirect",
            envoy(
                ROUTE,
                "route: { cluster: backend, internal_redirect_policy: { max_internal_redirects: 1 } }",
            ),
        ),
        ("a script after it", "envoy-later-filter", script),
        ("a script at the router", "envoy-later-filter", at_router),
        ("a script in the cluster", "envoy-later-filter", in_cluster),
        (
            "an identity header",
            "envoy-identity-header",
            envoy(ROUTE, &format!("{ROUTE}\n                          {added}")),
        ),
        (
            "a route by who calls",
            "envoy-route-by-header",
            envoy(
                "match: { prefix: \"/\" }",
                "match: { prefix: \"/\", headers: [{ name: X-Auth-Roles, present_match: true }] }",
            ),
        ),
        (
            "a route by whether there is a token",
            "envoy-route-by-header",
            envoy(
                "match: { prefix: \"/\" }",
                "match: { prefix: \"/\", headers: [{ name: authorization, present_match: true }] }",
            ),
        ),
        ("a shared virtual machine", "envoy-vm-shared", envoy(&filters(), INLINE)),
        (
            "two policies in one virtual machine",
            "envoy-vm-shared",
            envoy(&filters(), &two_of_ours(["{one}", "{two}"], ["portcullis.wasm"; 2])),
        ),
        (
            "two versions in one virtual machine",
            "envoy-vm-shared",
            envoy(
                &filters(),
                &two_of_ours(["{one}"; 2], ["portcullis.wasm", "portcullis-old.wasm"]),
            ),
        ),
        (
            "no cluster for the keys",
            "envoy-keys-cluster",
            envoy("    - name: idp\n", "    - name: provider\n"),
        ),
        ("keys without TLS", "envoy-keys-unvalidated", GOOD.to_owned()),
        ("keys of whoever answers", "envoy-keys-unvalidated", tls("common_tls_context: {}")),
        (
            "keys of anybody with a certificate",
            "envoy-keys-unvalidated",
            tls("common_tls_context: { validation_context: { trusted_ca: { filename: ca.pem } } }"),
        ),
        ("routes from elsewhere", "envoy-routes-elsewhere", {
            let text = GOOD;
            let start = text.find("                route_config:\n").unwrap();
            let end = start + text[start..].find(FILTERS).unwrap();
            let rds =
                "                rds: { route_config_name: shop, config_source: { ads: {} } }\n";
            format!("{}{rds}{}", &text[..start], &text[end..])
        }),
    ]
}

/// The rules that are covered here.
pub(crate) fn rules() -> impl Iterator<Item = &'static str> {
    cases().into_iter().map(|(_, rule, _)| rule)
}

#[test]
fn every_change_that_makes_decisions_void_is_found() {
    let mut told = String::new();
    for (name, rule, envoy) in cases() {
        let folder = Folder::of(&[("policy.yaml", SHOP), ("envoy.yaml", &envoy)]);
        let said = folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml"]);
        assert_eq!(said.stderr, "", "{name}");
        let found: Vec<_> = said
            .stdout
            .split("\n\n")
            .filter(|found| found.contains(&format!("[{rule}]")))
            .collect();
        assert!(!found.is_empty(), "{name}: {rule}: {said}");
        // the numbers of lines change with every line of the shipped file
        let lines = found.iter().flat_map(|found| found.lines());
        let lines = lines.filter(|line| {
            !line.trim_start().starts_with(|c: char| c.is_ascii_digit())
                && !line.contains("─[")
                && !line.contains('·')
        });
        let lines: Vec<_> = lines
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !line.contains("╰──"))
            .collect();
        let _ = write!(told, "# {name}\n{}\n\n", lines.join("\n"));
    }
    assert_snapshot!(told);
}

#[test]
fn the_place_of_a_finding_in_envoys_configuration_is_shown() {
    let envoy = r#"static_resources:
  listeners:
    - filter_chains:
        - filters:
            - name: hcm
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                route_config:
                  virtual_hosts:
                    - domains: ["*"]
                      routes:
                        - match: { prefix: / }
                          route: { cluster: backend, prefix_rewrite: /v1/ }
                http_filters:
                  - { name: portcullis, config_discovery: { type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm] } }
                  - { name: envoy.filters.http.router }
"#;
    let folder = Folder::of(&[("policy.yaml", SHOP), ("envoy.yaml", envoy)]);
    assert_snapshot!(folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml"]));
}

#[test]
fn what_is_right_is_not_found() {
    let valid = with(
        GOOD,
        "    - name: idp\n",
        "    - name: idp\n      transport_socket:\n        name: tls\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n          common_tls_context: { validation_context: { trusted_ca: { filename: ca.pem } } }\n          auto_sni_san_validation: true\n",
    );
    // what answers by itself, or goes elsewhere, needs no filter
    let inputs = |route: &str| {
        with(
            &valid,
            "  listeners:\n",
            &format!(
                "  listeners:\n    - filter_chains: [{{ filters: [{{ typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, route_config: {{ virtual_hosts: [{{ routes: [{{ {route} }}] }}] }}, http_filters: [] }} }}] }}]\n"
            ),
        )
    };
    let kept = filters();
    let cors = with(
        &valid,
        &kept,
        &format!(
            "{kept}                  - {{ name: envoy.filters.http.cors, typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors }} }}\n"
        ),
    );
    for (name, envoy) in [
        ("the keys' certificate is verified", valid.clone()),
        ("a health check", inputs("direct_response: { status: 200 }")),
        ("to elsewhere", inputs("route: { cluster: metrics }")),
        ("a filter that changes neither path nor host", cors),
        (
            "the same filter twice, for two chains",
            with(&valid, &filters(), &two_of_ours(["{one}"; 2], ["portcullis.wasm"; 2])),
        ),
    ] {
        let folder = Folder::of(&[("policy.yaml", SHOP), ("envoy.yaml", &envoy)]);
        let said = folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml"]);
        assert_eq!(said.code, 0, "{name}: {said}");
    }
}

#[test]
fn a_finding_in_envoys_configuration_is_allowed_by_its_place() {
    let envoy = with(GOOD, ROUTE, "route: { cluster: backend, prefix_rewrite: /v1/ }");
    let allowed = format!(
        "{SHOP}lint: {{ allow: [{{ rule: envoy-rewrite, in: \"static_resources.listeners[0]\", reason: the rows are written for /v1/ }}, {{ rule: envoy-keys-unvalidated, reason: a test }}] }}\n"
    );
    let folder = Folder::of(&[("policy.yaml", &allowed), ("envoy.yaml", &envoy)]);
    let said = folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml"]);
    assert_eq!(said.code, 0, "{said}");
}

/// What Envoy's admin interface answers to `/config_dump`: the bootstrap, and everything in it once
/// more, the routes twice.
fn dump(bootstrap: &str) -> String {
    let bootstrap: Value = Source::new("envoy.yaml", bootstrap).value("envoy").unwrap();
    let resources = &bootstrap["static_resources"];
    let typed = |kind: &str, value: &Value| {
        let mut typed = value.clone();
        typed["@type"] = format!("type.googleapis.com/envoy.config.{kind}").into();
        typed
    };
    let listener = typed("listener.v3.Listener", &resources["listeners"][0]);
    let clusters = resources["clusters"].as_array().unwrap().iter();
    let clusters: Vec<_> =
        clusters.map(|it| json!({ "cluster": typed("cluster.v3.Cluster", it) })).collect();
    let manager = &resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let dump = |kind: &str, name: &str, value: Value| {
        let kind = format!("type.googleapis.com/envoy.admin.v3.{kind}ConfigDump");
        json!({ "@type": kind, name: value })
    };
    let configs = json!({ "configs": [
        dump("Bootstrap", "bootstrap", bootstrap.clone()),
        dump("Clusters", "static_clusters", clusters.into()),
        dump("Listeners", "dynamic_listeners", json!([{ "name": "gateway", "active_state": { "listener": listener } }])),
        dump("Routes", "static_route_configs", json!([{ "route_config": manager["route_config"] }])),
    ] });
    format!("{configs:#}")
}

#[test]
fn check_says_how_much_of_envoys_configuration_it_looked_at() {
    let dump = dump(GOOD);
    let unnamed = with(GOOD, "    - name: gateway\n      filter_chains:", "    - filter_chains:");
    let folder = Folder::of(&[
        ("policy.yaml", SHOP),
        ("envoy.yaml", GOOD),
        ("dump.json", &dump),
        ("unnamed.yaml", &unnamed),
        (
            "clusters.yaml",
            "resources: [{ \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: idp }]",
        ),
    ]);
    for (file, counts) in [
        ("envoy.yaml", "1 listener, 1 route, 2 clusters"),
        // each is there several times, and counts once
        ("dump.json", "1 listener, 1 route, 2 clusters"),
        ("unnamed.yaml", "1 listener, 1 route, 2 clusters"),
        ("clusters.yaml", "0 listeners, 0 routes, 1 cluster"),
    ] {
        let said = folder.run(&["check", "policy.yaml", "--envoy", file]);
        assert!(
            said.stdout.contains(&format!("1 provider; Envoy has {counts}; ")),
            "{file}: {said}"
        );
    }
    let said = folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml", "--format", "json"]);
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(document["envoy"], json!({ "listeners": 1, "routes": 1, "clusters": 2 }));
    assert!(!folder.run(&["check", "policy.yaml"]).stdout.contains("Envoy"));
}

#[test]
fn a_hole_is_found_in_a_config_dump_too() {
    let rewritten = with(GOOD, ROUTE, "route: { cluster: backend, prefix_rewrite: /v1/ }");
    let folder = Folder::of(&[("policy.yaml", SHOP), ("dump.json", &dump(&rewritten))]);
    let said = folder.run(&["check", "policy.yaml", "--envoy", "dump.json"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stdout.contains("[envoy-rewrite]"), "{said}");
}

#[test]
fn a_file_with_nothing_of_an_envoy_configuration_is_an_error() {
    let ecds = r#"{ "resources": [{ "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "name": "portcullis",
  "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": {
    "root_id": "portcullis", "vm_config": { "vm_id": "portcullis" } } } }] }"#;
    let folder = Folder::of(&[
        ("policy.yaml", SHOP),
        ("empty.yaml", ""),
        ("list.yaml", "- portcullis\n- keycloak\n"),
        ("no-resources.yaml", "static_resources: { listeners: [], clusters: [] }\nadmin: {}\n"),
        ("envoy.yaml", GOOD),
        ("ecds.json", ecds),
    ]);
    let mut told = String::new();
    for files in [
        &["policy.yaml"][..],
        &["empty.yaml"],
        &["list.yaml"],
        &["no-resources.yaml"],
        // a good one does not excuse another
        &["envoy.yaml", "policy.yaml"],
        // the filter alone
        &["ecds.json"],
    ] {
        let arguments = files.iter().flat_map(|file| ["--envoy", *file]);
        let said =
            folder.run(&["check", "policy.yaml"].into_iter().chain(arguments).collect::<Vec<_>>());
        assert_eq!((said.code, &*said.stdout), (1, ""), "{files:?}: {said}");
        let _ = write!(told, "# {}\n{said}\n", files.join(", "));
    }
    assert_snapshot!(told);
    // what reads the policy, beside the listeners
    let said =
        folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml", "--envoy", "ecds.json"]);
    assert!(said.stdout.contains("Envoy has 1 listener, 1 route, 2 clusters"), "{said}");
}
