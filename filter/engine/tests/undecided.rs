//! What passes although the policy did not decide it, in shadow mode or as a preflight, gets no
//! assertion: without a row there is nothing to bind it to, and one for any endpoint would open
//! those that the policy refuses.
#![cfg(not(target_family = "wasm"))]
mod support;

use portcullis_engine::authorizer::{Decision, Permit};
use portcullis_engine::reason::Reason;
use serde_json::json;

use support::{World, policy, signing_key};

/// The names of the headers that the service is told, and the payload's row if there is an
/// assertion.
fn told(world: &mut World, permit: &Permit) -> (Vec<String>, Option<String>) {
    let (policy, key) = (world.authorizer.policy().clone(), signing_key());
    let headers =
        permit.headers(&policy, (world.authorizer.assertions_mut(), Some(&key)), "GET", world.now);
    let headers = headers.expect("a hand-off");
    let row = headers.iter().find(|(name, _)| *name == "x-auth-principal").map(|(_, jws)| row(jws));
    (headers.iter().map(|(name, _)| name.to_owned()).collect(), row)
}

fn row(jws: &str) -> String {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(jws.split('.').nth(1).expect("a payload"));
    let payload: serde_json::Value =
        serde_json::from_slice(&payload.expect("base64url")).expect("JSON");
    payload["row"].as_str().expect("a row").to_owned()
}

#[test]
fn an_undeclared_path_passes_in_shadow_mode_with_the_identity_and_without_an_assertion() {
    let mut document = policy();
    document["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
    let mut world = World::of(&document);
    let token = world.cached(&json!({}));
    for (path, reason, expected) in [
        ("/orders", None, Some("/orders")),
        // a row that refuses is a row: what it was decided for is all that the assertion is good
        // for
        ("/admin", Some(Reason::RoleMissing), Some("/admin")),
        ("/nothing", Some(Reason::RouteUndeclared), None),
        ("/orders/", Some(Reason::RouteUndeclared), None),
        ("/admin/x", Some(Reason::RouteUndeclared), None),
    ] {
        let verdict = world.show("orders.example", path, &token);
        let Decision::Allow(permit) = verdict.decision else { panic!("{path}: {verdict:?}") };
        assert_eq!(permit.shadow(), reason, "{path}");
        // the second time from what is kept
        for _ in 0..2 {
            let (names, row) = told(&mut world, &permit);
            assert!(names.iter().any(|name| name == "x-auth-subject"), "{path}");
            assert_eq!(row.as_deref(), expected, "{path}");
        }
    }
}

#[test]
fn a_token_that_was_found_and_not_verified_is_removed_in_shadow_mode_where_tokens_are_forwarded_too()
 {
    let mut document = policy();
    document["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
    document["identity"] = json!({ "forward_token": true });
    let mut world = World::of(&document);
    let policy = world.authorizer.policy().clone();
    let good = world.cached(&json!({}));
    let ended = corpus::token(&json!({ "claims": { "exp": -60 } }), world.now.wall.0);
    for (token, removed) in [(&*good, false), (&*ended, true), ("e30.e30.forged", true), ("", true)]
    {
        let authorization = format!("Basic {token}");
        let sent = if token.is_empty() { authorization } else { format!("Bearer {token}") };
        let verdict = world.ask("orders.example", "/me", &[("authorization", &sent)]);
        let Decision::Allow(permit) = verdict.decision else { panic!("{sent}: {verdict:?}") };
        assert_eq!(permit.removes(&policy, "authorization"), removed, "{sent}");
        for name in ["proxy-authorization", "x-proxy-token", "x_proxy.token"] {
            assert!(permit.removes(&policy, name), "{name}");
        }
    }
}
