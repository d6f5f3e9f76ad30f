//! The parts of the shipped Envoy configuration that suites change.
use harness::envoy::Config;
use serde_json::Value;

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
