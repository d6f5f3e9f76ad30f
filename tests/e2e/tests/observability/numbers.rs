//! The filter's numbers: none is lost or counted twice, and no client makes one more.
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dev_idp::{Endpoint, Fault};
use e2e::{Shop, run};
use harness::process::eventually;
use harness::stack::Stack;
use serde_json::json;
use tokio::task::JoinSet;

const WORKERS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(30);

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

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
                    assert_eq!(
                        client.get(&url).bearer_auth(&token).send().await.unwrap().status(),
                        200
                    );
                    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
                }
            });
        }
        clients.join_all().await;
        let stats = shop.stack.stats().await.unwrap();
        let count = |parts: &[&str]| {
            stats.sum(&[&["portcullis.decisions;", "row=GET /me;"], parts].concat())
        };
        assert_eq!(count(&["decision=allow;reason=none;mode=enforce"]), 16 * 40);
        assert_eq!(count(&["decision=refuse;reason=token-missing;mode=enforce"]), 16 * 40);
        assert_eq!(count(&[]), 2 * 16 * 40);
        // the main thread has a VM too
        comes_to(&shop, "portcullis.policy_workers;", u64::from(WORKERS) + 1).await;
    });
}

/// A token on so many new connections that every worker sees it.
async fn everywhere(shop: &Shop, token: &str) {
    for _ in 0..40 {
        let client = harness::http::client(false).unwrap();
        let answer = client.get(shop.stack.url("/me")).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[test]
fn every_look_into_a_cache_is_counted_once_and_all_caches_are_one_size() {
    run(async {
        let shop = Shop::of(Stack::named("observed-cache").concurrency(WORKERS)).await.unwrap();
        let [alice, bob] = [shop.token("alice").await, shop.token("bob").await];
        // before the first keys one looks twice
        everywhere(&shop, &alice).await;
        comes_to(&shop, "portcullis.cached_tokens", u64::from(WORKERS)).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let looked = |outcome: &str| format!("portcullis.cache;outcome={outcome}");
        let stats = shop.stack.stats().await.unwrap();
        let [hits, misses] = ["hit", "miss"].map(|outcome| stats.sum(&[&looked(outcome)]));
        for token in [&alice, &bob] {
            everywhere(&shop, token).await;
        }
        comes_to(&shop, &looked("miss"), misses + u64::from(WORKERS)).await;
        comes_to(&shop, &looked("hit"), hits + 2 * 40 - u64::from(WORKERS)).await;
        comes_to(&shop, "portcullis.cached_tokens", 2 * u64::from(WORKERS)).await;
        let bytes = shop.stack.stats().await.unwrap().sum(&["portcullis.cached_bytes"]);
        let held = u64::try_from(alice.len() + bob.len()).unwrap() * u64::from(WORKERS);
        assert!((held / 4..4 * held).contains(&bytes), "{bytes} bytes for tokens of {held}");
    });
}

/// Each outcome once, and all of them as often as the provider was asked.
#[test]
fn fetches_are_counted_by_what_came_of_them() {
    run(async {
        let builder = Stack::named("observed-fetches")
            .provider("partner")
            .provider("finder")
            .concurrency(WORKERS);
        let builder = builder.policy(|policy| {
            let provider = |name: &str| policy["providers"][name]["jwks"].clone();
            let [mut keycloak, mut partner, finder] =
                ["keycloak", "partner", "finder"].map(provider);
            keycloak["refresh"] = json!("1s");
            keycloak["timeout"] = json!("1s");
            partner["cluster"] = json!("nobody");
            let finder = json!({ "discovery": { "cluster": finder["cluster"] }, "refresh": "1s" });
            for (name, jwks) in [("keycloak", keycloak), ("partner", partner), ("finder", finder)] {
                policy["providers"][name]["jwks"] = jwks;
            }
        });
        let shop = Shop::of(builder).await.unwrap();
        let (idp, finder) = (shop.stack.idp(), shop.stack.idp_named("finder"));
        let of = |provider: &str, outcome: &str| {
            format!("portcullis.jwks_fetches;provider={provider};outcome={outcome}")
        };
        let becomes = async |gauge: String, least: u64| {
            let told =
                async || (shop.stack.stats().await.unwrap().sum(&[&gauge]) >= least).then_some(());
            eventually(&gauge, PATIENCE, told).await.unwrap();
        };
        // nobody who answers is 503 by Envoy, and too late is 504: statuses, as the provider's own
        let faults = [
            ("status", Fault::ServerError),
            ("status", Fault::Down),
            ("status", Fault::Slow { ms: 3_000 }),
            ("malformed", Fault::Html),
            ("too-large", Fault::Oversize { bytes: 2 << 20 }),
        ];
        let mut statuses = 0;
        for (outcome, fault) in faults {
            statuses += u64::from(outcome == "status");
            idp.fault_times(Endpoint::Jwks, fault, 1).await.unwrap();
            becomes(of("keycloak", outcome), if outcome == "status" { statuses } else { 1 }).await;
        }
        finder.fault_times(Endpoint::Discovery, Fault::Html, 1).await.unwrap();
        becomes(of("finder", "discovery"), 1).await;
        becomes(of("partner", "no-cluster"), 2).await;
        for provider in ["keycloak", "finder"] {
            becomes(of(provider, "ok"), 2).await;
        }
        // at a moment when none is on its way
        idp.refuse_connections().await.unwrap();
        let asked = idp.counts().await.unwrap().jwks.total;
        let stats = shop.stack.stats().await.unwrap();
        let count = |outcome| stats.sum(&[&of("keycloak", outcome)]);
        assert_eq!((count("malformed"), count("too-large")), (1, 1));
        let answered = count("ok") + 1 + 1 + statuses;
        assert!((asked - 1..=asked).contains(&answered), "{answered} of {asked}");
        assert_eq!(shop.stack.idp_named("partner").counts().await.unwrap().jwks.total, 0);
    });
}

#[test]
fn what_keys_and_policy_are_told_to_be_they_are() {
    run(async {
        let (begun, then) = (now(), Instant::now());
        let builder = Stack::named("observed-keys").concurrency(WORKERS).policy(|policy| {
            policy["providers"]["keycloak"]["jwks"]["refresh"] = json!("1h");
        });
        let mut shop = Shop::of(builder).await.unwrap();
        let gauge = async |shop: &Shop, name: &str| shop.stack.stats().await.unwrap().sum(&[name]);
        let published = shop.stack.idp().keys().await.unwrap().len();
        comes_to(
            &shop,
            "portcullis.keys_usable;provider=keycloak",
            u64::try_from(published).unwrap(),
        )
        .await;
        assert_eq!(gauge(&shop, "portcullis.keys_ignored;provider=keycloak").await, 0);
        assert_eq!(gauge(&shop, "portcullis.keys_refresh_seconds;provider=keycloak").await, 3_600);
        let loaded = gauge(&shop, "portcullis.policy_loaded_seconds;").await;
        assert!((begun..=now()).contains(&loaded), "{loaded}");
        tokio::time::sleep(Duration::from_secs(4)).await;
        let age = gauge(&shop, "portcullis.keys_age_seconds;provider=keycloak").await;
        assert!((2..=then.elapsed().as_secs()).contains(&age), "{age} s");

        // beside them, one of each kind that nobody can use
        shop.stack.idp().fault(Endpoint::Jwks, Fault::BrokenKeyAmongGood).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        comes_to(&shop, "portcullis.keys_ignored;provider=keycloak", 9).await;
        assert_eq!(
            gauge(&shop, "portcullis.keys_usable;provider=keycloak").await,
            u64::try_from(published).unwrap()
        );
    });
}

#[test]
fn no_client_makes_a_series() {
    run(async {
        // hosts of nobody's must not be those of a service
        let builder = Stack::named("observed-flood");
        let builder =
            builder.policy(|policy| policy["services"]["shop"]["hosts"] = json!(["127.0.0.1"]));
        let shop = Shop::of(builder).await.unwrap();
        let good = shop.token("alice").await;
        flood(&shop, &good, 0..10).await;
        let before = series(&shop).await;
        flood(&shop, &good, 10..200).await;
        let after = series(&shop).await;
        let new: Vec<_> = after.difference(&before).collect();
        // what a reason or a tick brought that had not been before: as few as the policy has,
        // whatever clients send
        assert!(new.len() <= 4, "{new:#?}");
        let invented = |name: &&String| {
            ["path-1", "host-", "kid-", "METHOD", "example", "A1"]
                .iter()
                .any(|it| name.contains(it))
        };
        assert_eq!(after.iter().find(invented), None);
        assert!(after.iter().any(|name| name.contains("service=none;")), "{after:#?}");
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
            token(
                &json!({ "alg": "RS256", "kid": format!("kid-{number}") }),
                &json!({ "iss": issuer }),
            ),
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
