//! A new policy reaches the running gateway: no restart, no lost request; a bad one is refused and the old one stays.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dev_idp::{Endpoint, Fault};
use e2e::{Shop, insufficient_scope, run};
use harness::stack::Stack;
use serde_json::{Value, json};
use tokio::task::JoinSet;

type Change = fn(&mut Value);

fn rows(policy: &mut Value) -> &mut Vec<Value> {
    policy["services"]["shop"]["routes"].as_array_mut().unwrap()
}

fn only_for(policy: &mut Value, endpoint: &str, role: &str) {
    let row = rows(policy).iter_mut().find(|row| row["match"] == endpoint).unwrap();
    *row = json!({ "match": endpoint, "roles": [role] });
}

#[test]
fn a_new_policy_takes_effect_without_a_restart_and_without_a_lost_request() {
    run(async {
        let mut shop = Shop::of(Stack::named("reload").concurrency(4)).await.unwrap();
        let (pid, token) = (shop.stack.envoy().process().pid(), shop.token("alice").await);
        shop.get("/me").token(&token).answers(200).await;

        let over = Arc::new(AtomicBool::new(false));
        let mut traffic = JoinSet::new();
        for _ in 0..8 {
            let (over, url, token) = (Arc::clone(&over), shop.stack.url("/orders"), token.clone());
            let client = harness::http::client(false).unwrap();
            traffic.spawn(async move {
                let mut answered = 0;
                while !over.load(Ordering::Relaxed) {
                    let answer =
                        client.get(&url).bearer_auth(&token).send().await.expect("no request is lost");
                    assert_eq!(answer.status(), 200);
                    answered += 1;
                }
                answered
            });
        }
        let fetches = shop.stack.idp().counts().await.unwrap().jwks.total;
        for _ in 0..3 {
            shop.stack.change_policy(|policy| only_for(policy, "GET /me", "admin")).await.unwrap();
            shop.get("/me").token(&token).is_stopped_meanwhile(insufficient_scope("role-missing")).await;
            shop.stack.change_policy(|policy| only_for(policy, "GET /me", "customer")).await.unwrap();
            shop.get("/me").token(&token).answers(200).await;
        }
        over.store(true, Ordering::Relaxed);
        let answered: Vec<u32> = traffic.join_all().await;
        assert!(answered.iter().all(|count| *count > 0), "{answered:?}");
        assert_eq!(shop.stack.envoy().process().pid(), pid);
        let more = shop.stack.idp().counts().await.unwrap().jwks.total - fetches;
        assert_eq!(more, 0, "keys survive a reload that does not touch their provider");
    });
}

#[test]
fn a_bad_policy_is_refused_with_the_place_and_the_old_one_stays() {
    run(async {
        let mut shop = Shop::start("reload-bad").await.unwrap();
        let mistakes: [(&str, Change); 5] = [
            ("services.shop.routes[0]", |it| {
                rows(it)[0] = json!({ "match": "POST orders", "roles": ["customer"] });
            }),
            ("services.shop.routes[0]", |it| rows(it)[0] = json!({ "match": "POST /orders" })),
            ("services.shop.routs", |it| it["services"]["shop"]["routs"] = json!([])),
            ("providers", |it| it["providers"] = json!({})),
            ("mode", |it| it["mode"] = json!("off")),
        ];
        for (place, change) in mistakes {
            let error = shop.stack.change_policy(change).await.expect_err(place).to_string();
            assert!(error.contains(place), "{place}: {error}");
            shop.get("/me").sent_as("alice").answers(200).await;
            shop.post("/orders").sent_as("nora").is_stopped(insufficient_scope("role-missing")).await;
        }
        // and a good one is taken afterwards
        shop.stack.change_policy(|policy| only_for(policy, "GET /me", "admin")).await.unwrap();
        shop.get("/me").sent_as("alice").is_stopped(insufficient_scope("role-missing")).await;
    });
}

#[test]
fn requests_that_wait_for_keys_survive_a_reload_that_does_not_touch_their_provider() {
    run(async {
        let waiting =
            Stack::named("reload-waiting").policy(|policy| policy["waiting"] = json!({ "time": "30s" }));
        let mut shop = Shop::of(waiting).await.unwrap();
        let token = shop.token("alice").await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        let waits = shop.stack.get("/me").bearer_auth(&token).send();
        let waits = tokio::spawn(waits);
        let has_come = async || {
            let stats = shop.stack.stats().await.ok()?;
            (stats.get("http.gateway.downstream_rq_active") >= 1).then_some(())
        };
        harness::process::eventually("the waiting request", Duration::from_secs(20), has_come).await.unwrap();
        shop.stack.change_policy(|policy| only_for(policy, "GET /audit", "auditor")).await.unwrap();
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        assert_eq!(waits.await.unwrap().unwrap().status(), 200);
    });
}

#[test]
fn a_policy_with_a_mistake_stops_the_start_with_the_place_and_the_mend() {
    run(async {
        let wrong = Stack::named("reload-never-up").policy(|policy| {
            rows(policy)[0] = json!({ "match": "POST orders", "roles": ["customer"] });
        });
        let error = Shop::of(wrong).await.expect_err("it must not start").to_string();
        assert!(error.contains("services.shop.routes[0].match"), "the place: {error}");
        assert!(error.contains("slash"), "the mend: {error}");
    });
}
