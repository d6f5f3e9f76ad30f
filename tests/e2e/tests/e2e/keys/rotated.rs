//! A key that is new, at a moment at which nobody can look for it: its tokens are told to come
//! back, and never that they are bad.
use dev_idp::{Algorithm, Endpoint, Fault};
use e2e::{Shop, invalid_token, run};
use serde_json::json;

use super::unknown_kid::forged;
use super::{everywhere, on_all_workers, until_all_workers, with_keys};

/// The refresh is far away: only an extra fetch can bring the key.
async fn shop(name: &str, interval: &str) -> Shop {
    let shop = with_keys(name, json!({ "refresh": "1h", "unknown_kid_interval": interval }));
    let shop = Shop::of(shop).await.unwrap();
    let old = shop.token("alice").await;
    assert_eq!(on_all_workers(&shop, &old).await, Some((200, String::new())));
    shop
}

/// A token by a key that the gateway has not seen.
async fn fresh(shop: &Shop) -> String {
    let idp = shop.stack.idp();
    let kid = idp.rotate(Algorithm::ES256).await.unwrap();
    idp.token("alice").key(kid).sign().await.unwrap()
}

/// Every worker says 429 and when to come back.
async fn is_told_to_come_back(shop: &Shop, token: &str) {
    let answers = shop.unreached(everywhere(shop, token)).await;
    let told = answers.keys().all(|answer| *answer == (429, "key-not-yet-fetched".to_owned()));
    assert!(told, "{answers:?}");
}

/// Every worker lets it pass, and on the way there says 429 or 503 at worst.
async fn passes_in_the_end(shop: &Shop, token: &str) {
    until_all_workers(shop, token, (200, ""), |status| ![200, 429, 503].contains(&status)).await;
}

#[test]
fn while_the_interval_lasts_it_is_429_on_every_worker_and_then_passes() {
    run(async {
        let shop = shop("keys-rotated", "8s").await;
        // somebody's random key id takes the one extra fetch of the interval
        let random = forged(&shop.issuer(), 1);
        shop.get("/me").token(&random).is_stopped(invalid_token("key-unknown")).await;
        let token = fresh(&shop).await;
        is_told_to_come_back(&shop, &token).await;
        passes_in_the_end(&shop, &token).await;
    });
}

#[test]
fn while_the_provider_is_down_it_is_429_on_every_worker_and_passes_when_it_is_back() {
    run(async {
        let shop = shop("keys-rotated-down", "1s").await;
        let token = fresh(&shop).await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        for _ in 0..3 {
            is_told_to_come_back(&shop, &token).await;
        }
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        passes_in_the_end(&shop, &token).await;
    });
}
