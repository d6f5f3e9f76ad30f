//! Before the first keys: requests wait, bounded in count and time, are decided again, and end in
//! 503; never 401, never a pass.
use std::time::{Duration, Instant};

use dev_idp::{Endpoint, Fault, Signature};
use e2e::{Shop, invalid_token, run, unavailable};
use futures_util::future::join_all;
use harness::process::eventually;
use serde_json::json;
use tokio::task::JoinSet;

use super::outages::faults;
use super::{everywhere, until_all_workers, with_keys};

/// A shop whose gateway has just started anew, with a provider that fails so.
async fn without_keys(name: &str, fault: Fault, waiting: serde_json::Value) -> Shop {
    let builder = with_keys(name, json!({ "refresh": "1s", "timeout": "15s" }));
    let mut shop =
        Shop::of(builder.policy(move |policy| policy["waiting"] = waiting)).await.unwrap();
    shop.stack.idp().fault(Endpoint::Jwks, fault).await.unwrap();
    shop.stack.envoy_mut().restart().await.unwrap();
    shop
}

#[test]
fn requests_that_come_before_the_keys_wait_for_them_and_are_decided_again() {
    run(async {
        let shop =
            without_keys("keys-wait", Fault::Slow { ms: 8_000 }, json!({ "time": "30s" })).await;
        let idp = shop.stack.idp();
        let (good, forged, powerless) = (
            idp.token("alice").sign().await.unwrap(),
            idp.token("alice").signature(Signature::Stranger).sign().await.unwrap(),
            idp.token("nora").sign().await.unwrap(),
        );
        let three_wait = async || {
            let waiting = shop.stack.stats().await.ok()?.sum(&["portcullis.waiting_requests"]);
            (waiting == 3).then_some(())
        };
        let (passed, refused, forbidden, waited) = tokio::join!(
            shop.get("/orders").token(&good).send(),
            shop.get("/orders").token(&forged).send(),
            shop.get("/orders").token(&powerless).send(),
            eventually("three that wait", Duration::from_secs(20), three_wait),
        );
        waited.unwrap();
        passed.is(200);
        invalid_token("signature-invalid").must_be(refused);
        e2e::insufficient_scope("role-missing").must_be(forbidden);
    });
}

#[test]
fn a_wait_ends_with_503_and_what_needs_no_key_does_not_wait() {
    run(async {
        let shop = without_keys("keys-none", Fault::Down, json!({ "time": "2s" })).await;
        let token = shop.token("alice").await;
        shop.get("/products").answers(200).await;
        shop.get("/me").is_stopped(e2e::NO_TOKEN).await;
        let begun = Instant::now();
        shop.get("/me").token(&token).is_stopped(unavailable("keys-unavailable")).await;
        let waited = begun.elapsed();
        // a worker looks once a second for waits that are over; without the policy's word it would
        // be 5 s
        assert!(
            Duration::from_millis(1_900) < waited && waited < Duration::from_millis(4_900),
            "{waited:?}"
        );
        // a bad token is not told apart before there are keys to tell it by
        let forged =
            shop.stack.idp().token("alice").signature(Signature::Stranger).sign().await.unwrap();
        for token in [&token, &forged] {
            let answers = shop.unreached(everywhere(&shop, token)).await;
            let unavailable =
                answers.keys().all(|answer| *answer == (503, "keys-unavailable".to_owned()));
            assert!(unavailable, "{answers:?}");
        }
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status)).await;
    });
}

/// Starts a gateway anew under each of these faults, `None` being a port that refuses connections.
async fn starts_under(name: &str, faults: &[(&str, Option<Fault>)]) {
    let builder = with_keys(name, json!({ "refresh": "1s", "timeout": "1s" }));
    let builder = builder.policy(|policy| policy["waiting"] = json!({ "time": "1s" }));
    let mut shop = Shop::of(builder).await.unwrap();
    for (name, fault) in faults {
        let token = shop.token("alice").await;
        match fault {
            Some(fault) => shop.stack.idp().fault(Endpoint::Jwks, fault.clone()).await.unwrap(),
            None => shop.stack.idp().refuse_connections().await.unwrap(),
        }
        shop.stack.envoy_mut().restart().await.unwrap();
        let answers = shop.unreached(everywhere(&shop, &token)).await;
        let unavailable =
            answers.keys().all(|answer| *answer == (503, "keys-unavailable".to_owned()));
        assert!(unavailable, "{name}: {answers:?}");
        shop.get("/products").named(*name).answers(200).await;
        shop.stack.idp().accept_connections().await.unwrap();
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status)).await;
    }
}

#[test]
fn through_every_fault_of_the_provider_a_start_without_keys_is_503_until_it_is_over() {
    run(async {
        let mut all: Vec<_> =
            faults().into_iter().map(|(name, fault, _)| (name, Some(fault))).collect();
        all.push(("refuses connections", None));
        let stacks = all.chunks(5).zip(["keys-start-1", "keys-start-2", "keys-start-3"]);
        join_all(stacks.map(|(faults, name)| starts_under(name, faults))).await;
    });
}

#[test]
fn the_queue_is_bounded_and_its_end_is_503() {
    run(async {
        let waiting = json!({ "time": "30s", "requests": 3 });
        let shop = without_keys("keys-queue", Fault::Down, waiting).await;
        let token = shop.token("alice").await;
        let passed = shop.requests_passed().await;
        let client = harness::http::client(false).unwrap();
        let mut asking = JoinSet::new();
        for _ in 0..60 {
            let request = client.get(shop.stack.url("/me")).bearer_auth(&token);
            asking.spawn(async move { request.send().await.unwrap() });
        }
        // four workers hold three each; the others are told at once
        let mut full = 0;
        while full < 60 - 4 * 3 {
            let answer = asking.join_next().await.unwrap().unwrap();
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"));
            assert!(answer.text().await.unwrap().contains("\"reason\":\"queue-full\""));
            full += 1;
        }
        assert_eq!(shop.requests_passed().await, passed);
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        let patience = Duration::from_mins(1);
        while let Some(answer) = tokio::time::timeout(patience, asking.join_next()).await.unwrap() {
            assert_eq!(answer.unwrap().status(), 200, "those that waited go on");
        }
    });
}
