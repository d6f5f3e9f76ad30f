//! Everything in the files that matters, with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use portcullis_engine::policy::Policy;
use serde_json::Value;

use super::LookedAt;
use crate::diagnostics::source::{Mark, Source};

/// An object of a file.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub(super) source: &'a Rc<Source>,
    pub(super) place: String,
    pub(super) value: &'a Value,
}

/// What the files hold.
#[derive(Debug, Default)]
pub(super) struct Survey<'a> {
    /// HTTP connection managers.
    pub(super) managers: Vec<At<'a>>,
    /// TCP proxies.
    pub(super) tcp_proxies: Vec<At<'a>>,
    /// Lists of filters that run after the route was chosen.
    pub(super) upstream_filters: Vec<At<'a>>,
    /// Wasm plugins: objects with a `vm_config`.
    pub(super) plugins: Vec<At<'a>>,
    /// `route`: what is done with a request that goes on.
    pub(super) actions: Vec<At<'a>>,
    /// `match`: by what a route, or anything else, is chosen.
    pub(super) matches: Vec<At<'a>>,
    /// `typed_per_filter_config`.
    pub(super) overrides: Vec<At<'a>>,
    /// `request_headers_to_add`.
    pub(super) additions: Vec<At<'a>>,
    /// Clusters.
    pub(super) clusters: Vec<At<'a>>,
    /// Names of the listeners; the place of one without a name. A config dump has the same listener
    /// several times.
    listeners: BTreeSet<String>,
    /// Number of routes by the text of their virtual host, which a config dump has several times
    /// too.
    routes: BTreeMap<String, usize>,
    /// Files in which there is nothing of the above.
    pub(super) foreign: Vec<At<'a>>,
    /// Whether there is a `virtual_hosts` anywhere.
    pub(super) has_routes: bool,
    /// Whether clusters come from elsewhere too.
    pub(super) has_cds: bool,
    /// The clusters that belong to the policy's services: those that it names, and those behind the
    /// filter.
    pub(super) protected: BTreeSet<String>,
}

impl<'a> At<'a> {
    /// The mark of something inside.
    pub(super) fn mark(&self, inner: &str) -> Mark {
        self.source.mark(&format!("{}{inner}", self.place)).0
    }

