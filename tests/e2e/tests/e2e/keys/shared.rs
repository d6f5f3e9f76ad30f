//! What one worker has fetched, all workers know at the first request that asks: none waits for its
//! next look.
use dev_idp::Algorithm;
use e2e::{Shop, invalid_token, run};
use serde_json::json;

use super::{fetches, on_all_workers, with_keys};

/// The refresh is far away, and so is a second extra fetch.
async fn shop(name: &str) -> Shop {
    Shop::of(with_keys(name, json!({ "refresh": "1h", "unknown_kid_interval": "1h" })))
        .await
        .unwrap()
}

#[test]
fn a_kid_that_one_workers_fetch_did_not_bring_is_limited_on_every_worker() {
    run(async {
        let shop = shop("keys-shared-absent").await;
        let token = shop.stack.idp().token("alice").header("kid", "nobody's").sign().await.unwrap();
        let before = fetches(&shop).await;
        shop.get("/me").token(&token).is_stopped(invalid_token("key-unknown")).await;
        let everywhere = on_all_workers(&shop, &token).await;
        assert_eq!(everywhere, Some((429, "key-not-yet-fetched".to_owned())));
        assert_eq!(fetches(&shop).await, before + 1);
    });
}

#[test]
fn a_fresh_key_that_one_workers_fetch_brought_passes_on_every_worker() {
    run(async {
        let shop = shop("keys-shared-fresh").await;
        let before = fetches(&shop).await;
        shop.stack.idp().rotate(Algorithm::ES256).await.unwrap();
        let token = shop.stack.idp().token("alice").alg(Algorithm::ES256).sign().await.unwrap();
        shop.get("/me").token(&token).answers(200).await;
        assert_eq!(on_all_workers(&shop, &token).await, Some((200, String::new())));
        assert_eq!(fetches(&shop).await, before + 1);
    });
}
