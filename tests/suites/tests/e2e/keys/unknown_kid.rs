//! A key id that the keys do not have: found by one extra fetch, and no way to make the gateway fetch without end.
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use dev_idp::Algorithm;
use e2e::{Shop, invalid_token, run, unavailable};
use serde_json::json;
use tokio::task::JoinSet;

use super::{PATIENCE, fetches, with_keys};

/// The refresh is far away: every fetch but the first is an extra one.
async fn shop(name: &str, interval: &str) -> Shop {
    Shop::of(with_keys(name, json!({ "refresh": "1h", "unknown_kid_interval": interval }))).await.unwrap()
}

#[test]
fn a_fresh_key_is_found_by_one_extra_fetch_and_the_request_that_brought_it_is_answered() {
    run(async {
        let shop = shop("keys-found", "30s").await;
        shop.get("/me").sent_as("alice").answers(200).await;
        shop.stack.idp().rotate(Algorithm::RS256).await.unwrap();
        let before = fetches(&shop).await;
        shop.get("/me").sent_as("alice").answers(200).await;
        assert_eq!(fetches(&shop).await, before + 1);
    });
}

#[test]
fn a_kid_that_a_fetch_did_not_bring_is_401_and_fetched_for_no_more() {
    run(async {
        let shop = shop("keys-nobodys", "1s").await;
        let token = shop.stack.idp().token("alice").header("kid", "nobody's").sign().await.unwrap();
        let before = fetches(&shop).await;
        for _ in 0..50 {
            shop.get("/me").token(&token).is_stopped(invalid_token("key-unknown")).await;
        }
        assert!(fetches(&shop).await <= before + 2);
    });
}

#[test]
fn a_kid_that_no_fetch_may_look_for_yet_is_503_that_says_when() {
    run(async {
        let shop = shop("keys-not-yet", "1h").await;
        let issuer = shop.issuer();
        shop.get("/me").token(&forged(&issuer, 1)).is_stopped(invalid_token("key-unknown")).await;
        let before = fetches(&shop).await;
        let answer =
            shop.get("/me").token(&forged(&issuer, 2)).is_stopped(unavailable("key-not-yet-fetched")).await;
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((3_500..=3_601).contains(&seconds), "{answer}");
        assert_eq!(fetches(&shop).await, before);
    });
}

/// A token of nobody with this key id, the issuer's name, and no signature that anybody made.
fn forged(issuer: &str, kid: u64) -> String {
    let part = |json: serde_json::Value| BASE64URL.encode(json.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "JWT", "kid": format!("random-{kid:016x}") }));
    let now = crate::support::now();
    let claims = part(json!({
        "iss": issuer, "sub": "x", "aud": "orders-api", "iat": now, "exp": now + 300, "typ": "Bearer",
    }));
    format!("{header}.{claims}.{}", BASE64URL.encode([1; 256]))
}

/// While a flood of random key ids comes: at most one extra fetch per interval over all workers, honest tokens pass, and a
/// freshly rotated key is 503 until it passes, never 401.
#[test]
fn ten_thousand_random_kids_are_neither_a_flood_to_the_provider_nor_401_for_honest_tokens() {
    const INTERVAL: Duration = Duration::from_secs(5);
    run(async {
        let shop = shop("keys-flood", "5s").await;
        let idp = shop.stack.idp();
        let good = idp.token("alice").sign().await.unwrap();
        shop.get("/me").token(&good).answers(200).await;
        let (issuer, before, started) = (shop.issuer(), fetches(&shop).await, Instant::now());

        let mut flood = JoinSet::new();
        for lane in 0..16 {
            let (client, url) = (harness::http::client(false).unwrap(), shop.stack.url("/me"));
            let issuer = issuer.clone();
            flood.spawn(async move {
                for number in 0..625 {
                    let request = client.get(&url).bearer_auth(forged(&issuer, lane * 1_000_000 + number));
                    let status = request.send().await.unwrap().status().as_u16();
                    assert!([401, 503].contains(&status), "{status}");
                }
            });
        }
        let mut rotated = None;
        let mut rounds = 0;
        while !flood.is_empty() {
            shop.get("/me").token(&good).answers(200).await;
            if rounds == 20 {
                idp.rotate(Algorithm::RS256).await.unwrap();
                rotated = Some(idp.token("alice").sign().await.unwrap());
            }
            if let Some(token) = &rotated {
                let answer = shop.get("/me").token(token).send().await;
                assert!([200, 503].contains(&answer.status), "{answer}");
                assert!(answer.status == 200 || answer.header("retry-after").is_some(), "{answer}");
            }
            while let Some(lane) = flood.try_join_next() {
                lane.unwrap();
            }
            rounds += 1;
        }
        let extra = fetches(&shop).await - before;
        let intervals = started.elapsed().as_secs() / INTERVAL.as_secs() + 1;
        assert!(extra <= intervals, "{extra} extra fetches in {intervals} intervals");

        let token = rotated.expect("the flood lasts longer than twenty requests");
        let passes = async || (shop.get("/me").token(&token).send().await.status == 200).then_some(());
        harness::process::eventually("the fresh key", PATIENCE, passes).await.unwrap();
    });
}
