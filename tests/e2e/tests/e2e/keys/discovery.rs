//! Discovery instead of `jwks.uri`: the issuer's OpenID document names the keys, if it is the
//! issuer's and they are near it.
use dev_idp::{Endpoint, Fault};
use e2e::{Shop, run, unavailable};
use harness::stack::{Builder, Stack};
use serde_json::json;

use super::{fetches_that_ended, until_all_workers};

fn by_discovery(name: &str) -> Builder {
    Stack::named(name).concurrency(4).policy(|policy| {
        for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
            let cluster = provider["jwks"]["cluster"].clone();
            provider["jwks"] = json!({ "discovery": { "cluster": cluster }, "refresh": "1s" });
        }
        policy["waiting"] = json!({ "time": "1s" });
    })
}

#[test]
fn the_issuers_document_names_the_keys() {
    run(async {
        let shop = Shop::of(by_discovery("keys-discovery")).await.unwrap();
        shop.get("/me").sent_as("alice").answers(200).await;
        assert!(shop.stack.idp().counts().await.unwrap().discovery.total >= 1);
    });
}

/// CVE-2026-41413 (Istio). `advisories::elsewhere` shows that the gateway does not connect to the
/// named place.
#[test]
fn a_document_of_another_issuer_or_with_keys_elsewhere_is_an_error_that_says_so_and_never_a_pass() {
    run(async {
        let mut shop = Shop::of(by_discovery("keys-discovery-wrong")).await.unwrap();
        let provider =
            shop.stack.policy()["providers"].as_object().unwrap().keys().next().unwrap().clone();
        let (issuer, jwks_uri) = (shop.issuer(), shop.stack.idp().addresses().jwks_uri.clone());
        let another = "is of another issuer than the policy's";
        let elsewhere = "`jwks_uri` is not at the authority of the issuer";
        let malformed = "is not a JSON object with the strings `issuer` and `jwks_uri`";
        for (name, document, said) in [
            (
                "another issuer",
                json!({ "issuer": format!("{issuer}/"), "jwks_uri": jwks_uri }),
                another,
            ),
            ("no issuer", json!({ "jwks_uri": jwks_uri }), malformed),
            (
                "keys elsewhere",
                json!({ "issuer": issuer, "jwks_uri": "http://elsewhere.example/jwks" }),
                elsewhere,
            ),
            (
                "keys at a confusing place",
                json!({ "issuer": issuer, "jwks_uri": format!("{issuer}@elsewhere.example/jwks") }),
                elsewhere,
            ),
            ("keys at no place", json!({ "issuer": issuer, "jwks_uri": 7 }), malformed),
            ("no keys", json!({ "issuer": issuer }), malformed),
        ] {
            shop.stack.idp().fault(Endpoint::Discovery, Fault::json(&document)).await.unwrap();
            let before = shop.stack.envoy().process().log().lines().len();
            shop.stack.envoy_mut().restart().await.unwrap();
            let token = shop.token("alice").await;
            shop.get("/me")
                .named(name)
                .token(&token)
                .is_stopped(unavailable("keys-unavailable"))
                .await;
            let log = shop.stack.envoy().process().log().lines();
            let line = format!(
                "the discovery or keys of provider {provider} could not be fetched: the discovery document"
            );
            let told = log[before..].iter().any(|it| it.contains(&line) && it.contains(said));
            assert!(told, "{name}: the log says `{said}`");
            // Envoy counts from its start on
            assert!(fetches_that_ended(&shop, "discovery").await > 0, "{name}: it is counted");
            shop.stack.idp().heal(Endpoint::Discovery).await.unwrap();
            until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status))
                .await;
        }
    });
}
