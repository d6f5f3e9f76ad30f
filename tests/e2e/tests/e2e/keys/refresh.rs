//! One fetch for all workers, as often as the policy says, or the provider if it wants it sooner.
use dev_idp::{Caching, Endpoint, Fault};
use e2e::{Shop, run};
use serde_json::json;

use super::{PATIENCE, fetched_again, fetches, gaps, on_all_workers, with_keys};

/// Two fetches of the same refresh would be nearer to each other.
const HALF_A_REFRESH: f64 = 0.5;

#[test]
fn four_workers_fetch_once_a_refresh_from_the_first_on() {
    run(async {
        let shop = Shop::of(with_keys("keys-refresh", json!({ "refresh": "1s" }))).await.unwrap();
        fetched_again(&shop, 20).await;
        let gaps = gaps(&shop).await;
        assert!(gaps.iter().all(|gap| *gap > HALF_A_REFRESH), "{gaps:?}");
        assert_eq!(
            on_all_workers(&shop, &shop.token("alice").await).await,
            Some((200, String::new()))
        );
    });
}

#[test]
fn a_provider_may_ask_for_a_shorter_refresh_never_for_a_longer_one() {
    run(async {
        let header = |value: &str| Caching { cache_control: Some(value.to_owned()), expires: None };
        let expires =
            |value: &str| Caching { cache_control: None, expires: Some(value.to_owned()) };
        let mut slow =
            Shop::of(with_keys("keys-shorter", json!({ "refresh": "1h" }))).await.unwrap();
        assert_eq!(fetches(&slow).await, 1);
        for caching in [
            header("public, max-age=1"),
            header("MAX-AGE=1"),
            expires("Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            slow.stack.idp().caching(Endpoint::Jwks, caching).await.unwrap();
            slow.stack.envoy_mut().restart().await.unwrap();
            fetched_again(&slow, 3).await;
        }

        let quick = Shop::of(with_keys("keys-longer", json!({ "refresh": "1s" }))).await.unwrap();
        for caching in [
            header("max-age=86400"),
            header("nonsense"),
            expires("Fri, 31 Dec 2100 23:59:59 GMT"),
            expires("0"),
        ] {
            quick.stack.idp().caching(Endpoint::Jwks, caching).await.unwrap();
            fetched_again(&quick, 3).await;
        }
        for caching in
            [header("max-age=0"), header("no-store"), expires("Thu, 01 Jan 1970 00:00:00 GMT")]
        {
            quick.stack.idp().caching(Endpoint::Jwks, caching).await.unwrap();
            fetched_again(&quick, 5).await;
        }
        let gaps = gaps(&quick).await;
        assert!(gaps.iter().all(|gap| *gap > HALF_A_REFRESH), "not a flood: {gaps:?}");
    });
}

#[test]
fn after_failures_the_fetches_go_on_and_are_no_flood() {
    run(async {
        let shop = Shop::of(with_keys("keys-backoff", json!({ "refresh": "1s" }))).await.unwrap();
        shop.stack.idp().fault(Endpoint::Jwks, Fault::ServerError).await.unwrap();
        fetched_again(&shop, 5).await;
        let gaps = gaps(&shop).await;
        assert!(gaps.iter().all(|gap| *gap > HALF_A_REFRESH), "{gaps:?}");
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        fetched_again(&shop, 3).await;
    });
}

/// How far apart the fetches of a gateway are that starts while its provider fails.
async fn gaps_of_failures(name: &str, refresh: &str, count: usize) -> Vec<f64> {
    let mut shop = Shop::of(with_keys(name, json!({ "refresh": refresh }))).await.unwrap();
    shop.stack.idp().fault(Endpoint::Jwks, Fault::ServerError).await.unwrap();
    // from here on, every fetch is one of the new gateway's
    shop.stack.envoy_mut().process_mut().stop(PATIENCE);
    let before = usize::try_from(fetches(&shop).await).unwrap();
    shop.stack.envoy_mut().restart().await.unwrap();
    fetched_again(&shop, u64::try_from(count).unwrap() + 1).await;
    gaps(&shop).await.split_off(before)
}

#[test]
fn after_each_failure_the_next_fetch_waits_twice_as_long_up_to_the_refresh() {
    /// Jitter shortens by a quarter at most; a worker looks once a second, and may be late on a
    /// busy machine.
    fn must_be(gaps: &[f64], waits: &[f64]) {
        assert!(gaps.len() >= waits.len(), "{gaps:?}");
        for (gap, wait) in gaps.iter().zip(waits) {
            assert!((wait * 0.75 - 0.1..wait + 2.0).contains(gap), "{gaps:?}, and not {waits:?}");
        }
    }
    run(async {
        let (growing, bounded) = tokio::join!(
            gaps_of_failures("keys-backoff-grows", "1h", 4),
            gaps_of_failures("keys-backoff-ends", "2s", 5),
        );
        must_be(&growing, &[1.0, 2.0, 4.0, 8.0]);
        must_be(&bounded, &[1.0, 2.0, 2.0, 2.0, 2.0]);
    });
}