    /// A member.
    pub(super) fn field(&self, name: &str) -> Option<At<'a>> {
        let value = self.value.get(name)?;
        Some(At { source: self.source, place: join(&self.place, name), value })
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Vec<At<'a>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(index, value)| At {
                source: self.source,
                place: format!("{}[{index}]", self.place),
                value,
            })
            .collect()
    }

    /// Its type, as `…filters.http.wasm.v3.Wasm`; that of a typed struct's content.
    pub(super) fn type_url(&self) -> &'a str {
        let text = |value: &'a Value| value.as_str().unwrap_or_default();
        let own = text(&self.value["@type"]);
        if own.ends_with("TypedStruct") { text(&self.value["type_url"]) } else { own }
    }

    /// Every object inside, this one first.
    fn walk(&self, visit: &mut impl FnMut(&str, &At<'a>), key: &str) {
        match self.value {
            Value::Object(members) => {
                visit(key, self);
                for (name, value) in members {
                    let inner = At { source: self.source, place: join(&self.place, name), value };
                    inner.walk(visit, name);
                }
            }
            Value::Array(_) => {
                visit(key, self);
                self.items().iter().for_each(|item| item.walk(visit, key));
            }
            _ => {}
        }
    }

    /// The names of the clusters that something inside sends requests to.
    pub(super) fn targets(&self) -> BTreeSet<String> {
        let mut targets = BTreeSet::new();
        self.walk(
            &mut |_, at| {
                targets.extend(at.value.get("cluster").and_then(Value::as_str).map(str::to_owned));
                let weighted = &at.value["weighted_clusters"]["clusters"];
                let names =
                    weighted.as_array().into_iter().flatten().filter_map(|it| it["name"].as_str());
                targets.extend(names.map(str::to_owned));
            },
            "",
        );
        targets
    }
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

impl<'a> Survey<'a> {
    pub(super) fn of(files: &'a [(Rc<Source>, Value)], policy: &Policy) -> Self {
        let mut survey = Self::default();
        for (source, value) in files {
            let root = At { source, place: String::new(), value };
            let mut own = false;
            root.walk(&mut |key, at| own |= survey.note(key, at), "");
            if !own {
                survey.foreign.push(root);
            }
        }
        let named = policy.services().iter().filter_map(|service| service.clusters()).flatten();
        survey.protected = named.map(ToString::to_string).collect();
        for manager in survey.managers.iter().filter(|manager| ours(manager).next().is_some()) {
            if let Some(routes) = manager.field("route_config") {
                survey.protected.extend(routes.targets());
            }
        }
        survey
    }

    /// How much there is to look at.
    pub(super) fn looked_at(&self) -> LookedAt {
        let clusters = self.clusters.iter().filter_map(|cluster| cluster.value["name"].as_str());
        LookedAt {
            listeners: self.listeners.len(),
            routes: self.routes.values().sum(),
            clusters: clusters.collect::<BTreeSet<_>>().len(),
        }
    }

    /// Notes an object. Returns whether it is a listener, a route, a cluster, a filter or a chain
    /// of filters.
    fn note(&mut self, key: &str, at: &At<'a>) -> bool {
        let has = |name: &str| at.value.get(name).is_some();
        let type_url = at.type_url();
        if has("http_filters") {
            let upstream = type_url.ends_with("HttpProtocolOptions");
            let list = if upstream { &mut self.upstream_filters } else { &mut self.managers };
            list.extend(if upstream { at.field("http_filters") } else { Some(at.clone()) });
        }
        self.upstream_filters.extend(at.field("upstream_http_filters"));
        if type_url.ends_with("TcpProxy") {
            self.tcp_proxies.push(at.clone());
        }
        if has("vm_config") {
            self.plugins.push(at.clone());
        }
        let goes_on =
            ["cluster", "cluster_header", "weighted_clusters", "cluster_specifier_plugin"];
        if key == "route" && goes_on.into_iter().any(has) {
            self.actions.push(at.clone());
        }
        match key {
            "match" if at.value.is_object() => self.matches.push(at.clone()),
            "typed_per_filter_config" => self.overrides.push(at.clone()),
            "request_headers_to_add" if at.value.is_array() => self.additions.push(at.clone()),
            _ => {}
        }
        let is_cluster =
            has("name") && (type_url.ends_with("cluster.v3.Cluster") || is_cluster(key, at.value));
        if is_cluster {
            self.clusters.push(at.clone());
        }
        let is_listener = type_url.ends_with("listener.v3.Listener") || is_listener(key, at.value);
        if is_listener {
            let name = at.value["name"].as_str().filter(|name| !name.is_empty());
            self.listeners.insert(
                name.map_or_else(|| format!("{}:{}", at.source.name, at.place), str::to_owned),
            );
        }
        let is_host = key == "virtual_hosts" && at.value.is_object()
            || type_url.ends_with("route.v3.VirtualHost");
        if is_host {
            let listed = at.value["routes"].as_array().map_or(0, Vec::len);
            self.routes.insert(at.value.to_string(), listed + usize::from(has("matcher")));
        }
        self.has_routes |= has("virtual_hosts");
        self.has_cds |= has("cds_config");
        let is_filter = has("http_filters") || has("upstream_http_filters") || has("vm_config");
        is_cluster || is_listener || is_host || is_filter
    }
}

/// Whether a member `clusters` or `cluster` is a cluster, and not one of a route's
/// `weighted_clusters`.
fn is_cluster(key: &str, value: &Value) -> bool {
    let members = [
        "load_assignment",
        "connect_timeout",
        "type",
        "cluster_type",
        "lb_policy",
        "eds_cluster_config",
    ];
    matches!(key, "clusters" | "cluster")
        && members.iter().any(|member| value.get(member).is_some())
}

/// Whether a member `listeners` or `listener` is a listener.
fn is_listener(key: &str, value: &Value) -> bool {
    let members = ["filter_chains", "default_filter_chain", "address", "api_listener"];
    matches!(key, "listeners" | "listener")
        && members.iter().any(|member| value.get(member).is_some())
}

/// Our filters in a connection manager, or in a list of filters.
pub(super) fn ours<'a>(manager: &At<'a>) -> impl Iterator<Item = (usize, At<'a>)> {
    let filters = manager.field("http_filters").map(|filters| filters.items()).unwrap_or_default();
    filters.into_iter().enumerate().filter(|(_, filter)| is_ours(filter))
}

/// Whether a filter runs our plugin, by what it is called: Envoy has no better name for it.
fn is_ours(filter: &At<'_>) -> bool {
    let wasm = "filters.http.wasm.v3.Wasm";
    let value = filter.value;
    let discovered = value["config_discovery"]["type_urls"].as_array().into_iter().flatten();
    let discovered = discovered.filter_map(Value::as_str).any(|url| url.ends_with(wasm));
    let typed = value["typed_config"].to_string();
    let named = value["name"].as_str().is_some_and(|name| name.contains("portcullis"));
    let called = ["name", "root_id"]
        .iter()
        .any(|field| typed.contains(&format!("\"{field}\":\"portcullis")));
    (discovered && named)
        || (typed.contains(wasm) && (named || called || typed.contains("portcullis.wasm")))
}
