//! The extractor, driven through a router as a service has it.
#![cfg(feature = "axum")]

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{any, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use portcullis_principal::{Assertion, AssertionError, AssertionVerifier, Principal, SigningKey};
use serde_json::Value;
use tower::ServiceExt as _;

fn key() -> SigningKey {
    SigningKey::from_seed_base64url(&BASE64URL.encode([7; 32])).unwrap()
}

fn app() -> Router {
    let verifier =
        AssertionVerifier::from_jwks(&key().public_jwks().to_string(), "portcullis", "shop")
            .unwrap();
    let who = async |principal: Principal| principal.subject().to_owned();
    let anybody = async |principal: Option<Principal>| {
        principal.map_or("nobody".into(), |p| p.subject().to_owned())
    };
    Router::new()
        .route("/orders/{id}", get(who))
        .route("/products", get(anybody))
        .nest("/v2", Router::new().route("/orders/{id}", get(who)))
        .fallback(any(who))
        .with_state(verifier)
}

fn assertion(method: &str, row: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let assertion = Assertion {
        issuer: "portcullis",
        audience: "shop",
        issued_at: now,
        expires_at: now + 60,
        subject: "alice",
        subject_issuer: "https://idp.example",
        roles: &[],
        token_id: None,
        method,
        row,
    };
    assertion.mint(&key()).unwrap()
}

async fn send(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, axum::http::HeaderMap, String, Option<AssertionError>) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, 4096).await.unwrap().to_vec()).unwrap();
    (parts.status, parts.headers, body, parts.extensions.get().copied())
}

#[tokio::test]
async fn the_gateways_assertion_is_the_principal_of_its_own_endpoint_and_method_only() {
    let read = assertion("GET", "/orders/{order_id}");
    for (method, path, expected) in [
        ("GET", "/orders/1", StatusCode::OK),
        ("HEAD", "/orders/1", StatusCode::UNAUTHORIZED),
        ("GET", "/v2/orders/1", StatusCode::UNAUTHORIZED),
        ("GET", "/products", StatusCode::UNAUTHORIZED),
        ("GET", "/elsewhere", StatusCode::UNAUTHORIZED),
    ] {
        let (status, ..) = send(method, path, &[("x-auth-principal", &read)]).await;
        assert_eq!(status, expected, "{method} {path}");
    }
    let head = assertion("HEAD", "/orders/{order_id}");
    assert_eq!(send("HEAD", "/orders/1", &[("x-auth-principal", &head)]).await.0, StatusCode::OK);
    let nested = assertion("GET", "/v2/orders/{order_id}");
    assert_eq!(
        send("GET", "/v2/orders/1", &[("x-auth-principal", &nested)]).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn nobody_is_challenged_without_an_error_and_a_bad_assertion_with_one_and_no_details() {
    for (headers, reason, challenge, error) in [
        (vec![], "assertion-missing", "Bearer realm=\"shop\"", AssertionError::Missing),
        (
            vec![("x-auth-principal", "a.b.c")],
            "assertion-invalid",
            "Bearer realm=\"shop\", error=\"invalid_token\"",
            AssertionError::Malformed,
        ),
    ] {
        let (status, answer, body, logged) = send("GET", "/orders/1", &headers).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer["www-authenticate"], challenge);
        assert_eq!(answer["content-type"], "application/problem+json");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["status"], &body["reason"]), (&401.into(), &reason.into()));
        assert_eq!(body.as_object().unwrap().len(), 4, "nothing else is told");
        assert_eq!(logged, Some(error));
    }
}

#[tokio::test]
async fn a_refusal_carries_the_request_id_if_it_is_well_formed_and_no_other_text() {
    let refused = async |ids: &[&str]| -> Value {
        let headers: Vec<_> = ids.iter().map(|id| ("x-request-id", *id)).collect();
        serde_json::from_str(&send("GET", "/orders/1", &headers).await.2).unwrap()
    };
    for id in ["0af76519-16cd-43dd-8448-eb211c80319c", "Root=1-a_B.9", &"x".repeat(128)] {
        assert_eq!(refused(&[id]).await["request_id"], id);
    }
    for ids in [
        &[""][..],
        &["a b"],
        &["<b>"],
        &["a\"b"],
        &["a,b"],
        &["\u{e4}"],
        &["a", "a"],
        &[&"x".repeat(129)],
    ] {
        assert!(refused(ids).await.get("request_id").is_none(), "{ids:?}");
    }
}

#[tokio::test]
async fn forged_plain_headers_mean_nothing() {
    let forged = [
        ("x-auth-subject", "alice"),
        ("x-auth-roles", "admin"),
        ("x-auth-issuer", "https://idp.example"),
    ];
    assert_eq!(send("GET", "/orders/1", &forged).await.3, Some(AssertionError::Missing));
    let (status, _, body, _) = send("GET", "/products", &forged).await;
    assert_eq!((status, &*body), (StatusCode::OK, "nobody"));
}

#[tokio::test]
async fn two_assertions_are_refused_even_if_both_are_good() {
    let read = assertion("GET", "/orders/{order_id}");
    let twice = [("x-auth-principal", &*read), ("x-auth-principal", &*read)];
    assert_eq!(send("GET", "/orders/1", &twice).await.3, Some(AssertionError::Several));
}

#[tokio::test]
async fn a_public_handler_serves_nobody_and_refuses_a_bad_assertion() {
    let read = assertion("GET", "/products");
    for (sent, expected) in [
        (None, Ok("nobody")),
        (Some(&*read), Ok("alice")),
        (Some("a.b.c"), Err(AssertionError::Malformed)),
    ] {
        let headers: Vec<_> =
            sent.map(|assertion| ("x-auth-principal", assertion)).into_iter().collect();
        let (status, _, body, error) = send("GET", "/products", &headers).await;
        match expected {
            Ok(who) => assert_eq!((status, &*body), (StatusCode::OK, who)),
            Err(why) => assert_eq!((status, error), (StatusCode::UNAUTHORIZED, Some(why))),
        }
    }
}

/// The gateway makes an assertion only for an endpoint that its policy has a row for.
#[tokio::test]
async fn what_the_gateway_did_not_decide_is_nobodys_and_no_assertion_of_another_row_opens_it() {
    // in shadow mode an undeclared path passes with the plain headers alone
    let plain = [("x-auth-subject", "alice"), ("x-auth-roles", "customer")];
    for (path, expected) in [
        ("/products", Ok("nobody")),
        ("/orders/1", Err(AssertionError::Missing)),
        ("/v2/orders/1", Err(AssertionError::Missing)),
        ("/elsewhere", Err(AssertionError::Missing)),
    ] {
        let (status, _, body, error) = send("GET", path, &plain).await;
        match expected {
            Ok(who) => assert_eq!((status, &*body), (StatusCode::OK, who)),
            Err(why) => {
                assert_eq!((status, error), (StatusCode::UNAUTHORIZED, Some(why)), "{path}");
            }
        }
    }
    // every assertion is bound to a row, and a row of what is left covers no route beside its
    // prefix
    for row in ["/v2/{*rest}", "/orders/{id}/{*rest}", "/products/{id}", "/v2/orders/export"] {
        let assertion = assertion("GET", row);
        let (status, _, _, error) =
            send("GET", "/orders/1", &[("x-auth-principal", &assertion)]).await;
        assert_eq!(
            (status, error),
            (StatusCode::UNAUTHORIZED, Some(AssertionError::WrongRow)),
            "{row}"
        );
    }
}
