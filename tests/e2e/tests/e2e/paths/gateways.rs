//! One Envoy that listens once for each way in which Envoy itself may rewrite paths, in front of a
//! service with axum's router.
use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request};
use axum::routing::any;
use axum::{Json, Router};
use corpus::Paths;
use e2e::{Shared, serve};
use harness::envoy::Config;
use harness::ports::Port;
use serde_json::{Value, json};

use crate::support::manager::closes_at_once;

/// What Envoy does to paths before the filter sees them.
pub(super) struct Gateway {
    pub(super) name: &'static str,
    normalize_path: bool,
    merge_slashes: bool,
    escaped_slashes: &'static str,
    port: OnceLock<Port>,
}

const fn gateway(
    name: &'static str,
    normalize_path: bool,
    merge_slashes: bool,
    escaped_slashes: &'static str,
) -> Gateway {
    Gateway { name, normalize_path, merge_slashes, escaped_slashes, port: OnceLock::new() }
}

/// The first is as shipped.
pub(super) static GATEWAYS: [Gateway; 7] = [
    gateway("as shipped", false, false, "KEEP_UNCHANGED"),
    gateway("merge_slashes", false, true, "KEEP_UNCHANGED"),
    gateway("normalize_path", true, false, "KEEP_UNCHANGED"),
    gateway("normalize_path, merge_slashes", true, true, "KEEP_UNCHANGED"),
    gateway("both, REJECT_REQUEST", true, true, "REJECT_REQUEST"),
    gateway("both, UNESCAPE_AND_REDIRECT", true, true, "UNESCAPE_AND_REDIRECT"),
    gateway("both, UNESCAPE_AND_FORWARD", true, true, "UNESCAPE_AND_FORWARD"),
];

pub(super) static SHOP: Shared = Shared::made("paths", |stack| {
    let service = serve(routed(&Paths::load()));
    stack.policy(|policy| *policy = Paths::load().policy()).envoy(move |config| {
        config.cluster("backend", service).unwrap();
        closes_at_once(config);
        for gateway in &GATEWAYS {
            gateway.listens(config);
        }
    })
});

impl Gateway {
    /// Its port of 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port.get_or_init(|| Port::free().unwrap()).number()
    }

    /// Adds it to a configuration: a listener like the first.
    fn listens(&self, config: &mut Config) {
        let listeners = config.document()["static_resources"]["listeners"].as_array_mut().unwrap();
        let mut listener = listeners[0].clone();
        listener["name"] = json!(self.name);
        listener["address"]["socket_address"] =
            json!({ "address": "127.0.0.1", "port_value": self.port() });
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        manager["normalize_path"] = json!(self.normalize_path);
        manager["merge_slashes"] = json!(self.merge_slashes);
        manager["path_with_escaped_slashes_action"] = json!(self.escaped_slashes);
        listeners.push(listener);
    }
}

/// A service with a route for each row: it tells what it got, and which route axum's router chose.
pub(super) fn routed(paths: &Paths) -> Router {
    let router = Router::new().fallback(told);
    paths.templates().fold(router, |router, template| router.route(template, any(told)))
}

async fn told(
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Json<Value> {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let assertion = request.headers().get("x-auth-principal").and_then(|value| value.to_str().ok());
    let parameters: BTreeMap<_, _> = parameters.iter().flatten().collect();
    Json(json!({
        "target": request.uri().to_string(),
        "route": route,
        "parameters": parameters,
        "assertion": assertion,
    }))
}
