//! Fragments of Envoy's configuration: put into the shipped one, where they belong, and given to
//! Envoy.
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::envoy::Config;
use harness::folder::Folder;
use harness::{artifacts, keys, tools};
use serde_json::Value;

use super::blocks::{Block, blocks_of};

/// What a fragment is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Clusters: of the shipped one's names instead of them, others beside them.
    Clusters,
    /// HTTP filters instead of the filter: what others use.
    Instead,
}

/// The shipped configuration with a fragment.
pub(super) fn with(block: &Block, kind: Kind) -> Config {
    let fragment: Vec<Value> =
        serde_saphyr::from_str(&block.text).unwrap_or_else(|error| panic!("{block}: {error}"));
    let mut config = Config::shipped().expect("envoy.yaml");
    match kind {
        Kind::Clusters => {
            let clusters = config
                .document()
                .pointer_mut("/static_resources/clusters")
                .and_then(Value::as_array_mut);
            let clusters = clusters.expect("clusters");
            for cluster in fragment {
                clusters.retain(|known| known["name"] != cluster["name"]);
                clusters.push(cluster);
            }
        }
        Kind::Instead => {
            let filters = config.http_filters().expect("filters");
            filters.retain(|filter| filter["name"] != "portcullis");
            filters.splice(0..0, fragment);
        }
    }
    config
}

/// Asks Envoy whether it would run this.
fn validate(block: &Block, mut config: Config, folder: &Path) {
    let file = folder.join("envoy.json");
    fs::write(&file, config.document().to_string()).expect("a file");
    let mut envoy = Command::new(tools::envoy().expect("Envoy"));
    envoy.args(["--mode", "validate", "--config-path"]).arg(&file).args(["--log-level", "error"]);
    let output = envoy.env("PORTCULLIS_SIGNING_KEY", keys::secret()).output().expect("Envoy runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{block}: Envoy says\n{said}");
}

#[test]
fn envoy_takes_every_fragment_of_its_configuration() {
    let folder = Folder::empty("documents-fragments").expect("a folder");
    let rendered = folder.join("portcullis.json");
    let mut render = Command::new(artifacts::binary("portcullis").expect("the command line"));
    render.args(["render", "envoy/policy.yaml", "--for", "envoy", "--plugin"]);
    render.arg(artifacts::plugin().expect("the plugin")).current_dir(artifacts::root());
    fs::write(&rendered, render.output().expect("portcullis").stdout).expect("a file");
    for block in blocks_of("yaml clusters") {
        let mut config = with(&block, Kind::Clusters);
        config.filter_from(&rendered).expect("the filter");
        validate(&block, config, folder.path());
    }
    for block in blocks_of("yaml instead") {
        validate(&block, with(&block, Kind::Instead), folder.path());
    }
}
