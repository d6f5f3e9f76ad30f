//! What `portcullis check` looks at besides the policy: an Envoy configuration, an OpenAPI
//! document.

use std::rc::Rc;

use portcullis_cli::commands::check::answer;
use portcullis_cli::diagnostics::Format;
use portcullis_cli::diagnostics::exit::{Answer, CliError, ExitStatus};
use portcullis_cli::diagnostics::source::Source;
use portcullis_cli::lint::openapi::Contract;
use portcullis_cli::lint::{Inputs, inspect};
use portcullis_cli::policy::Loaded;
use portcullis_engine::clock::UnixTime;
use serde_json::Value;

use crate::fixture::NOW;

const POLICY: &str = r#"
providers:
  idp:
    issuer: https://idp.example
    audiences: [orders-api]
    jwks: { uri: https://idp.example/certs, cluster: idp }
    algorithms: [EdDSA]
    token_types: [at+jwt]
    roles: [{ path: [roles] }]
services:
  shop:
    hosts: [shop.example]
    clusters: [backend]
    routes:
      - { match: "GET /orders", roles: [customer] }
      - { match: "GET /orders/{order_id}", roles: [customer] }
      - { match: "POST /orders", roles: [customer] }
"#;
const ENVOY: &str = include_str!("../../../filter/cli/tests/cli/envoy.yaml");
/// Of a finding, with the lines around its place.
const LONGEST_FINDING: usize = 32 * 1024;

/// The first byte says what the rest is. However it is written, there is an answer, bounded by what
/// was given; and a hole that a second and simple reader sees is no "fine".
pub fn check(input: &[u8]) {
    thread_local! {
        static LOADED: Loaded = Loaded::of(vec![Source::new("policy.yaml", POLICY)]).expect("a policy");
    }
    let Some((how, rest)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    LOADED.with(|loaded| if how % 2 == 0 { envoy(loaded, text) } else { openapi(loaded, text) });
}

fn envoy(loaded: &Loaded, text: &str) {
    let beside =
        |text: &str| Inputs { envoy: vec![Source::new("envoy.yaml", text)], ..Inputs::default() };
    let given = beside(text);
    let exit = answers(loaded, &given, text.len());
    let Ok(value) = given.envoy[0].value("envoy") else {
        return assert_eq!(exit, ExitStatus::Error);
    };
    assert!(exit != ExitStatus::Success || !has_bypass(&value), "past the filter, and fine");
    // the same in JSON
    let found = |beside: &Inputs| {
        let inspected = inspect(loaded, beside, UnixTime(NOW)).ok()?;
        let mut found: Vec<_> =
            inspected.findings.into_iter().map(|it| (it.rule, it.message)).collect();
        found.sort();
        Some((found, inspected.envoy))
    };
    assert_eq!(found(&given), found(&beside(&value.to_string())));
}

fn openapi(loaded: &Loaded, text: &str) {
    let source = Source::new("openapi.yaml", text);
    let contract = match Contract::of("shop", Rc::clone(&source)) {
        Ok(contract) => contract,
        Err(error) => return assert_eq!(error.exit(), ExitStatus::Error),
    };
    let exit =
        answers(loaded, &Inputs { openapi: vec![contract], ..Inputs::default() }, text.len());
    let document = source.value("openapi").expect("what was read");
    assert!(exit != ExitStatus::Success || !has_undeclared(&document), "without a row, and fine");
}

/// The answer in every format: one exit, and no more text than what was given can have findings.
fn answers(loaded: &Loaded, beside: &Inputs, length: usize) -> ExitStatus {
    let exits = [Format::Human, Format::Json, Format::Github].map(|format| {
        match answer(loaded, beside, UnixTime(NOW), format) {
            Ok(Answer { text, exit }) => {
                assert!(matches!(exit, ExitStatus::Success | ExitStatus::CheckFailed), "{exit:?}");
                assert!(
                    text.len() <= (length / 4 + 8) * LONGEST_FINDING,
                    "{} of {length} bytes",
                    text.len()
                );
                exit
            }
            Err(error @ (CliError::Run { .. } | CliError::Input(_))) => error.exit(),
            Err(CliError::Policy(_)) => panic!("the policy loads"),
        }
    });
    assert!(exits.iter().all(|exit| *exit == exits[0]), "{exits:?}");
    exits[0]
}

/// Whether a connection manager without our filter has a route to the service's cluster.
fn has_bypass(value: &Value) -> bool {
    let is_manager =
        value["@type"].as_str().is_some_and(|it| it.ends_with(".HttpConnectionManager"));
    let filters = value
        .get("http_filters")
        .is_some_and(|filters| !filters.to_string().contains("portcullis"));
    let reaches = value["route_config"].to_string().contains(r#""cluster":"backend""#);
    is_manager && filters && reaches || inside(value).any(has_bypass)
}

fn inside(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Whether an operation is below a first segment that no row has.
fn has_undeclared(document: &Value) -> bool {
    let paths = document["paths"].as_object().into_iter().flatten();
    let mut others = paths.filter(|(path, _)| {
        let first =
            path.strip_prefix('/').and_then(|rest| rest.split('/').next()).unwrap_or_default();
        first != "orders" && !first.is_empty() && first.bytes().all(|b| b.is_ascii_lowercase())
    });
    document.get("servers").is_none() && others.any(|(_, item)| item.get("get").is_some())
}

pub(crate) fn inputs() -> Vec<Vec<u8>> {
    let envoy = |text: &str| [&[0], text.as_bytes()].concat();
    let openapi = |text: &str| [&[1], text.as_bytes()].concat();
    let wasm = r#"{"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": {"root_id": "portcullis", "vm_config": {"vm_id": "a", "code": {"local": {"filename": "portcullis.wasm"}}}}}"#;
    let dump = format!(
        r#"{{"configs": [
  {{"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": [{{"name": "a", "active_state": {{"listener": {{"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": "a", "filter_chains": [{{"filters": [{{"typed_config": {{"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "rds": {{}}, "http_filters": [{{"name": "portcullis", "typed_config": {wasm}}}, {{"name": "envoy.filters.http.lua"}}]}}}}]}}]}}}}}}]}},
  {{"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "static_clusters": [{{"cluster": {{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "idp"}}}}]}},
  {{"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "static_route_configs": [{{"route_config": {{"virtual_hosts": [{{"routes": [{{"match": {{"prefix": "/"}}, "route": {{"cluster": "backend", "prefix_rewrite": "/v1"}}}}]}}]}}}}]}}]}}"#
    );
    vec![
        envoy(ENVOY),
        envoy(&ENVOY.replace(
            "cluster: backend",
            "weighted_clusters: { clusters: [{ name: backend, weight: 1 }] }",
        )),
        envoy(&ENVOY.replace("- name: portcullis", "- name: another")),
        envoy(&dump),
        envoy("a: &a { name: x, connect_timeout: 1s }\nclusters: [*a, *a, { <<: *a, name: y }]\n"),
        envoy(
            "static_resources: { listeners: [], clusters: [{ name: idp, type: STATIC, connect_timeout: 1s }] }",
        ),
        envoy("[[[[{}]]]]"),
        openapi(
            r#"{ "openapi": "3.1.0", "paths": { "/orders": { "get": {}, "post": {} }, "/orders/{id}": { "get": {} } } }"#,
        ),
        openapi(
            "servers: [{ url: 'https://shop.example/v1/' }]\npaths:\n  /orders: { get: {}, query: {} }\n  /me/{a}.csv: { get: {} }\n",
        ),
        openapi("paths: {}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simple_readers_see_a_listener_past_the_filter_and_an_operation_without_a_row() {
        let value = |text: &str| Source::new("x", text).value("x").unwrap();
        assert!(!has_bypass(&value(ENVOY)));
        let past = ENVOY
            .replace("- name: portcullis", "- name: another")
            .replace("/etc/envoy/portcullis.json", "x");
        assert!(has_bypass(&value(&past)));
        assert!(has_undeclared(&value("paths: { /me: { get: {} } }")));
        assert!(!has_undeclared(&value(
            "paths: { /orders: { get: {} }, /me: { parameters: [] } }"
        )));
    }
}
