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

/// Lets trailers of HTTP/1.1 through in both directions. Envoy drops them by default, so what is
/// removed from them would be Envoy's work and not the filter's.
pub(crate) fn passes_trailers(config: &mut Config) {
    let trailers = json!({ "enable_trailers": true });
    manager(config)["http_protocol_options"] = trailers.clone();
    let clusters =
        config.document()["static_resources"]["clusters"].as_array_mut().expect("clusters");
    let backend =
        clusters.iter_mut().find(|cluster| cluster["name"] == "backend").expect("the service");
    backend["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http_protocol_options": trailers },
        }
    });
}

/// Only to be quick: Envoy waits a second before it closes a connection whose request it or the
/// filter has refused.
pub(crate) fn closes_at_once(config: &mut Config) {
    manager(config)["delayed_close_timeout"] = json!("0.05s");
}
