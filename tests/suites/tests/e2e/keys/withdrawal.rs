//! A withdrawn key is out of use on every worker, cached tokens included, before the next refresh.
use dev_idp::Algorithm;
use e2e::{Shop, run};
use serde_json::json;

use super::{fetched_again, fetches, on_all_workers, until_all_workers, with_keys};

/// Long enough that every worker's tick (1 s at most) lies between two refreshes.
const REFRESH: &str = "5s";

async fn ends_before_the_next_refresh(shop: &Shop, token: &str, reason: &str) {
    fetched_again(shop, 1).await;
    let brought = fetches(shop).await;
    until_all_workers(shop, token, (401, reason), |status| status == 403 || status == 503).await;
    assert_eq!(fetches(shop).await, brought, "the refresh that brought the withdrawal is enough");
}

#[test]
fn a_withdrawn_key_ends_its_cached_tokens_on_every_worker() {
    run(async {
        let shop = Shop::of(with_keys("keys-withdrawn", json!({ "refresh": REFRESH }))).await.unwrap();
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
        let shop = Shop::of(with_keys("keys-same-kid", json!({ "refresh": REFRESH }))).await.unwrap();
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
