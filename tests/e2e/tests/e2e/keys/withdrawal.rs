//! A withdrawn key is out of use on every worker, cached tokens included, before the next refresh.
use std::time::{Duration, Instant};

use dev_idp::Algorithm;
use e2e::{Shop, run};
use serde_json::json;

use super::{everywhere, fetched_again, fetches, on_all_workers, with_keys};

/// Long enough that every worker's tick lies between two refreshes.
const REFRESH: &str = "5s";
/// Every worker looks once a second for what another has fetched; the rest is for the fetch, on a
/// busy machine.
const SOON: Duration = Duration::from_millis(1_500);

async fn ends_before_the_next_refresh(shop: &Shop, token: &str, reason: &str) {
    fetched_again(shop, 1).await;
    let (brought, then) = (fetches(shop).await, Instant::now());
    loop {
        let asked = then.elapsed();
        let answers = everywhere(shop, token).await;
        assert!(answers.keys().all(|(status, _)| [200, 401].contains(status)), "{answers:?}");
        if answers.keys().all(|answer| *answer == (401, reason.to_owned())) {
            break;
        }
        assert!(asked < SOON, "it is in use {asked:?} after the fetch");
    }
    assert_eq!(fetches(shop).await, brought, "the refresh that brought the withdrawal is enough");
}

#[test]
fn a_withdrawn_key_ends_its_cached_tokens_on_every_worker() {
    run(async {
        let shop =
            Shop::of(with_keys("keys-withdrawn", json!({ "refresh": REFRESH }))).await.unwrap();
        let idp = shop.stack.idp();
        let old = idp.token("alice").sign().await.unwrap();
        idp.rotate(Algorithm::RS256).await.unwrap();
        assert_eq!(on_all_workers(&shop, &old).await, Some((200, String::new())));
        fetched_again(&shop, 1).await;
        idp.withdraw_old().await.unwrap();
        ends_before_the_next_refresh(&shop, &old, "key-unknown").await;
        let new = idp.token("alice").sign().await.unwrap();
        assert_eq!(on_all_workers(&shop, &new).await, Some((200, String::new())));
    });
}

#[test]
fn another_key_under_the_same_kid_ends_the_cached_tokens_of_the_first() {
    run(async {
        let shop =
            Shop::of(with_keys("keys-same-kid", json!({ "refresh": REFRESH }))).await.unwrap();
        let idp = shop.stack.idp();
        for alg in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            let old = idp.token("alice").alg(alg).sign().await.unwrap();
            assert_eq!(on_all_workers(&shop, &old).await, Some((200, String::new())));
            idp.rotate_under_same_kid(alg).await.unwrap();
            ends_before_the_next_refresh(&shop, &old, "signature-invalid").await;
            let new = idp.token("alice").alg(alg).sign().await.unwrap();
            assert_eq!(on_all_workers(&shop, &new).await, Some((200, String::new())));
        }
    });
}
