//! A browser sends cookies for anybody: what changes something, or opens a connection that can,
//! must come from an origin that the policy lists (RFC 6455 10.2, RFC 6454 7).
#![cfg(not(target_family = "wasm"))]
mod support;

use portcullis_engine::reason::Reason;
use serde_json::json;

use support::{World, ended, policy};

const ORDERS: &str = "orders.example";
const LISTED: &str = "https://shop.example";

#[test]
fn an_upgrade_with_a_cookie_comes_from_a_listed_origin() {
    let mut policy = policy();
    policy["providers"]["main"]["token_source"] =
        json!({ "cookie": { "name": "__Host-token", "origins": [LISTED] } });
    let mut world = World::of(&policy);
    let token = corpus::token(&json!({}), world.now.wall.0);
    let cookie = format!("__Host-token={token}");
    let mut ask = |more: &[(&str, &str)]| {
        let headers: Vec<_> = [("cookie", &*cookie)].iter().chain(more).copied().collect();
        ended(&world.ask(ORDERS, "/orders", &headers)).0
    };
    let upgrade = ("upgrade", "websocket");
    // for a fresh token, and for a cached one
    for _ in 0..2 {
        for origin in [
            None,
            Some("https://evil.example"),
            Some("null"),
            Some("https://shop.example.evil.example"),
        ] {
            let sent: Vec<_> =
                [Some(upgrade), origin.map(|it| ("origin", it))].into_iter().flatten().collect();
            assert_eq!(ask(&sent), Err(Reason::OriginNotAllowed), "{origin:?}");
        }
        assert_eq!(
            ask(&[upgrade, ("origin", LISTED), ("origin", LISTED)]),
            Err(Reason::OriginNotAllowed)
        );
        assert_eq!(ask(&[upgrade, ("origin", LISTED)]), Ok(()));
        assert_eq!(ask(&[]), Ok(()), "a plain GET needs none");
    }
}
