//! docker compose as it ships, asked from outside: what a person meets who types `docker compose up`. `cargo xtask test compose`
//! brings it up and down; one test runs at a time, and each leaves everything as healthy as it found it.
mod composed;

use std::time::Duration;

use harness::process::eventually;
use serde_json::json;

use crate::composed::Composed;

/// Containers start in seconds, and keys that were not found are looked for again after half a minute.
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

#[test]
fn compose_runs_images_without_root_without_a_shell_and_without_a_writable_root() {
    let composed = Composed::running();
    for service in ["gateway", "backend"] {
        let state = composed.inspect(service);
        assert_eq!(state["Config"]["User"], "65532:65532", "{service}");
        assert_eq!(state["HostConfig"]["ReadonlyRootfs"], true, "{service}");
        assert_eq!(state["HostConfig"]["CapDrop"], json!(["ALL"]), "{service}");
        for shell in ["/bin/sh", "/bin/bash", "/busybox/sh"] {
            let said = composed.fails(&["exec", "-T", service, shell, "-c", "true"]);
            assert!(said.contains("no such file"), "{service} has {shell}: {said}");
        }
    }
}

#[test]
fn compose_does_not_start_without_a_signing_key_and_says_what_makes_one() {
    let said = Composed::running().without_secrets(&["config", "--quiet"]);
    assert!(said.contains("PORTCULLIS_SIGNING_KEY") && said.contains("cargo xtask keys"), "{said}");
}

#[test]
fn compose_runs_the_chain() {
    Composed::running().run(async |it| {
        let tea = json!({ "name": "Tea", "price": { "cents": 499, "currency": "EUR" }, "stock": 100 });
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
        it.refused("/orders/00000000-0000-7000-8000-000000000000", Some(&alice), 404, "absent").await;
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
    let serves = || composed.run(async |it| assert_eq!(it.get("/me", Some(&token)).await.0, 200));
    serves();
    composed.does(&["stop", "keycloak"]);
    serves();
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
    let folder = harness::folder::Folder::empty("compose-module").unwrap();
    let module = folder.join("portcullis.wasm");
    Composed::running().does(&["cp", "gateway:/etc/envoy/portcullis.wasm", module.to_str().unwrap()]);
    let shipped = std::fs::read(module).unwrap();
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
    composed.does(&["--profile", "dev", "up", "--build", "--detach", "--wait", "--no-deps", "dev-idp"]);
    composed.run(async |it| {
        let token = it.token("alice").await;
        it.becomes(200, "/me", &token).await;
    });
    composed.does(&["--profile", "dev", "rm", "--stop", "--force", "dev-idp"]);
    composed.does(&["up", "--no-build", "--detach", "--wait", "keycloak"]);
    // a key that was withdrawn and comes back is believed at the next refresh, or by a gateway that starts
    composed.does(&["restart", "gateway"]);
    composed.does(&["up", "--no-build", "--detach", "--wait", "gateway"]);
    composed.run(async |it| {
        let token = it.token("alice").await;
        it.becomes(200, "/me", &token).await;
    });
}

#[test]
fn compose_shows_itself_to_prometheus() {
    let composed = Composed::running();
    composed.does(&["--profile", "observability", "up", "--no-build", "--detach", "--wait", "prometheus"]);
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
