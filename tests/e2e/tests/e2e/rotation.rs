//! A provider changes its keys while the stack runs: nothing is restarted, and nobody honest is
//! turned away.
use std::time::Duration;

use dev_idp::Algorithm;
use e2e::{Answer, Shop, invalid_token, run};
use harness::keycloak::Keycloak;
use harness::process::eventually;
use harness::stack::{Builder, Stack};
use serde_json::json;

const PATIENCE: Duration = Duration::from_mins(1);

/// Asks for `/me` until the gateway, which may say meanwhile that it has to look for the key first,
/// lets the token pass.
async fn passes(shop: &Shop, token: &str) -> Answer {
    let answer = async || {
        let answer = shop.get("/me").token(token).send().await;
        assert!([200, 429, 503].contains(&answer.status), "a fresh key is never a 401: {answer}");
        (answer.status == 200).then_some(answer)
    };
    eventually("a token with a new key", PATIENCE, answer).await.unwrap()
}

/// Asks for `/me` until the gateway knows that the token's key is withdrawn.
async fn is_turned_away(shop: &Shop, token: &str) -> Answer {
    let answer = async || {
        let answer = shop.get("/me").token(token).send().await;
        (answer.status != 200).then_some(answer)
    };
    eventually("the end of a withdrawn key", PATIENCE, answer).await.unwrap()
}

fn refreshing_every_second(name: &str) -> Builder {
    Stack::named(name).policy(|policy| {
        for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
            provider["jwks"]["refresh"] = json!("1s");
            provider["jwks"]["unknown_kid_interval"] = json!("1s");
        }
    })
}

#[test]
fn a_new_key_passes_and_a_withdrawn_one_ends_its_tokens_without_a_restart() {
    run(async {
        let shop = Shop::of(refreshing_every_second("rotation")).await.unwrap();
        for alg in [Algorithm::RS256, Algorithm::ES256] {
            let idp = shop.stack.idp();
            let sign = async || idp.token("alice").alg(alg).sign().await.unwrap();
            let (old, pid) = (sign().await, shop.stack.envoy().process().pid());
            shop.get("/me").token(&old).answers(200).await;

            idp.rotate(alg).await.unwrap();
            let new = sign().await;
            passes(&shop, &new).await;
            shop.get("/me").token(&old).answers(200).await;

            assert_eq!(idp.withdraw_old().await.unwrap().len(), 1);
            invalid_token("key-unknown").must_be(is_turned_away(&shop, &old).await);
            shop.get("/me").token(&old).is_stopped(invalid_token("key-unknown")).await;
            shop.get("/me").token(&new).answers(200).await;
            assert_eq!(shop.stack.envoy().process().pid(), pid);
        }
    });
}

/// The refresh is five minutes away: what finds the new key is the request that brings it.
#[test]
fn a_new_key_is_found_by_the_first_token_that_it_signed() {
    run(async {
        let shop = Shop::start("rotation-found").await.unwrap();
        shop.get("/me").sent_as("alice").answers(200).await;
        shop.stack.idp().rotate(Algorithm::RS256).await.unwrap();
        let fetches = shop.stack.idp().counts().await.unwrap().jwks.total;
        shop.get("/me").sent_as("alice").answers(200).await;
        assert_eq!(shop.stack.idp().counts().await.unwrap().jwks.total, fetches + 1);
    });
}

#[test]
fn keycloak_rotates_its_keys_without_a_restart() {
    run(async {
        let keycloak = Keycloak::start("rotation-keycloak").await.unwrap();
        let builder = refreshing_every_second("rotation-with-keycloak");
        let shop = Shop::trusting(keycloak, builder).await.unwrap();
        let old = shop.token("alice").await;
        shop.get("/me").token(&old).answers(200).await;

        let keycloak = shop.keycloak.as_ref().unwrap();
        keycloak.rotate().await.unwrap();
        let new = shop.token("alice").await;
        passes(&shop, &new).await;
        shop.get("/me").token(&old).answers(200).await;

        keycloak.withdraw_first_keys().await.unwrap();
        invalid_token("key-unknown").must_be(is_turned_away(&shop, &old).await);
        shop.get("/me").token(&new).answers(200).await;
    });
}
