//! Filters that come after ours, and could change the path or the host that it decided about.

use super::{GOOD, filters};
use crate::support::{Folder, SHOP, with};

/// Every kind of filter that could change path or host after the decision, as Envoy calls it.
const CHANGING: [&str; 11] = [
    "filters.http.lua.v3.Lua",
    "filters.http.wasm.v3.Wasm",
    "filters.http.golang.v3alpha.Config",
    "filters.http.dynamic_modules.v3.DynamicModuleFilter",
    "filters.http.ext_proc.v3.ExternalProcessor",
    "filters.http.ext_authz.v3.ExtAuthz",
    "filters.http.header_mutation.v3.HeaderMutation",
    "filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
    "filters.http.custom_response.v3.CustomResponse",
    "filters.http.composite.v3.Composite",
    "common.matching.v3.ExtensionWithMatcher",
];

pub(super) const SCRIPT: &str = r#"{ name: lua, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua } }"#;

/// A filter of this kind.
fn of_kind(kind: &str) -> String {
    format!(
        "{{ name: one, typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.{kind} }} }}"
    )
}

/// A good configuration in which this filter comes after ours: in the chain, between the router and
/// the service, or in the cluster.
pub(super) fn with_later(filter: &str) -> [String; 3] {
    let kept = filters();
    let router = "router.v3.Router\n";
    let upstream = format!("{router}                      upstream_http_filters: [{filter}]\n");
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let cluster = format!(
        "    - name: backend\n      typed_extension_protocol_options: {{ {options}: {{ \"@type\": type.googleapis.com/{options}, explicit_http_config: {{ http_protocol_options: {{}} }}, http_filters: [{filter}] }} }}\n"
    );
    [
        with(GOOD, &kept, &format!("{kept}                  - {filter}\n")),
        with(GOOD, router, &upstream),
        with(GOOD, "    - name: backend\n", &cluster),
    ]
}

#[test]
fn every_kind_of_filter_that_changes_path_or_host_is_found_wherever_it_comes_after() {
    for kind in CHANGING {
        let later = with_later(&of_kind(kind));
        // one that ECDS brings says what it will be
        let discovered = format!(
            "{{ name: one, config_discovery: {{ config_source: {{ ads: {{}} }}, type_urls: [type.googleapis.com/envoy.extensions.{kind}] }} }}"
        );
        for envoy in later.into_iter().chain(with_later(&discovered)) {
            let folder = Folder::of(&[("policy.yaml", SHOP), ("envoy.yaml", &envoy)]);
            let said = folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml"]);
            assert_eq!(
                said.stdout.matches("[envoy-later-filter]").count(),
                1,
                "{kind}: {envoy}\n{said}"
            );
        }
    }
    for harmless in ["filters.http.cors.v3.Cors", "filters.http.router.v3.Router"] {
        for envoy in with_later(&of_kind(harmless)) {
            let folder = Folder::of(&[("policy.yaml", SHOP), ("envoy.yaml", &envoy)]);
            let said = folder.run(&["check", "policy.yaml", "--envoy", "envoy.yaml"]);
            assert!(!said.stdout.contains("[envoy-later-filter]"), "{harmless}: {said}");
        }
    }
}
