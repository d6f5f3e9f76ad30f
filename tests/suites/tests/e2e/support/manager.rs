//! The parts of the shipped Envoy configuration that suites change.
use harness::envoy::Config;
use serde_json::{Value, json};

/// The HTTP connection manager of the gateway's listener.
pub(crate) fn manager(config: &mut Config) -> &mut Value {
    let place = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    config.document().pointer_mut(place).expect("the connection manager")
}

/// Its routes, in order.
pub(crate) fn routes(config: &mut Config) -> &mut Vec<Value> {
    let routes = manager(config).pointer_mut("/route_config/virtual_hosts/0/routes");
    routes.and_then(Value::as_array_mut).expect("the routes")
}

/// Only to be quick: Envoy waits a second before it closes a connection whose request it or the filter has refused.
pub(crate) fn closes_at_once(config: &mut Config) {
    manager(config)["delayed_close_timeout"] = json!("0.05s");
}
