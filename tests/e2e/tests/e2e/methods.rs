//! Methods are compared exactly (RFC 9110 9.1), over HTTP/2 too, where Envoy passes any; `HEAD`
//! uses the row of `GET` unless it has its own; a method that a known path does not list is
//! refused, and the log says that the path is known.
use e2e::{
    NO_TOKEN, RawH2Reply, Refusal, Shared, Shop, in_front_of_an_echo, insufficient_scope, raw_h2,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{fields, payload};

static SHOP: Shared = Shared::made("methods", |stack| {
    in_front_of_an_echo(stack).provider("browsers").log_levels("wasm:debug").policy(|policy| {
        let cookie =
            json!({ "cookie": { "name": "__Host-token", "origins": ["https://shop.example"] } });
        policy["providers"]["browsers"]["token_source"] = cookie;
        let rows = policy["services"]["shop"]["routes"].as_array_mut().unwrap();
        rows.push(json!({ "match": "GET /heads", "roles": ["customer"] }));
        rows.push(json!({ "match": "HEAD /heads", "roles": ["admin"] }));
        rows.push(json!({ "match": "OPTIONS /options", "public": true }));
        rows.push(json!({ "match": "PROPFIND /files/{*rest}", "roles": ["customer"] }));
        rows.push(json!({ "match": "QUERY /searches", "roles": ["customer"] }));
        rows.push(json!({ "match": "QUERY /both", "roles": ["admin"] }));
        rows.push(json!({ "match": "GET /both", "roles": ["customer"] }));
    })
});

const ANOTHER_ORIGIN: Refusal =
    Refusal { status: 403, reason: "origin-not-allowed", challenge: None, retry_after: false };

/// What the body of an answer says, over HTTP/2; null where Envoy itself refused the request.
async fn over_h2(shop: &Shop, method: &str, path: &str, token: Option<&str>) -> Value {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut sent: Vec<(&str, &[u8])> = vec![
        (":method", method.as_bytes()),
        (":scheme", b"http"),
        (":authority", b"shop"),
        (":path", path.as_bytes()),
    ];
    sent.extend(bearer.as_deref().map(|bearer| ("authorization", bearer.as_bytes())));
    match raw_h2(shop.stack.envoy().port(), &sent).await {
        RawH2Reply::Answer(body) => serde_json::from_str(&body).unwrap_or_default(),
        RawH2Reply::Reset => Value::Null,
    }
}

/// GHSA-w44g-8m76-8gc5: a method in other letters is another method, and never the one of the row.
#[test]
fn a_method_in_other_letters_is_another_method() {
    SHOP.visit(async |shop| {
        let alice = shop.token("alice").await;
        for (method, path) in [
            ("get", "/orders"),
            ("Get", "/orders"),
            ("gET", "/products"),
            ("post", "/orders"),
            ("POST ", "/orders"),
            (" GET", "/orders"),
            ("GET\0", "/orders"),
            ("head", "/orders"),
            ("options", "/options"),
            ("propfind", "/files/a"),
            ("connect", "/orders"),
            ("trace", "/orders"),
            ("G\u{ca}T", "/orders"),
            ("*", "/orders"),
        ] {
            for (token, reason) in [(None, "token-missing"), (Some(&*alice), "route-undeclared")] {
                let refused = shop.unreached(over_h2(shop, method, path, token)).await;
                assert!(
                    refused.is_null() || refused["reason"] == reason,
                    "{method:?} {path}: {refused}"
                );
            }
        }
        // what Envoy passes, the service gets, if it has a row
        let echo = over_h2(shop, "PROPFIND", "/files/a", Some(&alice)).await;
        assert_eq!(echo["method"], "PROPFIND", "{echo}");
        assert_eq!(over_h2(shop, "OPTIONS", "/options", None).await["method"], "OPTIONS");
    });
}

#[test]
fn a_head_uses_the_row_of_get_unless_it_has_its_own() {
    SHOP.visit(async |shop| {
        for h2 in [false, true] {
            let ask = |method: Method, path| {
                if h2 { shop.ask(method, path).h2() } else { shop.ask(method, path) }
            };
            for (path, who) in
                [("/orders", "alice"), ("/orders/7", "alice"), ("/audit", "ada"), ("/heads", "ada")]
            {
                let passed = shop.requests_passed().await;
                let answer = ask(Method::HEAD, path).sent_as(who).answers(200).await;
                assert_eq!((answer.text.as_str(), shop.requests_passed().await), ("", passed + 1));
            }
            ask(Method::HEAD, "/products").answers(200).await;
            for (path, who, reason) in [
                ("/orders", "nora", "role-missing"),
                ("/audit", "alice", "role-missing"),
                // its own row decides alone, though the row of GET would let her pass
                ("/heads", "alice", "role-missing"),
                // no row of GET
                ("/delegations/7/x", "alice", "route-undeclared"),
                ("/orders/7/shipment", "ada", "route-undeclared"),
            ] {
                let answer =
                    shop.unreached(ask(Method::HEAD, path).sent_as(who).send()).await.is(403);
                let challenge = insufficient_scope(reason).challenge;
                assert_eq!(answer.header("www-authenticate"), challenge, "{answer}");
            }
            shop.unreached(ask(Method::HEAD, "/orders").send()).await.is(401);
            ask(Method::GET, "/heads").sent_as("alice").answers(200).await;
            ask(Method::GET, "/heads")
                .sent_as("ada")
                .is_stopped(insufficient_scope("role-missing"))
                .await;
        }
    });
}

/// Envoy 1.40 passes QUERY (RFC 10008), over HTTP/2: it is safe as GET is, but has a body and is
/// another method.
#[test]
fn a_query_is_decided_by_its_own_row_and_not_by_that_of_get() {
    SHOP.visit(async |shop| {
        let ask = |method: &'static str, path| shop.ask(method.parse().unwrap(), path).h2();
        // without a content type, Envoy itself answers 400
        let query = |path| ask("QUERY", path).json(json!("tea"));
        let echo = query("/searches").sent_as("alice").answers(200).await;
        assert_eq!(
            (&echo.body["method"], &echo.body["body"]),
            (&json!("QUERY"), &json!("\"tea\""))
        );
        let (undeclared, role) =
            (insufficient_scope("route-undeclared"), insufficient_scope("role-missing"));
        query("/orders").sent_as("alice").is_stopped(undeclared).await;
        ask("GET", "/searches").sent_as("alice").is_stopped(undeclared).await;
        shop.unreached(ask("HEAD", "/searches").sent_as("alice").send()).await.is(403);
        query("/both").sent_as("alice").is_stopped(role).await;
        ask("GET", "/both").sent_as("alice").answers(200).await;
        query("/searches").sent_as("nora").is_stopped(role).await;
        query("/searches").is_stopped(NO_TOKEN).await;
    });
}

/// A QUERY (RFC 10008) has a body that a service may treat as that of a POST, and browsers send its
/// origin.
#[test]
fn a_query_with_a_cookie_comes_from_a_listed_origin() {
    SHOP.visit(async |shop| {
        let cookie = format!("__Host-token={}", shop.token("alice@browsers").await);
        let ask = |method: &'static str, path| {
            shop.ask(method.parse().unwrap(), path).h2().header("cookie", &cookie)
        };
        let query = || ask("QUERY", "/searches").json(json!("tea"));
        query().is_stopped(ANOTHER_ORIGIN).await;
        for origin in ["https://evil.example", "null", "https://shop.example.evil.example"] {
            query().header("origin", origin).is_stopped(ANOTHER_ORIGIN).await;
        }
        query().header("origin", "https://shop.example").answers(200).await;
        ask("GET", "/both").answers(200).await;
    });
}

