//! A worker's VM dies: requests fail closed, the VM is made anew, and later requests are decided
//! again, by the keys that the other workers share.
use std::collections::BTreeSet;

use dev_idp::{Endpoint, Fault, Signature};
use e2e::{NO_TOKEN, Shop, insufficient_scope, invalid_token, run};
use harness::artifacts::root;
use harness::process::eventually;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::with_faults;
use crate::keys::{
    CONNECTIONS, PATIENCE, fetched_again, fetches, on_all_workers, until_all_workers,
};

/// While a VM is made anew Envoy answers 5xx; whatever else is no answer to a good token.
fn no_answer(status: u16) -> bool {
    status != 200 && status < 500
}

async fn reloads(shop: &Shop) -> u64 {
    shop.stack.stats().await.unwrap().sum(&["wasm.", "vm_reload_success"])
}

/// The counters that the alert of a failed VM reads, as they are written in the shipped rules. The
/// dashboard shows the same.
fn alarming() -> BTreeSet<String> {
    let shipped = |name| std::fs::read_to_string(root().join(name)).unwrap();
    let counters = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|it| it.starts_with("envoy_wasm_")).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let rules: Value = serde_saphyr::from_str(&shipped("envoy/prometheus/rules.yml")).unwrap();
    let mut rules = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|group| group["rules"].as_array())
        .flatten();
    let alert = rules.find(|rule| rule["alert"] == "PortcullisVmFailed").unwrap();
    let names = counters(alert["expr"].as_str().unwrap());
    assert!(!names.is_empty(), "{alert}");
    assert_eq!(counters(&shipped("envoy/grafana/dashboards/portcullis.json")), names);
    names
}

/// Their sum, as Prometheus scrapes them. They are there before anything has failed: an increase
/// needs a beginning.
async fn alarms(shop: &Shop) -> u64 {
    let scraped = shop.stack.envoy().admin("/stats/prometheus").await.unwrap();
    let value = |name: &String| {
        let its = scraped
            .lines()
            .filter_map(|line| line.strip_prefix(name.as_str())?.strip_prefix("{} "));
        let [value] = its.collect::<Vec<_>>()[..] else { panic!("{name} is not scraped") };
        value.parse::<u64>().unwrap()
    };
    alarming().iter().map(value).sum()
}

fn said(shop: &Shop, text: &str) -> usize {
    shop.stack.envoy().process().log().lines().iter().filter(|line| line.contains(text)).count()
}

/// Asks for a trap, and says what became of the request.
async fn spring(shop: &Shop, token: &str, trap: &str) -> u16 {
    shop.get("/me").token(token).header("x-portcullis-fault", trap).send().await.status
}

#[test]
fn a_vm_that_dies_lets_nothing_pass_and_is_made_anew() {
    run(async {
        let shop = with_faults("faults-vm", json!({ "refresh": "1h" })).concurrency(4);
        let shop = Shop::of(shop).await.unwrap();
        let token = shop.token("alice").await;
        assert_eq!(on_all_workers(&shop, &token).await, Some((200, String::new())));
        let before = fetches(&shop).await;
        for round in 1..=3 {
            let (passed, reloaded) = (shop.requests_passed().await, reloads(&shop).await);
            let alarmed = alarms(&shop).await;
            let status = spring(&shop, &token, "request").await;
            assert!(status >= 500, "{status}");
            assert_eq!(
                shop.requests_passed().await,
                passed,
                "the request that killed it does not pass"
            );
            until_all_workers(&shop, &token, (200, ""), no_answer).await;
            assert!(
                reloads(&shop).await > reloaded && said(&shop, "injected fault: request") >= round
            );
            assert!(alarms(&shop).await > alarmed, "somebody is told");

            shop.get("/orders").is_stopped(NO_TOKEN).await;
            let forged = shop
                .stack
                .idp()
                .token("alice")
                .signature(Signature::Stranger)
                .sign()
                .await
                .unwrap();
            assert_eq!(
                on_all_workers(&shop, &forged).await,
                Some((401, "signature-invalid".to_owned())),
                "a new VM is not a gullible one"
            );
            shop.get("/orders")
                .sent_as("nora")
                .is_stopped(insufficient_scope("role-missing"))
                .await;
        }
        assert_eq!(fetches(&shop).await, before, "the keys come from what the workers share");
    });
}

/// Waits until a gauge that is a sum over workers has this value.
async fn comes_to(shop: &Shop, gauge: &str, value: u64) {
    let told = async || (shop.stack.stats().await.unwrap().sum(&[gauge]) == value).then_some(());
    eventually(&format!("{gauge} = {value}"), PATIENCE, told).await.unwrap();
}

