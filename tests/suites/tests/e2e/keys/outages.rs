//! A provider that fails: the last good keys serve until they are too old, then 503; never a 401, never forever.
use dev_idp::{Answer, Control, Endpoint, Fault};
use e2e::{Shop, run, unavailable};
use serde_json::json;

use super::{fetched_again, on_all_workers, until_all_workers, with_keys};

const PASSES: Option<(u16, String)> = Some((200, String::new()));

/// What no document of keys is.
fn faults() -> Vec<(&'static str, Fault)> {
    let answer = |status, body: &str| {
        Fault::Answer(Answer { status, content_type: "application/json".to_owned(), body: body.to_owned() })
    };
    vec![
        ("down", Fault::Down),
        ("slower than the timeout", Fault::Slow { ms: 3_000 }),
        ("500", Fault::ServerError),
        ("HTML", Fault::Html),
        ("cut off", Fault::Cut),
        ("larger than the limit", Fault::Oversize { bytes: 2 << 20 }),
        ("no keys", Fault::EmptyKeys),
        ("no object", answer(200, "[]")),
        ("keys that are no list", answer(200, r#"{"keys":{}}"#)),
        ("keys that are no keys", answer(200, r#"{"keys":[7,null,{}]}"#)),
        ("a redirection", answer(302, "")),
        ("not found", answer(404, r#"{"keys":[]}"#)),
        ("no content", answer(204, "")),
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
        for (name, fault) in faults() {
            let token = shop.token("alice").await;
            assert_eq!(on_all_workers(&shop, &token).await, PASSES, "before: {name}");
            idp.fault(Endpoint::Jwks, fault).await.unwrap();
            fetched_again(&shop, 1).await;
            assert_eq!(on_all_workers(&shop, &token).await, PASSES, "{name}");
            until_all_workers(&shop, &token, (503, "keys-stale"), |status| ![200, 503].contains(&status))
                .await;
            shop.get("/me").named(name).token(&token).is_stopped(unavailable("keys-stale")).await;
            // what needs no key is still answered
            shop.get("/products").answers(200).await;
            idp.heal(Endpoint::Jwks).await.unwrap();
            until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status)).await;
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
        until_all_workers(&shop, &token, (503, "keys-stale"), |status| ![200, 503].contains(&status)).await;
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
            until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status)).await;
            fetched_again(&shop, 6).await;
            assert_eq!(on_all_workers(&shop, &token).await, PASSES, "longer than `max_stale`: {name}");
        }
    });
}
