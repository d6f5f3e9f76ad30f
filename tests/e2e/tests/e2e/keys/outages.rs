//! A provider that fails: the last good keys serve until they are too old, then 503; never a 401,
//! never forever.
use dev_idp::{Answer, Control, Endpoint, Fault};
use e2e::{Shop, run, unavailable};
use harness::process::eventually;
use serde_json::{Value, json};

use super::{
    PATIENCE, fetched_again, fetches_that_ended, on_all_workers, until_all_workers, with_keys,
};

const PASSES: Option<(u16, String)> = Some((200, String::new()));

/// What no document of keys is, and the outcome that such a fetch is counted under. Where nobody
/// answers in time, Envoy does: 503 and 504.
pub(super) fn faults() -> Vec<(&'static str, Fault, &'static str)> {
    let answer = |status, body: &str| {
        Fault::Answer(Answer {
            status,
            content_type: "application/json".to_owned(),
            body: body.to_owned(),
        })
    };
    vec![
        ("down", Fault::Down, "status"),
        ("slower than the timeout", Fault::Slow { ms: 3_000 }, "status"),
        ("500", Fault::ServerError, "status"),
        ("HTML", Fault::Html, "malformed"),
        ("cut off", Fault::Cut, "unreachable"),
        ("larger than the limit", Fault::Oversize { bytes: 2 << 20 }, "too-large"),
        ("no keys", Fault::EmptyKeys, "malformed"),
        ("no object", answer(200, "[]"), "malformed"),
        ("keys that are no list", answer(200, r#"{"keys":{}}"#), "malformed"),
        ("keys that are no keys", answer(200, r#"{"keys":[7,null,{}]}"#), "malformed"),
        ("a redirection", answer(302, ""), "status"),
        ("not found", answer(404, r#"{"keys":[]}"#), "status"),
        ("no content", answer(204, ""), "status"),
    ]
}

/// What is odd, and good.
fn oddities() -> Vec<(&'static str, Fault)> {
    vec![
        ("200 keys", Fault::ManyKeys { count: 200 }),
        ("broken keys among good ones", Fault::BrokenKeyAmongGood),
        ("another content type", Fault::WrongContentType),
    ]
}

async fn shop(name: &str) -> Shop {
    let brisk = json!({ "refresh": "1s", "max_stale": "4s", "timeout": "1s" });
    Shop::of(with_keys(name, brisk)).await.unwrap()
}

#[test]
fn the_last_good_keys_serve_through_every_fault_until_they_are_too_old_then_503() {
    run(async {
        let shop = shop("keys-outages").await;
        let idp: &Control = shop.stack.idp();
        for (name, fault, outcome) in faults() {
            let token = shop.token("alice").await;
            let before = fetches_that_ended(&shop, outcome).await;
            assert_eq!(on_all_workers(&shop, &token).await, PASSES, "before: {name}");
            idp.fault(Endpoint::Jwks, fault).await.unwrap();
            fetched_again(&shop, 1).await;
            assert_eq!(on_all_workers(&shop, &token).await, PASSES, "{name}");
            until_all_workers(&shop, &token, (503, "keys-stale"), |status| {
                ![200, 503].contains(&status)
            })
            .await;
            assert!(
                fetches_that_ended(&shop, outcome).await > before,
                "{name}: counted as `{outcome}`"
            );
            shop.get("/me").named(name).token(&token).is_stopped(unavailable("keys-stale")).await;
            // what needs no key is still answered
            shop.get("/products").answers(200).await;
            idp.heal(Endpoint::Jwks).await.unwrap();
            until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status))
                .await;
        }
    });
}

#[test]
fn a_provider_that_refuses_connections_is_one_that_is_down() {
    run(async {
        let shop = shop("keys-refused").await;
        let token = shop.token("alice").await;
        shop.stack.idp().refuse_connections().await.unwrap();
        assert_eq!(on_all_workers(&shop, &token).await, PASSES);
        until_all_workers(&shop, &token, (503, "keys-stale"), |status| {
            ![200, 503].contains(&status)
        })
        .await;
        shop.stack.idp().accept_connections().await.unwrap();
        until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status)).await;
    });
}

#[test]
fn one_bad_key_or_many_strange_ones_do_not_spoil_the_good_ones() {
    run(async {
        let shop = shop("keys-oddities").await;
        for (name, fault) in oddities() {
            shop.stack.idp().fault(Endpoint::Jwks, fault).await.unwrap();
            let rotated = shop.stack.idp().rotate(dev_idp::Algorithm::ES256).await.unwrap();
            let token = shop.stack.idp().token("alice").key(rotated).sign().await.unwrap();
            until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status))
                .await;
            fetched_again(&shop, 6).await;
            assert_eq!(
                on_all_workers(&shop, &token).await,
                PASSES,
                "longer than `max_stale`: {name}"
            );
        }
    });
}

/// How many keys the provider serves at this moment.
async fn served(shop: &Shop) -> u64 {
    let uri = &shop.stack.idp().addresses().jwks_uri;
    let jwks: Value =
        harness::http::client(false).unwrap().get(uri).send().await.unwrap().json().await.unwrap();
    u64::try_from(jwks["keys"].as_array().unwrap().len()).unwrap()
}

#[test]
fn keys_that_cannot_be_used_are_counted() {
    run(async {
        let shop = shop("keys-ignored").await;
        let counted = async |count: u64| {
            let ignored = async || {
                let stats = shop.stack.stats().await.ok()?;
                let mut gauges = stats.matching(&["portcullis.keys_ignored;provider="]);
                (gauges.next()?.1 == count).then_some(())
            };
            eventually(&format!("{count} ignored keys"), PATIENCE, ignored).await.unwrap();
        };
        counted(0).await;
        let good = served(&shop).await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::BrokenKeyAmongGood).await.unwrap();
        let broken = served(&shop).await - good;
        assert!(broken >= 9, "{broken}");
        counted(broken).await;
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        counted(0).await;
    });
}
