//! What ships beside the documents, as far as it can be read: docker compose, images, Grafana's
//! provisioning, and no secret.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::artifacts::root;
use serde_json::Value;

use super::blocks::document;

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&document(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Images of others: of docker compose, and those that ours are made of.
fn upstream() -> Vec<String> {
    let compose = yaml("docker-compose.yml");
    let services = compose["services"].as_object().expect("services").values();
    let named = services.filter_map(|service| service["image"].as_str()).map(str::to_owned);
    let dockerfile = document("envoy/Dockerfile");
    let (mut from, mut stages): (Vec<_>, Vec<_>) = (Vec::new(), vec!["scratch"]);
    for words in dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|it| it.split(' ').collect::<Vec<_>>())
    {
        if !stages.contains(&words[0]) {
            from.push(words[0].to_owned());
        }
        stages.extend(words.get(2));
    }
    named.chain(from).collect()
}

#[test]
fn every_image_of_others_is_of_one_version() {
    let images = upstream();
    assert!(images.len() >= 5, "{images:?}");
    for image in images {
        let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no version"));
        let version = tag.split('-').any(|part| {
            let numbers: Vec<_> = part.trim_start_matches('v').split('.').collect();
            numbers.len() >= 2 && numbers.iter().all(|it| it.parse::<u32>().is_ok())
        });
        assert!(version, "{image} may be another one tomorrow");
    }
}

/// Tested here is what runs there.
#[test]
fn the_images_are_of_the_versions_that_the_suites_run() {
    let images = upstream();
    for (tool, image) in
        [("envoy", "envoyproxy/envoy:"), ("keycloak", "quay.io/keycloak/keycloak:")]
    {
        let source = document(&format!("tests/harness/src/tools/{tool}.rs"));
        let (_, version) = source.split_once("const VERSION: &str = \"").expect("a version");
        let (version, _) = version.split_once('"').expect("its end");
        let tag = images.iter().find_map(|it| it.strip_prefix(image)).expect("an image");
        assert!(
            tag.trim_start_matches("distroless-v") == version,
            "{image}{tag}, but {version} is tested"
        );
    }
}

#[test]
fn no_secret_is_committed_and_none_has_a_default() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert!(git(&["check-ignore", ".env"]).0, "git ignores .env");
    assert!(document("envoy/Dockerfile.dockerignore").lines().any(|line| line == ".env"));
    let (_, names) = git(&["ls-files"]);
    for name in names.lines() {
        let path = Path::new(name);
        let secret = path.extension().is_some_and(|it| it == "pem" || it == "key");
        assert!(!secret && path.file_name().is_some_and(|it| it != ".env"), "{name}");
        let text = fs::read(root().join(name)).unwrap_or_default();
        // in two parts, or this file would be one
        let sign = ["PRIVATE KEY", "-----"].concat();
        assert!(
            !text.windows(sign.len()).any(|it| it == sign.as_bytes()),
            "{name} has a private key"
        );
    }
    let compose = document("docker-compose.yml");
    for variable in compose.split("${").skip(1).filter_map(|rest| rest.split('}').next()) {
        let (name, rest) = variable.split_at(variable.find(':').unwrap_or(variable.len()));
        let secret = !name.ends_with("_PORT") && name != "BUILD_OPT_LEVEL";
        assert_eq!(
            secret,
            rest.starts_with(":?"),
            "{name}: a secret has no default, every other variable has one"
        );
    }
    for line in compose
        .lines()
        .filter(|line| line.contains("PASSWORD") && !line.trim_start().starts_with('#'))
    {
        assert!(line.contains("PASSWORD:?"), "{line}");
    }
}

/// Grafana reads what is mounted where its provisioning says; a panel asks the one data source by
/// its id.
#[test]
fn grafana_finds_its_data_source_and_the_dashboard() {
    let compose = yaml("docker-compose.yml");
    let mounts: Vec<_> = compose["services"]["grafana"]["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|it| it.strip_prefix("./"))
        .filter_map(|it| it.split_once(':'))
        .collect();
    let mounted = |folder: &str| {
        let to = mounts
            .iter()
            .find(|(from, _)| *from == folder)
            .unwrap_or_else(|| panic!("{folder} is not mounted"));
        to.1.trim_end_matches(":ro")
    };
    // where the image looks for it
    assert_eq!(mounted("envoy/grafana/provisioning"), "/etc/grafana/provisioning");
    let provider = yaml("envoy/grafana/provisioning/dashboards/portcullis.yaml");
    assert_eq!(provider["providers"][0]["options"]["path"], mounted("envoy/grafana/dashboards"));
    let sources = yaml("envoy/grafana/provisioning/datasources/prometheus.yaml");
    let source = &sources["datasources"][0];
    let url = source["url"].as_str().expect("a URL");
    let (service, port) = url.trim_start_matches("http://").split_once(':').expect("a port");
    assert!(compose["services"].get(service).is_some() && port == "9090", "{url}");
    for file in fs::read_dir(root().join("envoy/grafana/dashboards")).expect("dashboards") {
        let text = fs::read_to_string(file.expect("a file").path()).expect("a dashboard");
        let dashboard: Value = serde_json::from_str(&text).expect("JSON");
        let panels = dashboard["panels"].as_array().expect("panels");
        let ids: BTreeSet<_> =
            panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
        assert_eq!(ids.len(), panels.len(), "no two panels have one id");
        for panel in panels {
            assert_eq!(panel["datasource"]["uid"], source["uid"], "{}", panel["title"]);
            assert_eq!(panel["datasource"]["type"], source["type"], "{}", panel["title"]);
        }
    }
}
