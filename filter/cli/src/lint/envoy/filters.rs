//! The filter chain: whether the filter is there, always, before everything that could change what
//! it decided on.

use serde_json::Value;

use super::super::Inspection;
use super::survey::{At, Survey, ours};
use super::{DISABLED, FAIL_OPEN, LATER_FILTER, MISSING};

/// Filters that can change the path, the host, or where a request goes, by a part of their type.
const CHANGING: [(&str, &str); 11] = [
    (".filters.http.lua.", "a script"),
    (".filters.http.wasm.", "another plugin"),
    (".filters.http.golang.", "a plugin in Go"),
    (".filters.http.dynamic_modules.", "a module"),
    (".filters.http.ext_proc.", "an external processor"),
    (".filters.http.ext_authz.", "an external authorizer, which may set headers"),
    (".filters.http.header_mutation.", "a header mutation"),
    (".filters.http.grpc_json_transcoder.", "a transcoder, which makes another path"),
    (".filters.http.custom_response.", "a custom response, which may redirect"),
    (".filters.http.composite.", "a filter that is chosen for each request"),
    (".common.matching.", "a filter behind a matcher"),
];

pub(super) fn look(inspection: &mut Inspection<'_>, survey: &Survey<'_>) {
    let any = survey.managers.iter().any(|manager| ours(manager).next().is_some());
    for manager in &survey.managers {
        let own: Vec<_> = ours(manager).collect();
        match own.first() {
            None => missing(inspection, survey, manager, any),
            Some((first, _)) => later(inspection, manager, *first),
        }
        for (_, filter) in &own {
            always(inspection, filter);
        }
    }
    for filters in &survey.upstream_filters {
        for filter in filters.items() {
            changing(inspection, &filter);
        }
    }
    for proxy in &survey.tcp_proxies {
        if let Some(cluster) = proxy.targets().intersection(&survey.protected).next() {
            let message = format!("a TCP proxy reaches the cluster `{cluster}` past the filter");
            let help = "take the listener away, or put an HTTP connection manager with the filter before it";
            inspection.add_at(&MISSING, proxy.mark(".cluster"), message, help);
        }
    }
}

/// A connection manager without the filter is a way around it, unless it goes elsewhere.
fn missing(inspection: &mut Inspection<'_>, survey: &Survey<'_>, manager: &At<'_>, any: bool) {
    let routes = manager.field("route_config");
    let targets = routes.as_ref().map(At::targets).unwrap_or_default();
    let answers_itself = routes.is_some() && targets.is_empty();
    let reaches = targets.intersection(&survey.protected).next();
    if answers_itself || (any && routes.is_some() && reaches.is_none()) {
        return;
    }
    let message = match reaches {
        Some(cluster) => format!("this listener reaches the cluster `{cluster}` past the filter"),
        None => "this listener has no filter of Portcullis".to_owned(),
    };
    let help = "add the filter to `http_filters`, before the others: `portcullis render --for envoy` writes it";
    inspection.add_at(&MISSING, manager.mark(".http_filters"), message, help);
}

/// What comes after ours.
fn later(inspection: &mut Inspection<'_>, manager: &At<'_>, first: usize) {
    let filters = manager.field("http_filters").map(|filters| filters.items()).unwrap_or_default();
    let own: Vec<_> = ours(manager).map(|(index, _)| index).collect();
    for (index, filter) in filters.iter().enumerate().skip(first + 1) {
        if !own.contains(&index) {
            changing(inspection, filter);
        }
    }
}

fn changing(inspection: &mut Inspection<'_>, filter: &At<'_>) {
    let name = filter.value["name"].as_str().unwrap_or_default();
    let typed = filter.field("typed_config");
    let discovered = filter.value["config_discovery"]["type_urls"][0].as_str().unwrap_or_default();
    let kind = typed.as_ref().map_or(discovered, At::type_url);
    // a filter of an old configuration has only its name
    let dotted = format!(".{name}.");
    let known = CHANGING
        .iter()
        .find(|(part, _)| kind.contains(part) || kind.is_empty() && dotted.contains(part));
    if let Some((_, what)) = known {
        let message = format!(
            "after the decision, `{name}` can still change the path or the host: it is {what}"
        );
        let help =
            "put it before the filter of Portcullis, or allow it with the reason why it does not";
        inspection.add_at(&LATER_FILTER, filter.mark(""), message, help);
    }
}

/// Nothing switches it off, and nothing passes while it cannot decide.
fn always(inspection: &mut Inspection<'_>, filter: &At<'_>) {
    let help = "remove it: what is not decided is not refused";
    if filter.value["disabled"] == Value::Bool(true) {
        let message = "the filter is off, unless a route switches it on";
        inspection.add_at(&DISABLED, filter.mark(".disabled"), message, help);
    }
    let typed = filter.value["typed_config"]["@type"].as_str().unwrap_or_default();
    if typed.ends_with("ExtensionWithMatcher") || typed.contains(".filters.http.composite.") {
        let message = "the filter runs only where a matcher lets it";
        inspection.add_at(
            &DISABLED,
            filter.mark(".typed_config"),
            message,
            "put it into the chain itself",
        );
    }
    let discovery = filter.field("config_discovery");
    let default = discovery.and_then(|discovery| discovery.field("default_config"));
    if let Some(default) =
        default.filter(|default| !default.value.to_string().contains("portcullis"))
    {
        let message = "until the policy comes, another configuration lets requests pass";
        let help = "remove `default_config`: without a policy every request is answered with 500";
        inspection.add_at(&FAIL_OPEN, default.mark(""), message, help);
    }
}

/// A plugin of ours that lets requests pass when it fails.
pub(super) fn fails_open(inspection: &mut Inspection<'_>, plugin: &At<'_>) {
    for (field, open) in
        [("failure_policy", Value::from("FAIL_OPEN")), ("fail_open", Value::Bool(true))]
    {
        if plugin.value[field] == open {
            let message = "requests pass undecided when the filter fails";
            let help = "write `failure_policy: FAIL_RELOAD`";
            inspection.add_at(&FAIL_OPEN, plugin.mark(&format!(".{field}")), message, help);
        }
    }
}
