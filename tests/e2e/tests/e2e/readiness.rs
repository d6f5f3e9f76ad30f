//! Is a gateway ready, and what does it answer while it is not? `portcullis ready` asks a real one;
//! and the port for operators shows what they need and nothing else.
use std::fs;
use std::process::Command;

use dev_idp::{Endpoint, Fault};
use e2e::{NO_TOKEN, Shared, Shop, run, unavailable};
use harness::envoy::{Config, Envoy, Settings};
use harness::folder::Folder;
use harness::ports::Port;
use harness::process::eventually;
use harness::stack::Stack;
use harness::{artifacts, keys};
use reqwest::Method;
use serde_json::{Value, json};

use crate::keys::PATIENCE;

static SHOP: Shared = Shared::named("readiness-operators");

/// What `portcullis ready` says of a gateway, and whether it is ready.
fn asked(envoy: &Envoy) -> (bool, String) {
    let mut ready = Command::new(artifacts::binary("portcullis").unwrap());
    let admin = envoy.admin_url();
    let output =
        ready.args(["ready", "--admin", admin.trim_start_matches("http://")]).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).trim().to_owned())
}

async fn says(shop: &Shop, ready: bool, what: &str) {
    let expected = (ready, what.to_owned());
    let said = async || (asked(shop.stack.envoy()) == expected).then_some(());
    eventually(&format!("{expected:?}"), PATIENCE, said).await.unwrap();
}

#[test]
fn a_gateway_without_keys_lives_and_is_not_ready_and_serves_what_needs_none() {
    run(async {
        let builder = Stack::named("readiness-keys").policy(|policy| {
            policy["providers"]["keycloak"]["jwks"]["refresh"] = json!("1s");
            policy["waiting"] = json!({ "time": "1s" });
        });
        let mut shop = Shop::of(builder).await.unwrap();
        let token = shop.token("alice").await;
        says(&shop, true, "ready").await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        says(&shop, false, "no keys yet: keycloak").await;
        assert_eq!(shop.stack.envoy().admin("/ready").await.unwrap().trim(), "LIVE");
        shop.get("/me").token(&token).is_stopped(unavailable("keys-unavailable")).await;
        shop.get("/me").is_stopped(NO_TOKEN).await;
        shop.get("/products").answers(200).await;
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        says(&shop, true, "ready").await;
        shop.get("/me").token(&token).answers(200).await;
    });
}

#[test]
fn of_several_providers_one_that_is_down_takes_its_own_clients_alone() {
    run(async {
        let builder = Stack::named("readiness-providers").provider("partner");
        let builder = builder.policy(|policy| policy["waiting"] = json!({ "time": "1s" }));
        let mut shop = Shop::of(builder).await.unwrap();
        let (ours, theirs) = (shop.token("alice").await, shop.token("alice@partner").await);
        for token in [&ours, &theirs] {
            shop.get("/me").token(token).answers(200).await;
        }
        shop.stack.idp_named("partner").fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        says(&shop, true, "ready, but without keys of partner").await;
        for _ in 0..4 {
            shop.get("/me").token(&ours).answers(200).await;
            shop.get("/me").token(&theirs).is_stopped(unavailable("keys-unavailable")).await;
        }
    });
}

/// What Envoy reads of the filter, as `portcullis render` writes it, with a change of the policy in
/// it.
fn rendered(folder: &Folder, change: impl FnOnce(&mut Value)) -> std::path::PathBuf {
    let mut render = Command::new(artifacts::binary("portcullis").unwrap());
    render.args(["render", "envoy/policy.yaml", "--for", "envoy", "--plugin"]);
    let output =
        render.arg(artifacts::plugin().unwrap()).current_dir(artifacts::root()).output().unwrap();
    let mut discovery: Value = serde_json::from_slice(&output.stdout).unwrap();
    change(&mut discovery["resources"][0]["typed_config"]["config"]["configuration"]["value"]);
    let file = folder.join("portcullis.json");
    fs::write(&file, discovery.to_string()).unwrap();
    file
}

