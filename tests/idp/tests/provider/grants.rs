//! The token endpoint: what each grant gives, and every error of RFC 6749 5.2.
use crate::support::{provider, verified};
use dev_idp::DevIdp;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

const ALICE: &str = "grant_type=password&client_id=shop-web&username=alice&password=alice-demo";
const REPORTING: &str =
    "grant_type=client_credentials&client_id=reporting&client_secret=reporting-demo";

fn post(idp: &DevIdp, form: &str) -> RequestBuilder {
    let request = reqwest::Client::new().post(idp.ready().token_endpoint).body(form.to_owned());
    request.header("content-type", "application/x-www-form-urlencoded")
}

async fn send(request: RequestBuilder) -> (Response, Value) {
    let mut response = request.send().await.unwrap();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        body.extend(chunk);
    }
    (response, serde_json::from_slice(&body).unwrap())
}

/// The claims of the token that `form` brings, verified with the published keys.
async fn granted(idp: &DevIdp, form: &str) -> Value {
    let (response, body) = send(post(idp, form)).await;
    assert_eq!(response.status(), 200, "{form}: {body}");
    let token = body["access_token"].as_str().unwrap();
    verified(&idp.jwks_uri(), token).await.expect("a published key verifies it")
}

#[tokio::test]
async fn a_password_brings_an_access_token_as_keycloaks() {
    let idp = provider().await;
    let (response, body) = send(post(&idp, ALICE)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["pragma"], "no-cache");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["scope"], "openid profile email");

    let token = body["access_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.typ.as_deref(), header.alg), (Some("JWT"), dev_idp::Algorithm::RS256));
    let claims = verified(&idp.jwks_uri(), token).await.unwrap();
    let alice = dev_idp::users().iter().find(|user| user.name == "alice").unwrap();
    for (claim, expected) in [
        ("iss", json!(idp.issuer())),
        ("sub", json!(alice.sub)),
        ("aud", json!("orders-api")),
        ("typ", json!("Bearer")),
        ("azp", json!("shop-web")),
        ("scope", json!("openid profile email")),
        ("realm_access", json!({ "roles": ["customer"] })),
        ("preferred_username", json!("alice")),
    ] {
        assert_eq!(claims[claim], expected, "{claim}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert_ne!(claims["jti"], granted(&idp, ALICE).await["jti"], "each token has its id");
}

#[tokio::test]
async fn every_user_can_log_in() {
    let idp = provider().await;
    for user in dev_idp::users() {
        let form = format!(
            "grant_type=password&client_id=shop-web&username={}&password={}",
            user.name, user.password
        );
        let claims = granted(&idp, &form).await;
        assert_eq!(
            (&claims["sub"], &claims["realm_access"]["roles"]),
            (&json!(user.sub), &json!(user.roles))
        );
    }
}

#[tokio::test]
async fn client_credentials_bring_the_token_of_the_service_itself() {
    let idp = provider().await;
    let claims = granted(&idp, REPORTING).await;
    assert_eq!(
        (&claims["azp"], &claims["preferred_username"]),
        (&json!("reporting"), &json!("reporting"))
    );
    assert_eq!(claims["realm_access"]["roles"], json!(["reporting"]));
    assert_eq!(claims["scope"], "orders:read");

    let basic =
        post(&idp, "grant_type=client_credentials").basic_auth("reporting", Some("reporting-demo"));
    let (response, body) = send(basic).await;
    assert_eq!(response.status(), 200, "{body}");
}

#[tokio::test]
async fn the_algorithm_the_lifetime_and_the_scope_can_be_asked_for() {
    let idp = provider().await;
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        let claims = granted(&idp, &format!("{ALICE}&alg={alg}&lifetime=10&scope=profile")).await;
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 10, "{alg}");
        assert_eq!(claims["scope"], "profile");
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_rfc_6749_error() {
    let idp = provider().await;
    for (form, status, error) in [
        ("", 400, "invalid_request"),
        ("client_id=shop-web", 400, "invalid_request"),
        ("grant_type=&client_id=shop-web", 400, "invalid_request"),
        ("grant_type=password&client_id=shop-web&username=alice", 400, "invalid_request"),
        ("grant_type=password&client_id=shop-web&password=alice-demo", 400, "invalid_request"),
        (&format!("{ALICE}&username=bob"), 400, "invalid_request"),
        (&format!("{ALICE}&alg=HS256"), 400, "invalid_request"),
        (&format!("{ALICE}&alg=none"), 400, "invalid_request"),
        (&format!("{ALICE}&lifetime=0"), 400, "invalid_request"),
        (&format!("{ALICE}&lifetime=86401"), 400, "invalid_request"),
        (&format!("{ALICE}&lifetime=soon"), 400, "invalid_request"),
        ("grant_type=password&username=alice&password=alice-demo", 401, "invalid_client"),
        (
            "grant_type=password&client_id=nobody&username=alice&password=alice-demo",
            401,
            "invalid_client",
        ),
        (&format!("{ALICE}&client_secret=guess"), 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=reporting", 401, "invalid_client"),
        (&REPORTING.replace("reporting-demo", "wrong"), 401, "invalid_client"),
        (&ALICE.replace("alice-demo", "wrong"), 400, "invalid_grant"),
        (&ALICE.replace("=alice&", "=mallory&"), 400, "invalid_grant"),
        ("grant_type=client_credentials&client_id=shop-web", 400, "unauthorized_client"),
        (
            "grant_type=password&client_id=reporting&client_secret=reporting-demo&username=alice&password=alice-demo",
            400,
            "unauthorized_client",
        ),
        ("grant_type=implicit&client_id=shop-web", 400, "unsupported_grant_type"),
        (&format!("{ALICE}&scope=orders:read"), 400, "invalid_scope"),
    ] {
        let (response, body) = send(post(&idp, form)).await;
        assert_eq!((response.status().as_u16(), &body["error"]), (status, &json!(error)), "{form}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{form}");
        assert_eq!(response.headers().contains_key("www-authenticate"), status == 401, "{form}");
        assert!(body.get("access_token").is_none(), "{form}");
    }
}

#[tokio::test]
async fn a_client_authenticates_in_one_way_only() {
    let idp = provider().await;
    let both = post(&idp, REPORTING).basic_auth("reporting", Some("reporting-demo"));
    assert_eq!(send(both).await.1["error"], "invalid_request");
    let bearer = post(&idp, "grant_type=client_credentials").bearer_auth("reporting-demo");
    assert_eq!(send(bearer).await.1["error"], "invalid_client");
}

#[tokio::test]
async fn a_body_of_another_type_and_another_method_are_refused() {
    let idp = provider().await;
    let json = reqwest::Client::new()
        .post(idp.ready().token_endpoint)
        .json(&json!({ "grant_type": "password" }));
    assert_eq!(send(json).await.1["error"], "invalid_request");
    assert_eq!(reqwest::get(idp.ready().token_endpoint).await.unwrap().status(), 405);
}