#[test]
fn what_a_dead_vm_had_is_in_no_gauge_after_a_moment() {
    const WORKERS: u32 = 4;
    run(async {
        let builder = with_faults("faults-gauges", json!({ "refresh": "1h", "timeout": "1s" }));
        let builder = builder.policy(|policy| policy["waiting"] = json!({ "time": "1m" }));
        let mut shop = Shop::of(builder.concurrency(WORKERS)).await.unwrap();
        let token = shop.token("alice").await;
        let as_it_should_be = async |shop: &Shop| {
            until_all_workers(shop, &token, (200, ""), no_answer).await;
            comes_to(shop, "portcullis.cached_tokens", u64::from(WORKERS)).await;
            // the main thread has a VM too
            comes_to(shop, "portcullis.policy_workers;", u64::from(WORKERS) + 1).await;
            comes_to(shop, "portcullis.waiting_requests", 0).await;
        };
        as_it_should_be(&shop).await;
        assert!(spring(&shop, &token, "request").await >= 500);
        as_it_should_be(&shop).await;

        // without keys everybody waits; then every worker dies, whoever waits in it
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        let mut waiting = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let client = harness::http::client(false).unwrap();
            waiting.spawn(client.get(shop.stack.url("/me")).bearer_auth(&token).send());
        }
        comes_to(&shop, "portcullis.waiting_requests", CONNECTIONS as u64).await;
        for _ in 0..CONNECTIONS {
            let request = harness::http::client(false).unwrap().get(shop.stack.url("/me"));
            let answer = request.header("x-portcullis-fault", "request").send().await.unwrap();
            assert!(answer.status().is_server_error(), "{}", answer.status());
        }
        comes_to(&shop, "portcullis.waiting_requests", 0).await;
        waiting.abort_all();
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        as_it_should_be(&shop).await;
    });
}

#[test]
fn a_gateway_whose_only_vm_dies_again_and_again_never_lets_a_bad_token_pass() {
    run(async {
        let shop = Shop::of(with_faults("faults-again", json!({ "refresh": "1h" })).concurrency(1))
            .await
            .unwrap();
        let token = shop.token("alice").await;
        let passed = shop.requests_passed().await;
        for _ in 0..20 {
            spring(&shop, &token, "request").await;
            for bad in [None, Some("e30.e30.e30")] {
                let answer = match bad {
                    None => shop.get("/me").send().await,
                    Some(bad) => shop.get("/me").token(bad).send().await,
                };
                assert!(answer.status == 401 || answer.status >= 500, "{answer}");
            }
        }
        assert_eq!(shop.requests_passed().await, passed);
        until_all_workers(&shop, &token, (200, ""), no_answer).await;
        shop.get("/me").token("e30.e30.e30").is_stopped(invalid_token("header-malformed")).await;
    });
}

#[test]
fn those_who_wait_for_keys_in_a_vm_that_dies_do_not_pass() {
    run(async {
        let builder = with_faults("faults-waiting", json!({ "refresh": "1s", "timeout": "1s" }))
            .concurrency(1);
        let builder = builder.policy(|policy| policy["waiting"] = json!({ "time": "30s" }));
        // nobody is left to answer them: Envoy's own limit ends them
        let builder = builder.envoy(|config| {
            let manager = config.document().pointer_mut(
                "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config",
            );
            manager.unwrap()["stream_idle_timeout"] = json!("5s");
        });
        let mut shop = Shop::of(builder).await.unwrap();
        let token = shop.token("alice").await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        let passed = shop.requests_passed().await;
        let (waiting, ()) = tokio::join!(shop.get("/me").token(&token).send(), async {
            comes_to(&shop, "portcullis.waiting_requests", 1).await;
            assert!(spring(&shop, &token, "request").await >= 500);
        });
        assert!(waiting.status == 408 || waiting.status >= 500, "{waiting}");
        assert_eq!(shop.requests_passed().await, passed);
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        until_all_workers(&shop, &token, (200, ""), no_answer).await;
    });
}

#[test]
fn a_worker_that_dies_holding_the_lease_does_not_stop_the_refreshing() {
    run(async {
        let builder = with_faults(
            "faults-lease",
            json!({ "refresh": "1s", "timeout": "1s", "max_stale": "1h" }),
        );
        let shop = Shop::of(builder.concurrency(4)).await.unwrap();
        let token = shop.token("alice").await;
        // every worker is to die as soon as it has taken a lease
        for _ in 0..CONNECTIONS {
            let request = harness::http::client(false)
                .unwrap()
                .get(shop.stack.url("/me"))
                .bearer_auth(&token);
            let status =
                request.header("x-portcullis-fault", "lease").send().await.unwrap().status();
            assert!(status == 200 || status.is_server_error(), "{status}");
        }
        let died = async || (said(&shop, "injected fault: lease") > 0).then_some(());
        eventually("the death of the worker that holds the lease", PATIENCE, died).await.unwrap();
        // nobody asks meanwhile, so nobody makes its VM anew: whoever is left goes on when the
        // lease has ended
        let others = fetched_again(&shop, 5);
        timeout(PATIENCE, others).await.expect("the others fetch");
        until_all_workers(&shop, &token, (200, ""), no_answer).await;
    });
}
