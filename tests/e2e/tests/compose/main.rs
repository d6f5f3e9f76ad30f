//! docker compose as it ships, asked from outside: what a person meets who types
//! `docker compose up`. `cargo xtask test compose` brings it up and down; one test runs at a time,
//! and each leaves everything as healthy as it found it.
#[path = "../e2e/documents/blocks.rs"]
#[allow(dead_code, reason = "what else is asked of blocks is the end-to-end suite's")]
mod blocks;
mod composed;
mod copy;

use std::fs;
use std::time::Duration;

use harness::artifacts::root;
use harness::folder::Folder;
use harness::process::eventually;
use portcullis_principal::SigningKey;
use serde_json::{Value, json};

use crate::blocks::blocks_of;
use crate::composed::Composed;

/// Containers start in seconds, and keys that were not found are looked for again after half a
/// minute.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn compose_publishes_the_gateway_and_the_provider_alone_on_this_machine_alone() {
    let composed = Composed::running();
    for service in ["gateway", "backend", "postgres", "keycloak"] {
        let state = composed.inspect(service);
        assert_eq!(state["State"]["Health"]["Status"], "healthy", "{service}");
        let ports = state["NetworkSettings"]["Ports"].as_object().unwrap();
        let published: Vec<_> = ports.values().filter_map(|it| it.as_array()).flatten().collect();
        let should = matches!(service, "gateway" | "keycloak");
        assert_eq!(published.len(), usize::from(should), "{service}: {published:?}");
        assert!(published.iter().all(|it| it["HostIp"] == "127.0.0.1"), "{service}: {published:?}");
    }
}

