//! A key id that the keys do not have: found by one extra fetch, and no way to make the gateway
//! fetch without end.
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use dev_idp::{Algorithm, Endpoint, Fault, Signature};
use e2e::{KEY_NOT_YET_FETCHED, Shop, invalid_token, run};
use serde_json::json;
use tokio::task::JoinSet;

use super::{PATIENCE, ask, fetches, on_all_workers, until_all_workers, with_keys};

/// The refresh is far away: every fetch but the first is an extra one.
async fn shop(name: &str, interval: &str) -> Shop {
    Shop::of(with_keys(name, json!({ "refresh": "1h", "unknown_kid_interval": interval })))
        .await
        .unwrap()
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
fn a_kid_that_a_fetch_did_not_bring_is_401_and_fetched_for_once_in_an_interval() {
    run(async {
        let shop = shop("keys-nobodys", "1h").await;
        let token = shop.stack.idp().token("alice").header("kid", "nobody's").sign().await.unwrap();
        let before = fetches(&shop).await;
        shop.get("/me").token(&token).is_stopped(invalid_token("key-unknown")).await;
        for _ in 0..50 {
            shop.get("/me").token(&token).is_stopped(KEY_NOT_YET_FETCHED).await;
        }
        assert_eq!(fetches(&shop).await, before + 1);
    });
}

/// A request that says tomorrow's key id today is answered 401, and takes nothing from those who
/// come with the key.
#[test]
fn a_kid_that_was_asked_for_before_the_rotation_is_never_401_after_it() {
    const INTERVAL: Duration = Duration::from_secs(7);
    run(async {
        let shop = shop("keys-poisoned", "7s").await;
        let idp = shop.stack.idp();
        let good = idp.token("alice").sign().await.unwrap();
        assert_eq!(on_all_workers(&shop, &good).await, Some((200, String::new())));
        // the provider has made the key, and does not publish it yet
        let published: serde_json::Value =
            reqwest::get(&idp.addresses().jwks_uri).await.unwrap().json().await.unwrap();
        idp.fault(Endpoint::Jwks, Fault::json(&published)).await.unwrap();
        idp.rotate(Algorithm::RS256).await.unwrap();
        let token = idp.token("alice").sign().await.unwrap();
        let early = idp.token("alice").signature(Signature::Stranger).sign().await.unwrap();
        let asked = Instant::now();
        shop.get("/me").token(&early).is_stopped(invalid_token("key-unknown")).await;

        idp.heal(Endpoint::Jwks).await.unwrap();
        let first = shop.get("/me").token(&token).is_stopped(KEY_NOT_YET_FETCHED).await;
        let seconds: u64 = first.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=INTERVAL.as_secs()).contains(&seconds), "{first}");
        until_all_workers(&shop, &token, (200, ""), |status| ![200, 429].contains(&status)).await;
        // the last of them waited for the fetch that the limit allowed
        assert!(asked.elapsed() >= INTERVAL, "{:?}", asked.elapsed());
    });
}

#[test]
fn a_request_that_can_wait_for_the_next_allowed_fetch_does_so() {
    run(async {
        let shop = shop("keys-next", "3s").await;
        let issuer = shop.issuer();
        shop.get("/me").token(&forged(&issuer, 1)).is_stopped(invalid_token("key-unknown")).await;
        let before = fetches(&shop).await;
        shop.stack.idp().rotate(Algorithm::RS256).await.unwrap();
        shop.get("/me").sent_as("alice").answers(200).await;
        assert_eq!(fetches(&shop).await, before + 1);
    });
}

#[test]
fn a_kid_that_no_fetch_may_look_for_yet_is_429_that_says_when() {
    run(async {
        let shop = shop("keys-not-yet", "1h").await;
        let issuer = shop.issuer();
        shop.get("/me").token(&forged(&issuer, 1)).is_stopped(invalid_token("key-unknown")).await;
        let before = fetches(&shop).await;
        let answer =
            shop.get("/me").token(&forged(&issuer, 2)).is_stopped(KEY_NOT_YET_FETCHED).await;
        assert_eq!(answer.body["reason"], "key-not-yet-fetched");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        // the next refresh looks for it, and begins up to a tenth earlier than the policy says
        assert!((3_200..=3_601).contains(&seconds), "{answer}");
        assert_eq!(fetches(&shop).await, before);
    });
}

