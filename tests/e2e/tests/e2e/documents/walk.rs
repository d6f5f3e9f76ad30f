//! The newcomer's walk of envoy/docs/getting-started.md, with a real Envoy, a provider whose issuer
//! is the documents', and the service as shown.
use std::fs;

use dev_idp::{Config as IdpConfig, DevIdp};
use e2e::{run, serve};
use harness::artifacts::{self, root};
use harness::folder::Folder;
use harness::http;
use harness::ports::Port;
use harness::process::Process;
use serde_json::{Value, json};

use super::blocks::{Block, GETTING_STARTED, blocks, blocks_of};
use super::envoy::{Kind, with};
use super::notes;
use super::session::{Session, steps};

const ISSUER: &str = "https://idp.example/realms/notes";

/// The blocks of the walk of this name.
fn walked(name: &str) -> Vec<Block> {
    blocks()
        .into_iter()
        .filter(|block| block.document == GETTING_STARTED && block.info == name)
        .collect()
}

/// The service as it is shown is the service that is run.
fn the_service_is_the_one_shown() {
    let text = fs::read_to_string(root().join("tests/e2e/tests/e2e/documents/notes.rs"))
        .expect("notes.rs");
    let (_, code) = text.split_once('\n').expect("its first line is about the test");
    let [block] = &blocks_of("rust walk")[..] else { panic!("one service") };
    assert_eq!(block.text, code, "{block} and tests/e2e/tests/e2e/documents/notes.rs differ");
}

/// Envoy's configuration as a reader has it after the walk's changes, `envoy.yaml` in the folder.
fn configuration(folder: &Folder) -> Value {
    let [block] = &walked("yaml clusters")[..] else { panic!("one block with the clusters") };
    let mut config = with(block, Kind::Clusters);
    config.filter_from(&folder.join("portcullis.json")).expect("the filter");
    config.document().clone()
}

/// The same with addresses of this machine, where nobody speaks TLS.
fn on_this_machine(mut config: Value, ports: &Ports, service: u16, idp: u16) -> Value {
    let port =
        |value: &mut Value, to: u16| *value = json!({ "address": "127.0.0.1", "port_value": to });
    for (listener, to) in [(0, ports.gateway.number()), (1, ports.operations.number())] {
        port(
            &mut config["static_resources"]["listeners"][listener]["address"]["socket_address"],
            to,
        );
    }
    port(&mut config["admin"]["address"]["socket_address"], ports.admin.number());
    for cluster in config["static_resources"]["clusters"].as_array_mut().expect("clusters") {
        let to = match cluster["name"].as_str().expect("a name") {
            "backend" => service,
            "idp" => idp,
            _ => ports.admin.number(),
        };
        let endpoint =
            &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        port(&mut endpoint["address"]["socket_address"], to);
        cluster.as_object_mut().expect("a cluster").remove("transport_socket");
    }
    config
}

struct Ports {
    gateway: Port,
    admin: Port,
    operations: Port,
}

#[test]
fn the_newcomers_walk_ends_in_an_enforced_policy() {
    the_service_is_the_one_shown();
    run(async {
        let [gateway, admin, operations] = [(); 3].map(|()| Port::free().expect("a port"));
        let ports = Ports { gateway, admin, operations };
        let idp = IdpConfig { issuer: Some(ISSUER.to_owned()), ..IdpConfig::default() };
        let idp = DevIdp::start(idp).await.expect("a provider");
        let token = idp
            .token("alice")
            .claim("sub", "alice")
            .claim("aud", "notes-api")
            .roles(["reader"])
            .sign();

        let mut session = Session::new("documents-walk");
        for block in blocks().iter().filter(|block| block.document == GETTING_STARTED) {
            if let Some((_, name)) = block.info.split_once(" walk ") {
                session.write(name, &block.text);
            }
        }
        fs::copy(artifacts::plugin().expect("the plugin"), session.folder.join("portcullis.wasm"))
            .expect("a file");
        let config = configuration(&session.folder);
        session.write("envoy.yaml", &config.to_string());
        session.places.push(("http://127.0.0.1:8080".to_owned(), ports.gateway.url()));
        session.env.push(("TOKEN".to_owned(), token));
        session.env.push(("ADMIN".to_owned(), ports.admin.number().to_string()));

        let mut envoy = None;
        let mut commands = 0;
        for block in walked("console walk") {
            for step in steps(&block) {
                commands += usize::from(envoy.is_none());
                if step.command.contains(" envoy --config-path") {
                    let service = notes::app(&session.folder.join("gateway.jwks.json"))
                        .expect("the gateway's keys");
                    let here = on_this_machine(
                        config.clone(),
                        &ports,
                        serve(service),
                        idp.address().port(),
                    );
                    session.write("envoy.yaml", &here.to_string());
                    envoy = Some(session.start(&step.command));
                } else {
                    // it waits for what this runtime serves
                    let status = tokio::task::block_in_place(|| session.step(&block, &step, 0));
                    assert_eq!(status, 0, "{block}: {}", step.command);
                }
            }
        }
        assert_eq!(commands, 5, "from an OpenAPI file to an enforced policy in five commands");
        let mut envoy = envoy.expect("an Envoy in the walk");
        tokio::task::block_in_place(|| the_log_is_read_as_shown(&session, &mut envoy));
        probed_as_shown(&session, &ports).await;
    });
}

/// The queries of the access log, of the log that this walk has left.
fn the_log_is_read_as_shown(session: &Session, envoy: &mut Process) {
    // Envoy writes its log out every ten seconds, and when it ends
    let lines = fs::read_to_string(session.log()).expect("a log").lines().count();
    assert!(lines > 0 && envoy.alive().is_ok());
    session.program("docker", &format!("cat {}", session.log().display()));
    for block in blocks_of("sh log") {
        let found = (0..75).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(200));
            Some(session.output(&block.text)).filter(|said| said.contains("role-missing"))
        });
        let said = found
            .unwrap_or_else(|| panic!("{block} finds no refusal: {}", session.output(&block.text)));
        assert!(said.contains("GET /notes"), "{block}: {said}");
    }
}

/// Kubernetes' probes: commands are run, and paths are asked for.
async fn probed_as_shown(session: &Session, ports: &Ports) {
    for block in blocks_of("yaml probes") {
        let probes: Value = serde_saphyr::from_str(&block.text).expect("YAML");
        for (name, probe) in probes.as_object().expect("probes") {
            if let Some(command) = probe["exec"]["command"].as_array() {
                let words: Vec<_> = command.iter().filter_map(Value::as_str).collect();
                let said = tokio::task::block_in_place(|| session.output(&words.join(" ")));
                assert_eq!(said.trim(), "ready", "{block}: {name}");
            } else {
                assert_eq!(probe["httpGet"]["port"], 9902, "{block}: {name}");
                let path = probe["httpGet"]["path"].as_str().expect("a path");
                let url = ports.operations.url() + path;
                let answer = http::client(false)
                    .expect("a client")
                    .get(url)
                    .send()
                    .await
                    .expect("an answer");
                assert_eq!(answer.status(), 200, "{block}: {name}");
            }
        }
    }
}