/// In every profile, running or not.
#[test]
fn compose_publishes_nothing_but_on_this_machine_and_of_four_services_alone() {
    let composed = Composed::running();
    let all = composed.does(&["--profile", "*", "config", "--format", "json"]);
    let all: Value = serde_json::from_str(&all).unwrap();
    let mut publish = Vec::new();
    for (name, service) in all["services"].as_object().unwrap() {
        let ports = service["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(ports.iter().all(|it| it["host_ip"] == "127.0.0.1"), "{name}: {ports:?}");
        if !ports.is_empty() {
            publish.push(name.as_str());
        }
    }
    assert_eq!(publish, ["dev-idp", "gateway", "grafana", "keycloak"]);
}

fn is_hardened(composed: &Composed, service: &str) {
    let state = composed.inspect(service);
    assert_eq!(state["Config"]["User"], "65532:65532", "{service}");
    assert_eq!(state["HostConfig"]["ReadonlyRootfs"], true, "{service}");
    assert_eq!(state["HostConfig"]["CapDrop"], json!(["ALL"]), "{service}");
    assert_eq!(state["State"]["Health"]["Status"], "healthy", "{service}");
    for shell in ["/bin/sh", "/bin/bash", "/busybox/sh"] {
        let said = composed.fails(&["exec", "-T", service, shell, "-c", "true"]);
        assert!(said.contains("no such file"), "{service} has {shell}: {said}");
    }
}

#[test]
fn compose_runs_images_without_root_without_a_shell_and_without_a_writable_root() {
    let composed = Composed::running();
    for service in ["gateway", "backend"] {
        is_hardened(&composed, service);
    }
}

/// The signing key among them, and every password: there is a default for none.
#[test]
fn compose_does_not_start_without_one_of_its_secrets_and_says_what_makes_them() {
    let composed = Composed::running();
    let folder = Folder::empty("compose-secrets").unwrap();
    let file = folder.join("env");
    let secrets = composed.secrets();
    let names = secrets
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='));
    let names: Vec<_> =
        names.map(|(name, _)| name).filter(|name| *name != "COMPOSE_PROFILES").collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let config = ["--profile", "*", "config", "--quiet"];
    for name in names {
        let rest: Vec<_> =
            secrets.lines().filter(|line| !line.starts_with(&format!("{name}="))).collect();
        fs::write(&file, rest.join("\n")).unwrap();
        let (done, said) = composed.with_secrets(&file, &config);
        assert!(!done && said.contains("cargo xtask secrets"), "{name}: {said}");
        assert!(said.contains(name), "{name}: {said}");
    }
    fs::write(&file, &secrets).unwrap();
    assert!(composed.with_secrets(&file, &config).0);
}

#[test]
fn compose_has_its_secrets_on_a_machine_without_rust_as_the_documents_say() {
    let composed = Composed::running();
    let copy = copy::of_the_repository("compose-keys");
    let [block] = &blocks_of("sh keys")[..] else { panic!("one block that makes .env") };
    // of our own name, to be taken away again
    let image = format!("{}-keys", std::env::var("COMPOSE_PROJECT_NAME").unwrap());
    let script = block.text.replace("portcullis-gateway", &image);
    // as the stack's images were built, so that nothing is compiled again
    let script =
        script.replace("docker build", "docker build --build-arg OPT_LEVEL=\"$BUILD_OPT_LEVEL\"");
    composed.shell(&script, copy.path());
    composed.shell(&format!("docker image rm {image}"), copy.path());
    let made = fs::read_to_string(copy.join(".env")).unwrap();
    let of = |name: &str| {
        made.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap()
    };
    let key = SigningKey::from_seed_base64url(of("PORTCULLIS_SIGNING_KEY")).unwrap();
    let public: Value =
        serde_json::from_str(of("BACKEND_GATEWAY_JWKS").trim_matches('\'')).unwrap();
    assert_eq!(public, key.public_jwks());
    let (done, said) = composed.with_secrets(&copy.join(".env"), &["--profile", "*", "config"]);
    assert!(done && said.contains(of("SHOP_DATABASE_PASSWORD")), "{said}");
    assert!(!copy.join("gateway.key").exists());
}

#[test]
fn compose_answers_as_the_documents_say() {
    let composed = Composed::running();
    for block in blocks_of("console token") {
        // one shell for all of them, which knows $TOKEN
        let (commands, said): (Vec<_>, Vec<_>) =
            block.text.lines().partition(|line| line.starts_with("$ ") || line.starts_with("    "));
        let script = commands.join("\n").replace("$ ", "");
        let script = script.replace("bearer $TOKEN", "Bearer $TOKEN");
        assert_eq!(composed.shell(&script, root()).trim(), said.join("\n"), "{block}");
    }
    composed.run(async |it| {
        let nora = it.token("nora").await;
        it.refused("/orders", Some(&nora), 403, "role-missing").await;
    });
    for block in blocks_of("sh log") {
        let found = (0..60).any(|_| {
            std::thread::sleep(Duration::from_millis(500));
            let said = composed.shell(&block.text, root());
            said.lines().any(|line| line.contains("role-missing") && line.contains("GET /orders"))
        });
        assert!(found, "{block} does not show who was refused");
    }
}

/// `.env` is changed as its owner would change it, and what is documented is done after each
/// change.
#[test]
fn compose_replaces_the_handoff_key_without_a_refused_request() {
    let composed = Composed::running();
    let token = composed.run(async |it| it.token("alice").await);
    let (file, secrets) = (std::env::var("COMPOSE_ENV_FILES").unwrap(), composed.secrets());
    let value = |name: &str| {
        let line = secrets.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap().trim_matches('\'').to_owned()
    };
    let change = |old: &str, name: &str, new: &str| {
        let lines = old.lines().map(|line| match line.split_once('=') {
            Some((known, _)) if known == name => format!("{name}='{new}'"),
            _ => line.to_owned(),
        });
        lines.map(|line| line + "\n").collect::<String>()
    };
    let new = harness::keys::secret();
    let public = |seed: &str| {
        SigningKey::from_seed_base64url(seed).unwrap().public_jwks()["keys"][0].clone()
    };
    let (old_key, new_key) = (public(&value("PORTCULLIS_SIGNING_KEY")), public(&new));
    let both = change(
        &secrets,
        "BACKEND_GATEWAY_JWKS",
        &json!({ "keys": [old_key, new_key.clone()] }).to_string(),
    );
    let signed = change(&both, "PORTCULLIS_SIGNING_KEY", &new);
    let alone = change(&signed, "BACKEND_GATEWAY_JWKS", &json!({ "keys": [new_key] }).to_string());
    for (text, service) in [(both, "backend"), (signed, "gateway"), (alone, "backend")] {
        fs::write(&file, text).unwrap();
        composed.shell(&format!("docker compose up --detach {service}"), root());
        composed.does(&["up", "--no-build", "--detach", "--wait", service]);
        // it may be gone for a moment; who answers believes the other
        composed.run(async |it| {
            it.becomes(200, "/me", &token).await;
            for _ in 0..10 {
                assert_eq!(it.get("/me", Some(&token)).await.0, 200, "after {service}");
            }
        });
    }
}

/// A change of the policy builds the gateway anew, and nothing else of it: no program.
#[test]
fn compose_decides_by_a_changed_policy_after_the_documented_command() {
    let composed = Composed::running();
    let token = composed.run(async |it| it.token("alice").await);
    let copy = copy::of_the_repository("compose-policy");
    let policy = copy.join("envoy/policy.yaml");
    let text = fs::read_to_string(&policy).unwrap();
    let changed = text
        .replace(r#"match: "GET /me", authenticated: true"#, r#"match: "GET /me", roles: [admin]"#);
    assert_ne!(changed, text);
    fs::write(&policy, changed).unwrap();
    let command = "docker compose up --build --detach gateway";
    let documented = fs::read_to_string(root().join("envoy/README.md"))
        .unwrap()
        .contains(&format!("`{command}`"));
    assert!(documented, "{command}");
    composed.shell(command, copy.path());
    composed.run(async |it| it.becomes(403, "/me", &token).await);
    composed.shell(command, root());
    composed.run(async |it| it.becomes(200, "/me", &token).await);
    composed.does(&["up", "--no-build", "--detach", "--wait", "gateway"]);
}

#[test]
fn compose_builds_no_dependency_again_when_a_source_changes() {
    let composed = Composed::running();
    let copy = copy::of_the_repository("compose-cached");
    let source = copy.join("backend/src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text + "\n// a change\n").unwrap();
    // the level that the stack's images were built with: another one is another build of every
    // dependency
    let build = "docker build --progress plain --build-arg OPT_LEVEL=\"$BUILD_OPT_LEVEL\" \
                 --file envoy/Dockerfile --target dependencies . 2>&1";
    let said = composed.shell(build, copy.path());
    let step =
        said.lines().find(|line| line.contains("RUN cargo build --locked --release")).unwrap();
    let (number, _) = step.split_once(' ').unwrap();
    assert!(said.lines().any(|line| line == format!("{number} CACHED")), "{said}");
}

#[test]
fn compose_runs_the_chain() {
    Composed::running().run(async |it| {
        let tea =
            json!({ "name": "Tea", "price": { "cents": 499, "currency": "EUR" }, "stock": 100 });
        let sam = it.token("sam").await;
        let (status, product) = it.post("/products", Some(&sam), &tea).await;
        assert_eq!(status, 201, "{product}");
        let order = json!({ "lines": [{ "product_id": product["id"], "quantity": 1 }] });
        let (alice, bob) = (it.token("alice").await, it.token("bob").await);
        let (status, placed) = it.post("/orders", Some(&alice), &order).await;
        assert_eq!(status, 201, "{placed}");
        let hers = format!("/orders/{}", placed["id"].as_str().unwrap());

        assert_eq!(it.get(&hers, Some(&alice)).await.0, 200);
        // level 1, level 2, level 3, and what is not there
        it.refused(&hers, None, 401, "token-missing").await;
        it.refused(&hers, Some("no-token"), 401, "token-malformed").await;
        it.refused(&hers, Some(&sam), 403, "role-missing").await;
        it.refused("/nowhere", Some(&alice), 403, "route-undeclared").await;
        it.refused(&hers, Some(&bob), 403, "no-right").await;
        it.refused("/orders/00000000-0000-7000-8000-000000000000", Some(&alice), 404, "absent")
            .await;
        assert_eq!(it.get(&hers, Some(&it.token("ada").await)).await.0, 200);
        // ES256, by client credentials
        assert_eq!(it.get("/me", Some(&it.token("reporting").await)).await.0, 200);
    });
}

#[test]
fn compose_follows_the_provider_through_a_rotation_of_its_keys() {
    Composed::running().run(async |it| {
        let old = it.token("alice").await;
        assert_eq!(it.get("/me", Some(&old)).await.0, 200);
        it.rotate().await;
        let new = it.token("alice").await;
        it.becomes(200, "/me", &new).await;
        // its key has been withdrawn: 401 as soon as a fetch says so, and never again 200
        it.becomes(401, "/me", &old).await;
        it.refused("/me", Some(&old), 401, "key-unknown").await;
        assert_eq!(it.get("/me", Some(&new)).await.0, 200);
    });
}

#[test]
fn compose_serves_with_the_keys_it_has_while_the_provider_is_away() {
    let composed = Composed::running();
    let token = composed.run(async |it| it.token("alice").await);
    // nobody has seen it while there was a provider: its signature is verified by a key that was
    // kept
    let unseen = composed.run(async |it| it.token("bob").await);
    let serves = || composed.run(async |it| assert_eq!(it.get("/me", Some(&token)).await.0, 200));
    serves();
    composed.does(&["stop", "keycloak"]);
    serves();
    composed.run(async |it| assert_eq!(it.get("/me", Some(&unseen)).await.0, 200));
    composed.does(&["up", "--no-build", "--detach", "--wait", "keycloak"]);
    composed.does(&["restart", "keycloak"]);
    serves();
    composed.does(&["up", "--no-build", "--detach", "--wait", "keycloak"]);
    // same realm, same keys
    composed.run(async |it| {
        let again = it.token("alice").await;
        it.becomes(200, "/me", &again).await;
    });
}

#[test]
fn compose_answers_503_without_its_database_and_all_is_as_before_when_it_is_back() {
    let composed = Composed::running();
    let token = composed.run(async |it| it.token("alice").await);
    let (_, before) = composed.run(async |it| it.get("/orders", Some(&token)).await);
    composed.does(&["stop", "postgres"]);
    composed.run(async |it| {
        it.becomes(503, "/orders", &token).await;
        // levels 1 and 2 need no database
        it.refused("/orders", None, 401, "token-missing").await;
        it.refused("/nowhere", Some(&token), 403, "route-undeclared").await;
    });
    composed.does(&["up", "--no-build", "--detach", "--wait", "postgres"]);
    composed.run(async |it| {
        it.becomes(200, "/orders", &token).await;
        assert_eq!(it.get("/orders", Some(&token)).await.1, before);
    });
}

#[test]
fn compose_answers_503_without_the_backend_and_starts_it_again() {
    let composed = Composed::running();
    let token = composed.run(async |it| it.token("alice").await);
    composed.does(&["stop", "backend"]);
    composed.run(async |it| {
        it.becomes(503, "/me", &token).await;
        it.refused("/me", None, 401, "token-missing").await;
        it.refused("/nowhere", Some(&token), 403, "route-undeclared").await;
    });
    composed.does(&["up", "--no-build", "--detach", "--wait", "backend"]);
    composed.run(async |it| it.becomes(200, "/me", &token).await);
}

#[test]
fn compose_brings_a_killed_gateway_back() {
    let composed = Composed::running();
    let token = composed.run(async |it| it.token("alice").await);
    let pid = composed.inspect("gateway")["State"]["Pid"].clone();
    composed.kills("gateway");
    composed.run(async |it| it.becomes(200, "/me", &token).await);
    assert_ne!(composed.inspect("gateway")["State"]["Pid"], pid);
    composed.does(&["up", "--no-build", "--detach", "--wait", "gateway"]);
}

#[test]
fn compose_ships_the_finished_module() {
    let folder = Folder::empty("compose-module").unwrap();
    let module = folder.join("portcullis.wasm");
    Composed::running().does(&[
        "cp",
        "gateway:/etc/envoy/portcullis.wasm",
        module.to_str().unwrap(),
    ]);
    let shipped = fs::read(module).unwrap();
    assert!(shipped.len() <= portcullis_finish::MAX_BYTES, "{} bytes", shipped.len());
    for unused in portcullis_finish::UNUSED {
        let exported = shipped.windows(unused.len()).any(|bytes| bytes == unused.as_bytes());
        assert!(!exported, "Envoy calls {unused} for every request");
    }
}

#[test]
fn compose_takes_the_development_provider_in_the_place_of_the_real_one() {
    let composed = Composed::running();
    composed.does(&["stop", "keycloak"]);
    // what the command line says takes the place of what `.env` says
    let services = composed.does(&["--profile", "dev", "config", "--services"]);
    assert!(services.contains("dev-idp") && !services.contains("keycloak"), "{services}");
    composed.shell(&documented("docker compose --profile dev "), root());
    is_hardened(&composed, "dev-idp");
    composed.run(async |it| {
        let token = it.token("alice").await;
        it.becomes(200, "/me", &token).await;
    });
    composed.does(&["--profile", "dev", "rm", "--stop", "--force", "dev-idp"]);
    composed.does(&["up", "--no-build", "--detach", "--wait", "keycloak"]);
    // a key that was withdrawn and comes back is believed at the next refresh, or by a gateway that
    // starts
    composed.does(&["restart", "gateway"]);
    composed.does(&["up", "--no-build", "--detach", "--wait", "gateway"]);
    composed.run(async |it| {
        let token = it.token("alice").await;
        it.becomes(200, "/me", &token).await;
    });
}

/// The one command of the documents that begins so.
fn documented(begin: &str) -> String {
    let blocks = blocks_of("sh compose");
    let lines = blocks.iter().flat_map(|block| block.text.lines());
    let [line] = lines.filter(|line| line.starts_with(begin)).collect::<Vec<_>>()[..] else {
        panic!("one command that begins with {begin}")
    };
    line.to_owned()
}

#[test]
fn compose_shows_itself_to_prometheus() {
    let composed = Composed::running();
    // Grafana's image has no stand-in
    let config = documented("docker compose --profile keycloak ")
        .replace("up --build --wait", "config --services");
    let services = composed.shell(&config, root());
    assert!(
        ["keycloak", "prometheus", "grafana"].iter().all(|it| services.contains(it)),
        "{services}"
    );
    composed.does(&[
        "--profile",
        "observability",
        "up",
        "--no-build",
        "--detach",
        "--wait",
        "prometheus",
    ]);
    composed.run(async |it| {
        it.refused("/me", None, 401, "token-missing").await;
        let query = r#"portcullis_decisions{row="GET /me",reason="token-missing"} and on(instance) up{job="gateway"} == 1"#;
        let seen = async || {
            let ask = ["exec", "-T", "prometheus", "promtool", "query", "instant", "http://127.0.0.1:9090", query];
            composed.does(&ask).contains("token-missing").then_some(())
        };
        eventually("the decision in Prometheus", PATIENCE, seen).await.unwrap();
    });
    composed.does(&["--profile", "observability", "rm", "--stop", "--force", "prometheus"]);
}
