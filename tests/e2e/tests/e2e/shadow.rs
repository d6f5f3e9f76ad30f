//! Shadow mode: what would have been refused passes, marked, and nobody gains an identity by it.
use std::collections::BTreeMap;

use e2e::{
    Answer, NO_TOKEN, Shared, Shop, in_front_of_an_echo, insufficient_scope, invalid_request,
    invalid_token,
};
use reqwest::Method;
use serde_json::json;

use crate::support::{headers_of, payload, subject};

static SHOP: Shared = Shared::made("shadow", |stack| {
    in_front_of_an_echo(stack).log_levels("wasm:debug").policy(|policy| {
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
        let forged =
            idp.token("alice").signature(dev_idp::Signature::Stranger).sign().await.unwrap();
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
            assert!(
                IDENTITY.iter().all(|name| !headers.contains_key(*name)),
                "{reason}: {headers:?}"
            );
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

/// It would be good for every endpoint of its method, those included whose rows refuse this caller.
#[test]
fn an_endpoint_that_the_policy_did_not_decide_gets_no_assertion() {
    SHOP.visit(async |shop| {
        let declared = marked(shop.get("/orders").sent_as("nora").send().await, "role-missing");
        assert_eq!(payload(&declared["x-auth-principal"][0])["row"], "/orders");
        for (method, path) in [
            (Method::GET, "/nothing/here"),
            (Method::GET, "/orders/"),
            (Method::PATCH, "/orders"),
            (Method::OPTIONS, "/me"),
        ] {
            let answer = shop.ask(method, path).sent_as("nora").send().await;
            let headers = marked(answer, "route-undeclared");
            assert_eq!(headers["x-auth-subject"], [subject("nora")]);
            assert_eq!(headers.get("x-auth-principal"), None, "{path}: {headers:?}");
        }
    });
}

#[test]
fn what_passes_anyway_is_not_marked_and_a_client_cannot_mark_it() {
    SHOP.visit(async |shop| {
        let request =
            shop.get("/orders").sent_as("alice").header("x-portcullis-shadow", "role-missing");
        let headers = headers_of(&request.header("x_portcullis_shadow", "x").answers(200).await);
        assert!(headers.keys().all(|name| !name.contains("shadow")), "{headers:?}");
    });
}

#[test]
fn the_nearest_mode_wins_and_a_trial_ends() {
    SHOP.visit(async |shop| {
        shop.post("/products")
            .sent_as("alice")
            .is_stopped(insufficient_scope("role-missing"))
            .await;
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

/// The lines that the filter has logged about requests that were refused for this reason, or would
/// have been.
fn refusals(shop: &Shop, reason: &str) -> Vec<String> {
    let reason = format!("refused: reason={reason}");
    shop.stack
        .envoy()
        .process()
        .log()
        .lines()
        .into_iter()
        .filter(|line| line.contains(&reason))
        .collect()
}

/// How many decisions were counted of which the labels say this.
async fn counted(shop: &Shop, labels: &str) -> u64 {
    shop.stack.stats().await.unwrap().sum(&["portcullis.decisions;", labels])
}

#[test]
fn what_would_be_refused_is_logged_and_counted_as_if_it_were() {
    const KNOWN: &str = "(the path is known, the method is not)";
    const ROLE: &str = "decision=allow;reason=role-missing;mode=shadow";
    SHOP.visit(async |shop| {
        for (method, path, who, reason, row, known) in [
            (Method::GET, "/orders", "nora", "role-missing", "row=GET /orders;", false),
            (Method::PATCH, "/orders", "alice", "route-undeclared", "row=none;", true),
            (Method::GET, "/nothing", "alice", "route-undeclared", "row=none;", false),
        ] {
            let labels = format!("{row}decision=allow;reason={reason};mode=shadow");
            let (lines, count) = (refusals(shop, reason).len(), counted(shop, &labels).await);
            marked(shop.ask(method, path).sent_as(who).send().await, reason);
            let lines = refusals(shop, reason).split_off(lines);
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(
                lines[0].contains(" would be refused: ") && lines[0].contains(" service=shop "),
                "{lines:?}"
            );
            assert_eq!(lines[0].contains(KNOWN), known, "{path}: {lines:?}");
            assert_eq!(counted(shop, &labels).await, count + 1, "{labels}");
        }

        // a row that enforces is told as what it is, beside a trial too
        let (lines, count) = (refusals(shop, "role-missing").len(), counted(shop, ROLE).await);
        shop.post("/products")
            .sent_as("alice")
            .is_stopped(insufficient_scope("role-missing"))
            .await;
        let lines = refusals(shop, "role-missing").split_off(lines);
        assert!(lines.len() == 1 && !lines[0].contains("would be"), "{lines:?}");
        assert_eq!(counted(shop, ROLE).await, count);
        assert!(count > 0);

        // and what passes anyway is not told at all
        let all = refusals(shop, "").len();
        shop.get("/orders").sent_as("alice").answers(200).await;
        assert_eq!(refusals(shop, "").len(), all);
    });
}
