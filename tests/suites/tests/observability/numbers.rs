//! The filter's numbers: none is lost or counted twice, and no client makes one more.
use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{Shop, run};
use harness::process::eventually;
use harness::stack::Stack;
use serde_json::json;
use tokio::task::JoinSet;

const WORKERS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(30);

/// Names of the filter's series.
async fn series(shop: &Shop) -> BTreeSet<String> {
    let stats = shop.stack.stats().await.unwrap();
    stats.matching(&["wasmcustom.portcullis."]).map(|(name, _)| name.to_owned()).collect()
}

/// Waits until a gauge has this value: workers tell what they have once a second.
async fn comes_to(shop: &Shop, gauge: &str, value: u64) {
    let told = async || (shop.stack.stats().await.unwrap().sum(&[gauge]) == value).then_some(());
    eventually(&format!("{gauge} = {value}"), PATIENCE, told).await.unwrap();
}

#[test]
fn every_decision_is_counted_once_whichever_worker_made_it() {
    run(async {
        let shop = Shop::of(Stack::named("observed-counts").concurrency(WORKERS)).await.unwrap();
        let token = shop.token("alice").await;
        let mut clients = JoinSet::new();
        for _ in 0..16 {
            // a connection of its own, so that every worker has some
            let client = harness::http::client(false).unwrap();
            let (url, token) = (shop.stack.url("/me"), token.clone());
            clients.spawn(async move {
                for _ in 0..40 {
                    assert_eq!(client.get(&url).bearer_auth(&token).send().await.unwrap().status(), 200);
                    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
                }
            });
        }
        clients.join_all().await;
        let stats = shop.stack.stats().await.unwrap();
        let count = |parts: &[&str]| stats.sum(&[&["portcullis.decisions;", "row=GET /me;"], parts].concat());
        assert_eq!(count(&["decision=allow;reason=none;mode=enforce"]), 16 * 40);
        assert_eq!(count(&["decision=refuse;reason=token-missing;mode=enforce"]), 16 * 40);
        assert_eq!(count(&[]), 2 * 16 * 40);
        // the main thread has a VM too
        comes_to(&shop, "portcullis.policy_workers;", u64::from(WORKERS) + 1).await;
    });
}

#[test]
fn no_client_makes_a_series() {
    run(async {
        let shop = Shop::start("observed-flood").await.unwrap();
        let good = shop.token("alice").await;
        flood(&shop, &good, 0..10).await;
        let before = series(&shop).await;
        flood(&shop, &good, 10..200).await;
        let after = series(&shop).await;
        let new: Vec<_> = after.difference(&before).collect();
        // what a reason or a tick brought that had not been before: as few as the policy has, whatever clients send
        assert!(new.len() <= 4, "{new:#?}");
        let invented = |name: &&String| {
            ["path-1", "host-", "kid-", "METHOD", "example", "A1"].iter().any(|it| name.contains(it))
        };
        assert_eq!(after.iter().find(invented), None);
    });
}

/// Paths, hosts, methods, key ids and issuers that nobody has seen.
async fn flood(shop: &Shop, good: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        for token in [None, Some(good)] {
            let ask = |path: &str| match token {
                Some(token) => shop.get(path).token(token),
                None => shop.get(path),
            };
            ask(&format!("/path-{number}/{number}")).send().await;
            ask(&format!("/orders/{number}")).send().await;
            ask("/me").header("host", format!("host-{number}.example")).send().await;
        }
        shop.ask(format!("METHOD{number}").parse().unwrap(), "/me").send().await;
        let issuer = shop.issuer();
        let forged = [
            token(
                &json!({ "alg": "RS256", "kid": "a" }),
                &json!({ "iss": format!("https://{number}.example") }),
            ),
            token(&json!({ "alg": "RS256", "kid": format!("kid-{number}") }), &json!({ "iss": issuer })),
            token(&json!({ "alg": format!("A{number}"), "kid": "a" }), &json!({ "iss": issuer })),
        ];
        for token in forged {
            shop.get("/me").token(&token).send().await;
        }
    }
}

fn token(header: &serde_json::Value, claims: &serde_json::Value) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([0; 256]))
}
