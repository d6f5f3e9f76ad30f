//! Faults inside the filter: a VM that dies, a host that answers wrong, another plugin that writes
//! the filter's shared data. The plugin is the shipped one with fault injection.
mod host;
mod planted;
mod shipped;
mod vm;

use harness::artifacts;
use harness::stack::{Builder, Stack};
use serde_json::{Value, json};

/// A stack whose plugin has fault injection, and whose providers' `jwks` have these members besides their
/// own.
fn with_faults(name: &str, members: Value) -> Builder {
    Stack::named(name).plugin(artifacts::plugin_with_faults().unwrap()).policy(move |policy| {
        for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
            for (member, value) in members.as_object().unwrap() {
                provider["jwks"][member] = value.clone();
            }
        }
    })
}

/// Lets the VM see an environment variable of Envoy's.
fn seen_by_the_vm(builder: Builder, name: &'static str, value: &str) -> Builder {
    builder.gateway_env(name, value).envoy(move |config| {
        let filters = config.http_filters().unwrap();
        let filter = filters.iter().find(|filter| filter["name"] == "portcullis").unwrap();
        let file = filter["config_discovery"]["config_source"]["path_config_source"]["path"]
            .as_str()
            .unwrap();
        let mut discovery: Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let vm = &mut discovery["resources"][0]["typed_config"]["config"]["vm_config"];
        vm["environment_variables"]["host_env_keys"].as_array_mut().unwrap().push(json!(name));
        std::fs::write(file, discovery.to_string()).unwrap();
    })
}
