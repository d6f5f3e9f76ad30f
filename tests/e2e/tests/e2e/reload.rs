//! A new policy reaches the running gateway: no restart, no lost request; a bad one is refused and
//! the old one stays.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dev_idp::{Endpoint, Fault};
use e2e::{Shop, insufficient_scope, invalid_token, lines, run};
use harness::process::eventually;
use harness::stack::Stack;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::keys::on_all_workers;

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
        for number in 0..8 {
            let (over, url, token) = (Arc::clone(&over), shop.stack.url("/orders"), token.clone());
            // half of them over HTTP/2; each keeps its connection
            let client = harness::http::client(number % 2 == 0).unwrap();
            traffic.spawn(async move {
                let mut answered = 0;
                while !over.load(Ordering::Relaxed) {
                    let answer = client
                        .get(&url)
                        .bearer_auth(&token)
                        .send()
                        .await
                        .expect("no request is lost");
                    assert_eq!(answer.status(), 200);
                    answered += 1;
                }
                answered
            });
        }
        let fetches = shop.stack.idp().counts().await.unwrap().jwks.total;
        for _ in 0..3 {
            shop.stack.change_policy(|policy| only_for(policy, "GET /me", "admin")).await.unwrap();
            shop.get("/me")
                .token(&token)
                .is_stopped_meanwhile(insufficient_scope("role-missing"))
                .await;
            shop.stack
                .change_policy(|policy| only_for(policy, "GET /me", "customer"))
                .await
                .unwrap();
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

/// What was learnt of a token under one policy says nothing under the next.
#[test]
fn a_cached_token_is_judged_anew_by_a_new_policy_on_every_worker() {
    fn audiences_are(policy: &mut Value, audiences: &Value) {
        policy["providers"]["keycloak"]["audiences"] = audiences.clone();
    }
    run(async {
        let mut shop = Shop::of(Stack::named("reload-cached").concurrency(4)).await.unwrap();
        let ours = shop.stack.policy()["providers"]["keycloak"]["audiences"].clone();
        let token = shop.token("alice").await;
        let passes = Some((200, String::new()));
        for _ in 0..2 {
            // the second time from the cache
            assert_eq!(on_all_workers(&shop, &token).await, passes);
            assert_eq!(on_all_workers(&shop, &token).await, passes);
            shop.stack
                .change_policy(|it| audiences_are(it, &json!(["billing-api"])))
                .await
                .unwrap();
            let refused = shop.unreached(on_all_workers(&shop, &token)).await;
            assert_eq!(refused, Some((401, "audience-mismatch".to_owned())));
            shop.stack.change_policy(|it| audiences_are(it, &ours)).await.unwrap();
        }
        assert_eq!(on_all_workers(&shop, &token).await, passes);
    });
}

/// The lines that the filter has logged about policies that it refused.
fn refusals(shop: &Shop) -> Vec<String> {
    let lines = shop.stack.envoy().process().log().lines();
    lines.into_iter().filter(|line| line.contains("policy refused: ")).collect()
}

#[test]
fn a_bad_policy_is_refused_with_the_place_and_the_old_one_stays() {
    run(async {
        let mut shop = Shop::start("reload-bad").await.unwrap();
        let mistakes: [(&str, Change); 5] = [
            ("services.shop.routes[0].match", |it| {
                rows(it)[0] = json!({ "match": "POST orders", "roles": ["customer"] });
            }),
            ("services.shop.routes[1]", |it| rows(it)[1] = json!({ "match": "GET /orders" })),
            ("services.shop.routs", |it| it["services"]["shop"]["routs"] = json!([])),
            ("providers", |it| it["providers"] = json!({})),
            ("mode", |it| it["mode"] = json!("off")),
        ];
        for (place, change) in mistakes {
            // what was said of the mistakes before does not count
            let before = refusals(&shop).len();
            // the error has the end of the log, where Envoy may write what it has decided meanwhile
            shop.stack.change_policy(change).await.expect_err(place);
            let said = refusals(&shop).split_off(before);
            let whole = format!("policy refused: {place}: ");
            assert!(
                !said.is_empty() && said.iter().all(|line| line.contains(&whole)),
                "{place}: {said:#?}"
            );
            shop.get("/me").sent_as("alice").answers(200).await;
            shop.post("/orders")
                .sent_as("nora")
                .is_stopped(insufficient_scope("role-missing"))
                .await;
        }
        // and a good one is taken afterwards
        shop.stack.change_policy(|policy| only_for(policy, "GET /me", "admin")).await.unwrap();
        shop.get("/me").sent_as("alice").is_stopped(insufficient_scope("role-missing")).await;
    });
}

/// The old policy decided it, and the rest of it follows.
#[test]
fn a_request_under_way_is_decided_wholly_by_the_policy_that_it_came_under() {
    run(async {
        let mut shop = Shop::start("reload-under-way").await.unwrap();
        let token = shop.token("alice").await;
        let order = lines(&shop.product_of("sam").await, 1).to_string();
        let (first, second) = order.split_at(order.len() / 2);
        let mut upload =
            TcpStream::connect(("127.0.0.1", shop.stack.envoy().port())).await.unwrap();
        let head = format!(
            "POST /orders HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
            order.len()
        );
        upload.write_all(head.as_bytes()).await.unwrap();
        let has_come = async || (shop.requests_passed().await > 1).then_some(());
        eventually("the first half", Duration::from_secs(20), has_come).await.unwrap();

        shop.stack.change_policy(|policy| only_for(policy, "POST /orders", "admin")).await.unwrap();
        shop.post("/orders").token(&token).is_stopped(insufficient_scope("role-missing")).await;
        upload.write_all(second.as_bytes()).await.unwrap();
        let mut answer = String::new();
        upload.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    });
}

#[test]
fn keys_outlive_a_reload_while_their_provider_is_down_and_a_new_provider_touches_no_other() {
    run(async {
        let made = Stack::named("reload-keys").provider("partner").policy(|policy| {
            policy["providers"].as_object_mut().unwrap().remove("partner");
        });
        let mut shop = Shop::of(made).await.unwrap();
        let (alice, partner) = (shop.token("alice").await, shop.token("alice@partner").await);
        shop.get("/me").token(&alice).answers(200).await;
        shop.get("/me").token(&partner).is_stopped(invalid_token("issuer-unknown")).await;

        let fetches = shop.stack.idp().counts().await.unwrap().jwks.total;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        for role in ["admin", "customer"] {
            shop.stack.change_policy(|policy| only_for(policy, "GET /audit", role)).await.unwrap();
            // more requests than workers
            for _ in 0..8 {
                shop.get("/me").token(&alice).answers(200).await;
            }
        }
        let second = shop.stack.idp_named("partner").addresses().clone();
        let with_the_partner = |policy: &mut Value| {
            let mut provider = policy["providers"]["keycloak"].clone();
            provider["issuer"] = json!(second.issuer);
            provider["jwks"] = json!({ "uri": second.jwks_uri, "cluster": "idp-partner" });
            policy["providers"]["partner"] = provider;
        };
        shop.stack.change_policy(with_the_partner).await.unwrap();
        for token in [&alice, &partner] {
            shop.get("/me").token(token).answers(200).await;
        }
        assert_eq!(shop.stack.idp().counts().await.unwrap().jwks.total, fetches);
        assert!(shop.stack.idp_named("partner").counts().await.unwrap().jwks.total > 0);
    });
}

#[test]
fn requests_that_wait_for_keys_survive_a_reload_that_does_not_touch_their_provider() {
    run(async {
        let waiting = Stack::named("reload-waiting")
            .policy(|policy| policy["waiting"] = json!({ "time": "30s" }));
        let mut shop = Shop::of(waiting).await.unwrap();
        let token = shop.token("alice").await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        let mut waiting = JoinSet::new();
        for _ in 0..8 {
            waiting.spawn(shop.stack.get("/me").bearer_auth(&token).send());
        }
        let have_come = async || {
            let stats = shop.stack.stats().await.ok()?;
            (stats.get("http.gateway.downstream_rq_active") >= 8).then_some(())
        };
        eventually("the waiting requests", Duration::from_secs(20), have_come).await.unwrap();
        // two reloads, a refused one between them; what waits is decided by the policy that it came
        // under
        shop.stack.change_policy(|policy| only_for(policy, "GET /audit", "auditor")).await.unwrap();
        shop.stack.change_policy(|policy| policy["mode"] = json!("off")).await.unwrap_err();
        shop.stack.change_policy(|policy| only_for(policy, "GET /me", "admin")).await.unwrap();
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        for answer in waiting.join_all().await {
            assert_eq!(answer.expect("no request is lost").status(), 200);
        }
        shop.get("/me").token(&token).is_stopped(insufficient_scope("role-missing")).await;
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