/// So that random key ids can neither fill the queue of honest requests nor hold connections for
/// long.
#[test]
fn those_who_wait_for_an_unknown_kid_are_bounded_in_count_and_time_and_others_do_not_wait() {
    const WAIT: Duration = Duration::from_secs(2);
    run(async {
        let builder = with_keys("keys-kid-queue", json!({ "refresh": "1h", "timeout": "20s" }));
        let builder = builder.policy(|policy| {
            policy["waiting"] = json!({ "unknown_kid_requests": 2, "time": "2s" });
        });
        let shop = Shop::of(builder).await.unwrap();
        let good = shop.token("alice").await;
        assert_eq!(on_all_workers(&shop, &good).await, Some((200, String::new())));
        // the fetch that looks for them lasts longer than anybody waits
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Slow { ms: 15_000 }).await.unwrap();
        let (issuer, passed) = (shop.issuer(), shop.requests_passed().await);

        let mut asking = JoinSet::new();
        for kid in 0..60 {
            let asked = ask(&shop, &forged(&issuer, kid));
            asking.spawn(async move {
                let begun = Instant::now();
                (asked.await, begun.elapsed())
            });
        }
        let (mut known, mut waited, mut refused_at_once) = (0, 0, 0);
        while !asking.is_empty() {
            shop.get("/me").token(&good).answers(200).await;
            known += 1;
            while let Some(ended) = asking.try_join_next() {
                let (answer, time) = ended.unwrap();
                KEY_NOT_YET_FETCHED.must_be(answer);
                if time < WAIT {
                    refused_at_once += 1;
                } else {
                    waited += 1;
                }
            }
        }
        assert!((1..=4 * 2).contains(&waited), "four workers, two each: {waited}");
        assert_eq!(waited + refused_at_once, 60);
        assert_eq!(
            shop.requests_passed().await,
            passed + known,
            "no forged one reaches the service"
        );
    });
}

/// A token of nobody with this key id, the issuer's name, and no signature that anybody made.
pub(crate) fn forged(issuer: &str, kid: u64) -> String {
    let part = |json: serde_json::Value| BASE64URL.encode(json.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "JWT", "kid": format!("random-{kid:016x}") }));
    let now = crate::support::now();
    let claims = part(json!({
        "iss": issuer, "sub": "x", "aud": "orders-api", "iat": now, "exp": now + 300, "typ": "Bearer",
    }));
    format!("{header}.{claims}.{}", BASE64URL.encode([1; 256]))
}

/// While a flood of random key ids comes: at most one extra fetch per interval over all workers,
/// honest tokens pass and wait for none of them, and a freshly rotated key is 429 until it passes,
/// never 401.
#[test]
fn thousands_of_random_kids_are_neither_a_flood_to_the_provider_nor_401_for_honest_tokens() {
    const INTERVAL: Duration = Duration::from_secs(5);
    const FETCH: Duration = Duration::from_secs(3);
    run(async {
        let builder =
            with_keys("keys-flood", json!({ "refresh": "1h", "unknown_kid_interval": "5s" }));
        let builder = builder.policy(|policy| policy["waiting"] = json!({ "time": "1s" }));
        let shop = Shop::of(builder).await.unwrap();
        let idp = shop.stack.idp();
        let good = idp.token("alice").sign().await.unwrap();
        assert_eq!(on_all_workers(&shop, &good).await, Some((200, String::new())));
        idp.fault(Endpoint::Jwks, Fault::Slow { ms: 3_000 }).await.unwrap();
        let (issuer, before, started) = (shop.issuer(), fetches(&shop).await, Instant::now());

        let mut flood = JoinSet::new();
        for lane in 0..16 {
            let (client, url) = (harness::http::client(false).unwrap(), shop.stack.url("/me"));
            let issuer = issuer.clone();
            flood.spawn(async move {
                for number in 0..200 {
                    let request =
                        client.get(&url).bearer_auth(forged(&issuer, lane * 1_000_000 + number));
                    let status = request.send().await.unwrap().status().as_u16();
                    assert!([401, 429].contains(&status), "never a 5xx: {status}");
                }
            });
        }
        let mut rotated = None;
        let mut rounds = 0;
        while !flood.is_empty() {
            let begun = Instant::now();
            shop.get("/me").token(&good).answers(200).await;
            assert!(
                begun.elapsed() < FETCH,
                "a known key waits for no fetch: {:?}",
                begun.elapsed()
            );
            if rounds == 20 {
                idp.rotate(Algorithm::RS256).await.unwrap();
                rotated = Some(idp.token("alice").sign().await.unwrap());
            }
            if let Some(token) = &rotated {
                let answer = shop.get("/me").token(token).send().await;
                assert!([200, 429].contains(&answer.status), "{answer}");
                assert!(answer.status == 200 || answer.header("retry-after").is_some(), "{answer}");
            }
            while let Some(lane) = flood.try_join_next() {
                lane.unwrap();
            }
            rounds += 1;
        }
        idp.heal(Endpoint::Jwks).await.unwrap();
        let extra = fetches(&shop).await - before;
        let intervals = started.elapsed().as_secs() / INTERVAL.as_secs() + 1;
        assert!(extra <= intervals, "{extra} extra fetches in {intervals} intervals");

        let token = rotated.expect("the flood lasts longer than twenty requests");
        let passes =
            async || (shop.get("/me").token(&token).send().await.status == 200).then_some(());
        harness::process::eventually("the fresh key", PATIENCE, passes).await.unwrap();
    });
}