#[test]
fn the_assertion_says_the_method_as_it_was_sent() {
    SHOP.visit(async |shop| {
        let alice = shop.token("alice").await;
        for (method, path, row) in
            [("GET", "/orders/7", "/orders/{order_id}"), ("PROPFIND", "/files/a", "/files/{*rest}")]
        {
            let echo = over_h2(shop, method, path, Some(&alice)).await;
            let claims = payload(&fields(&echo["headers"])["x-auth-principal"][0]);
            assert_eq!((&claims["htm"], &claims["row"]), (&json!(method), &json!(row)));
        }
    });
}

/// The lines that the filter has logged about refusals for this reason.
fn refusals(shop: &Shop, reason: &str) -> Vec<String> {
    let reason = format!("refused: reason={reason} ");
    shop.stack
        .envoy()
        .process()
        .log()
        .lines()
        .into_iter()
        .filter(|line| line.contains(&reason))
        .collect()
}

#[test]
fn the_log_says_that_the_path_is_known_and_the_client_is_told_nothing() {
    SHOP.visit(async |shop| {
        let mut told = Vec::new();
        for (path, known) in
            [("/orders", true), ("/orders/7", true), ("/nothing", false), ("/orders/", false)]
        {
            let before = refusals(shop, "route-undeclared").len();
            let patch = || shop.ask(Method::PATCH, path);
            let refused =
                patch().sent_as("alice").is_stopped(insufficient_scope("route-undeclared")).await;
            let mut body = refused.body;
            body.as_object_mut().unwrap().remove("request_id");
            told.push(body);
            let lines = refusals(shop, "route-undeclared").split_off(before);
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert_eq!(
                lines[0].contains("the path is known, the method is not"),
                known,
                "{path}: {}",
                lines[0]
            );
            patch().is_stopped(NO_TOKEN).await;
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
    });
}
