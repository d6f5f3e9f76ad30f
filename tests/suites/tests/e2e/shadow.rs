//! Shadow mode: what would have been refused passes, marked, and nobody gains an identity by it.
use std::collections::BTreeMap;

use e2e::{
    Answer, NO_TOKEN, Shared, in_front_of_an_echo, insufficient_scope, invalid_request, invalid_token,
};
use serde_json::json;

use crate::support::{headers_of, subject};

static SHOP: Shared = Shared::made("shadow", |stack| {
    in_front_of_an_echo(stack).policy(|policy| {
        policy["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
        for row in policy["services"]["shop"]["routes"].as_array_mut().unwrap() {
            match row["match"].as_str().unwrap() {
                "POST /products" => row["mode"] = json!("enforce"),
                // a trial that has ended
                "GET /audit" => row["mode"] = json!({ "shadow": { "until": "2001-01-01" } }),
                _ => {}
            }
        }
    })
});

const IDENTITY: [&str; 4] = ["x-auth-subject", "x-auth-roles", "x-auth-issuer", "x-auth-principal"];

/// What the service got: marked with this reason.
#[track_caller]
fn marked(answer: Answer, reason: &str) -> BTreeMap<String, Vec<String>> {
    let headers = headers_of(&answer.is(200));
    assert_eq!(headers["x-portcullis-shadow"], [reason]);
    headers
}

#[test]
fn what_level_1_would_refuse_passes_marked_and_without_an_identity() {
    SHOP.visit(async |shop| {
        let idp = shop.stack.idp();
        let ended = idp.token("alice").expires_in(-60).sign().await.unwrap();
        let forged = idp.token("alice").signature(dev_idp::Signature::Stranger).sign().await.unwrap();
        let with_forged_identity =
            |path| IDENTITY.iter().fold(shop.get(path), |it, name| it.header(name, "root"));
        for (request, reason) in [
            (with_forged_identity("/orders"), "token-missing"),
            (with_forged_identity("/orders").token(&ended), "token-expired"),
            (with_forged_identity("/orders").token(&forged), "signature-invalid"),
            (with_forged_identity("/me").token("no-token"), "token-malformed"),
            (with_forged_identity("/nothing/here"), "token-missing"),
        ] {
            let headers = marked(request.send().await, reason);
            assert!(IDENTITY.iter().all(|name| !headers.contains_key(*name)), "{reason}: {headers:?}");
        }
    });
}

#[test]
fn what_level_2_would_refuse_passes_marked_with_the_verified_identity() {
    SHOP.visit(async |shop| {
        for (who, path, reason) in
            [("nora", "/orders", "role-missing"), ("alice", "/nothing/here", "route-undeclared")]
        {
            let headers = marked(shop.get(path).sent_as(who).send().await, reason);
            assert_eq!(headers["x-auth-subject"], [subject(who)]);
        }
    });
}

#[test]
fn what_passes_anyway_is_not_marked_and_a_client_cannot_mark_it() {
    SHOP.visit(async |shop| {
        let request = shop.get("/orders").sent_as("alice").header("x-portcullis-shadow", "role-missing");
        let headers = headers_of(&request.header("x_portcullis_shadow", "x").answers(200).await);
        assert!(headers.keys().all(|name| !name.contains("shadow")), "{headers:?}");
    });
}

#[test]
fn the_nearest_mode_wins_and_a_trial_ends() {
    SHOP.visit(async |shop| {
        shop.post("/products").sent_as("alice").is_stopped(insufficient_scope("role-missing")).await;
        shop.post("/products").is_stopped(NO_TOKEN).await;
        shop.get("/audit").sent_as("alice").is_stopped(insufficient_scope("role-missing")).await;
        shop.get("/audit").token("no-token").is_stopped(invalid_token("token-malformed")).await;
    });
}

#[test]
fn ambiguous_paths_and_duplicate_credentials_are_refused_all_the_same() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        let raw = |target: &str, more: &str| {
            shop.raw(format!(
                "GET {target} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{more}\r\n"
            ))
        };
        shop.unreached(raw("//orders", "")).await.is_problem(400, "path-ambiguous");
        let twice = shop.unreached(raw("/orders", &format!("Authorization: Bearer {token}\r\n"))).await;
        invalid_request("credentials-ambiguous").must_be(twice);
    });
}