#[test]
fn without_a_policy_or_a_key_everything_is_answered_with_500() {
    run(async {
        let key = || vec![("PORTCULLIS_SIGNING_KEY".to_owned(), keys::secret())];
        let wrong = |policy: &mut Value| {
            policy["services"]["shop"]["routes"][0]["match"] = json!("POST orders");
        };
        for (name, env, change, said) in [
            ("policy", key(), Some(wrong), "services.shop.routes[0].match"),
            ("key", vec![], None, "the environment variable `PORTCULLIS_SIGNING_KEY` is not set"),
            (
                "bad-key",
                vec![(key()[0].0.clone(), "short".to_owned())],
                None,
                "help: make one with `portcullis keygen`",
            ),
        ] {
            let folder = Folder::empty(&format!("readiness-no-{name}")).unwrap();
            let mut config = Config::shipped().unwrap();
            config
                .filter_from(&rendered(&folder, |policy| {
                    if let Some(change) = change {
                        change(policy);
                    }
                }))
                .unwrap();
            let nobody = Port::free().unwrap();
            for cluster in ["backend", "idp"] {
                config.cluster(cluster, nobody.number()).unwrap();
            }
            let (gateway, admin) = (Port::free().unwrap(), Port::free().unwrap());
            let log_levels = String::new();
            let settings = Settings {
                gateway,
                admin,
                concurrency: 2,
                env,
                log_levels,
                under: Vec::new(),
                folder: folder.path().to_owned(),
            };
            let envoy = Envoy::start(config, settings).await.unwrap();
            let client = harness::http::client(false).unwrap();
            for (method, path) in
                [(Method::GET, "/products"), (Method::POST, "/orders"), (Method::GET, "/nowhere")]
            {
                let answer =
                    client.request(method.clone(), envoy.url() + path).send().await.unwrap();
                assert_eq!(answer.status(), 500, "{name}: {method} {path}");
            }
            assert_eq!(asked(&envoy), (false, "no policy has been taken".to_owned()), "{name}");
            let log = envoy.process().log().text();
            assert!(log.contains(said), "{name}: the log names it");
        }
    });
}

#[test]
fn the_port_for_operators_shows_readiness_and_metrics_and_nothing_else() {
    SHOP.visit(async |shop| {
        let listeners = shop.stack.envoy().admin("/listeners?format=json").await.unwrap();
        let listeners: Value = serde_json::from_str(&listeners).unwrap();
        let mut all = listeners["listener_statuses"].as_array().unwrap().iter();
        let operations = all.find(|it| it["name"] == "operations").unwrap();
        let port = operations["local_address"]["socket_address"]["port_value"].as_u64().unwrap();
        let client = harness::http::client(false).unwrap();
        let ask = async |method: Method, path: &str| {
            let request = client.request(method, format!("http://127.0.0.1:{port}{path}"));
            request.send().await.unwrap().status().as_u16()
        };
        for path in ["/ready", "/stats/prometheus"] {
            assert_eq!(ask(Method::GET, path).await, 200, "{path}");
            assert_eq!(ask(Method::POST, path).await, 404, "POST {path}");
        }
        for path in [
            "/",
            "/stats",
            "/config_dump",
            "/clusters",
            "/certs",
            "/server_info",
            "/logging",
            "/ready/",
            "/stats/prometheus/x",
        ] {
            assert_eq!(ask(Method::GET, path).await, 404, "{path}");
        }
        for path in [
            "/quitquitquit",
            "/healthcheck/fail",
            "/logging?level=trace",
            "/drain_listeners",
            "/runtime_modify",
        ] {
            assert_eq!(ask(Method::POST, path).await, 404, "{path}");
        }
        assert_eq!(ask(Method::GET, "/ready").await, 200, "it still lives");
    });
}
