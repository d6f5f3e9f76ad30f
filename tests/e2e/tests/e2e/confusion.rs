//! 401 and 403 are never confused: who is not known is 401 with a challenge, who is known and may
//! not is 403, whatever else is wrong with the request.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use dev_idp::{Algorithm, Control, KeyKind, Mint, Signature};
use e2e::{
    NO_TOKEN, Refusal, Shared, Shop, insufficient_scope, invalid_request, invalid_token, serve,
};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

static SHOP: Shared = Shared::made("confusion", |stack| {
    stack.policy(|policy| {
        for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
            provider["algorithms"].as_array_mut().unwrap().push(json!("EdDSA"));
        }
    })
});

/// A token that is not good: how it is made of an honest one, and why it is refused.
struct Case {
    name: &'static str,
    token: fn(Mint<'_, Control>) -> Mint<'_, Control>,
    reason: &'static str,
}

const fn case(
    name: &'static str,
    token: fn(Mint<'_, Control>) -> Mint<'_, Control>,
    reason: &'static str,
) -> Case {
    Case { name, token, reason }
}

/// Every one is signed by the provider unless its name says otherwise.
const BAD_TOKENS: &[Case] = &[
    case("expired", |it| it.expires_in(-60), "token-expired"),
    case("not yet valid", |it| it.valid_in(120), "token-not-yet-valid"),
    case("issued in the future", |it| it.issued_in(120), "token-issued-in-future"),
    case("no end", |it| it.without("exp"), "claims-malformed"),
    case("an end that is a text", |it| it.claim("exp", "4102444800"), "claims-malformed"),
    case("wrong issuer", |it| it.claim("iss", "https://idp.example"), "issuer-unknown"),
    case("the issuer with a slash more", with_a_slash_more, "issuer-unknown"),
    case(
        "the issuer in a list",
        |it| it.claim("iss", json!(["https://idp.example"])),
        "claims-malformed",
    ),
    case("no issuer", |it| it.without("iss"), "claims-malformed"),
    case("wrong audience", |it| it.claim("aud", "billing-api"), "audience-mismatch"),
    case("no audience", |it| it.without("aud"), "audience-mismatch"),
    case("an audience that is a number", |it| it.claim("aud", 7), "claims-malformed"),
    case("no subject", |it| it.without("sub"), "subject-invalid"),
    case(
        "a subject with a line break",
        |it| it.claim("sub", "a\r\nx-auth-roles: admin"),
        "subject-invalid",
    ),
    case("an ID token", |it| it.claim("typ", "ID"), "claim-mismatch"),
    case("a logout token", |it| it.header("typ", "logout+jwt"), "type-not-accepted"),
    case("bound to a key", |it| it.claim("cnf", json!({ "jkt": "x" })), "binding-mismatch"),
    case(
        "an extension that is critical",
        |it| it.header("crit", json!(["x"])).header("x", 1),
        "critical-header",
    ),
    case("a payload that is not encoded", |it| it.header("b64", false), "critical-header"),
    case("another algorithm than the key's", |it| it.header("alg", "ES256"), "key-unsuitable"),
    case("alg none", |it| it.signature(Signature::None), "algorithm-not-accepted"),
    case(
        "HS256 by the public key",
        |it| it.signature(Signature::PublicKeyAsSecret),
        "algorithm-not-accepted",
    ),
    case("an algorithm not listed", |it| it.alg(Algorithm::PS256), "algorithm-not-accepted"),
    case("changed payload", |it| it.signature(Signature::ChangedPayload), "signature-invalid"),
    case("changed signature", |it| it.signature(Signature::ChangedSignature), "signature-invalid"),
    case("a stranger's key", |it| it.signature(Signature::Stranger), "signature-invalid"),
    case("a claim twice", |it| it.raw_payload(r#"{"sub":"a","sub":"b"}"#), "claims-malformed"),
    case("a payload that is a list", |it| it.raw_payload("[]"), "claims-malformed"),
    case("a payload that is no JSON", |it| it.raw_payload("hello"), "claims-malformed"),
    case("a header that is no JSON", |it| it.raw_header("hello"), "header-malformed"),
];

fn with_a_slash_more(mint: Mint<'_, Control>) -> Mint<'_, Control> {
    mint.claim("iss", "http://127.0.0.1/")
}

/// Endpoints of every kind of row, those that Alice may call and those that she may not.
const ENDPOINTS: [(&str, &str); 5] = [
    ("GET", "/orders"),
    ("GET", "/me"),
    ("GET", "/products"),
    ("POST", "/products"),
    ("GET", "/nothing/here"),
];

/// CVE-2026-32597 (`PyJWT`), CVE-2026-35042 (fast-jwt), CVE-2026-48526 (`PyJWT`), CVE-2026-25537
/// (jsonwebtoken) are among them; the full products are the engine's tests.
#[test]
fn a_bad_token_is_401_with_its_reason_on_every_kind_of_row() {
    SHOP.visit(async |shop| {
        for case in BAD_TOKENS {
            let token = (case.token)(shop.stack.idp().token("alice")).sign().await.unwrap();
            for (method, path) in ENDPOINTS {
                let request =
                    shop.ask(method.parse().unwrap(), path).named(case.name).token(&token);
                request.is_stopped(invalid_token(case.reason)).await;
            }
        }
    });
}

/// CVE-2022-21449: who does not look whether r and s are numbers below the group's order and above
/// zero lets everybody pass (FIPS 186-5 6.4.2). The host does look, and is not taken for broken by
/// who asks it that.
#[test]
fn an_ecdsa_signature_of_numbers_that_none_has_is_401_and_no_fault_of_the_host() {
    SHOP.visit(async |shop| {
        let count = async |name: &str| shop.stack.stats().await.unwrap().sum(&[name]);
        let honest = shop.stack.idp().token("alice").alg(Algorithm::ES256).sign().await.unwrap();
        shop.get("/me").token(&honest).answers(200).await;
        let (signed, signature) = honest.rsplit_once('.').unwrap();
        let signature = BASE64URL.decode(signature).unwrap();
        let (r, s) = signature.split_at(32);
        let (zero, large) = (&[0; 32][..], &[0xff; 32][..]);
        let before = count("portcullis.cache;outcome=miss").await;
        for numbers in [[zero, zero], [zero, s], [r, zero], [large, s], [r, large], [large, large]]
        {
            let token = format!("{signed}.{}", BASE64URL.encode(numbers.concat()));
            let ask = shop.get("/me").named(format!("{numbers:x?}")).token(&token);
            ask.is_stopped(invalid_token("signature-invalid")).await;
        }
        // both are told at the same tick
        let told =
            async || (count("portcullis.cache;outcome=miss").await >= before + 6).then_some(());
        harness::process::eventually("the misses", crate::keys::PATIENCE, told).await.unwrap();
        assert_eq!(count("portcullis.host_crypto_failures").await, 0);
    });
}

/// RFC 7515 4.1.2 to 4.1.5 let a token bring its key, or say where it is. Whoever heeds that lets
/// everybody pass (RFC 8725 3.10).
#[test]
fn a_strangers_token_that_brings_its_own_key_is_401_and_nothing_is_fetched_for_it() {
    SHOP.visit(async |shop| {
        let key = SigningKey::from_bytes(&[7; 32]);
        let x = BASE64URL.encode(key.verifying_key().as_bytes());
        let keys = shop.stack.idp().keys().await.unwrap();
        let kid = &keys.iter().find(|key| key.kind == KeyKind::Ed25519 && key.current).unwrap().kid;
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": "EdDSA", "x": x });

        let asked = Arc::new(AtomicUsize::new(0));
        let (set, count) = (json!({ "keys": [jwk] }), Arc::clone(&asked));
        let place = serve(Router::new().fallback(move || {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Json(set.clone()))
        }));
        let url = format!("http://127.0.0.1:{place}/jwks");
        harness::http::client(false).unwrap().get(&url).send().await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1, "it would be counted");

        let honest = shop.stack.idp().token("alice").alg(Algorithm::EdDSA).sign().await.unwrap();
        shop.get("/me").token(&honest).answers(200).await;
        let payload = honest.split('.').nth(1).unwrap();
        for (name, value) in [
            ("jku", json!(url)),
            ("x5u", json!(url)),
            ("jwk", jwk.clone()),
            ("x5c", json!([BASE64URL.encode(key.verifying_key().as_bytes())])),
        ] {
            // without an id, the provider's one key that fits is tried
            for kid in [json!({ "kid": kid }), json!({})] {
                let mut header = json!({ "alg": "EdDSA", "typ": "JWT", name: value });
                header.as_object_mut().unwrap().extend(kid.as_object().unwrap().clone());
                let token = signed(&key, &header, payload);
                let ask = shop.get("/me").named(name).token(&token);
                ask.is_stopped(invalid_token("signature-invalid")).await;
            }
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1, "nobody asked where the token pointed");
    });
}

fn signed(key: &SigningKey, header: &Value, payload: &str) -> String {
    let signed = format!("{}.{payload}", BASE64URL.encode(header.to_string()));
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", BASE64URL.encode(signature))
}

#[test]
fn a_token_that_is_cut_is_401() {
    SHOP.visit(async |shop| {
        let whole = shop.token("alice").await;
        let (signed, signature) = whole.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        for (name, token, reason) in [
            ("no signature part", signed.to_owned(), "token-malformed"),
            ("an empty signature", format!("{signed}."), "signature-invalid"),
            (
                "half a signature",
                format!("{signed}.{}", &signature[..signature.len() / 8 * 4]),
                "signature-invalid",
            ),
            ("no payload", format!("{header}..{signature}"), "claims-malformed"),
            ("a part more", format!("{whole}.{payload}"), "token-malformed"),
            ("padding", format!("{whole}="), "token-malformed"),
        ] {
            shop.get("/me").named(name).token(&token).is_stopped(invalid_token(reason)).await;
        }
    });
}

#[test]
fn no_token_is_401_with_a_challenge_that_names_no_error() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        for (method, path) in ENDPOINTS {
            let request = || shop.ask(method.parse().unwrap(), path);
            if path == "/products" && method == "GET" {
                request().answers(200).await;
                continue;
            }
            request().is_stopped(NO_TOKEN).await;
            request().header("authorization", "Basic YWxpY2U6YWxpY2U=").is_stopped(NO_TOKEN).await;
            request().header("cookie", format!("token={token}")).is_stopped(NO_TOKEN).await;
            let in_the_query = format!("{path}?access_token={token}");
            shop.ask(method.parse().unwrap(), &in_the_query).is_stopped(NO_TOKEN).await;
        }
    });
}

#[test]
fn more_than_one_credential_is_400() {
    SHOP.visit(async |shop| {
        let bearer = format!("Bearer {}", shop.token("alice").await);
        let twice = invalid_request("credentials-ambiguous");
        shop.get("/me")
            .header("authorization", &bearer)
            .header("authorization", &bearer)
            .is_stopped(twice)
            .await;
        shop.get("/me")
            .header("authorization", format!("{bearer}, {bearer}"))
            .is_stopped(twice)
            .await;
        shop.get("/products")
            .header("authorization", &bearer)
            .token("other")
            .is_stopped(twice)
            .await;
    });
}

/// Who is known, and may not.
const FORBIDDEN: &[(&str, &str, &str, Refusal)] = &[
    ("nora", "GET", "/orders", insufficient_scope("role-missing")),
    ("nora", "POST", "/orders", insufficient_scope("role-missing")),
    ("sam", "POST", "/orders", insufficient_scope("role-missing")),
    ("ada", "POST", "/orders", insufficient_scope("role-missing")),
    ("alice", "POST", "/products", insufficient_scope("role-missing")),
    ("reporting", "GET", "/orders", insufficient_scope("role-missing")),
    ("alice", "GET", "/nothing/here", insufficient_scope("route-undeclared")),
    ("ada", "GET", "/metrics", insufficient_scope("route-undeclared")),
    ("alice", "GET", "/orders/", insufficient_scope("route-undeclared")),
    ("alice", "DELETE", "/orders", insufficient_scope("route-undeclared")),
    ("ada", "PATCH", "/orders/1", insufficient_scope("route-undeclared")),
    ("alice", "get", "/orders", insufficient_scope("route-undeclared")),
];

#[test]
fn a_good_token_that_does_not_open_the_endpoint_is_403_and_without_it_the_same_request_is_401() {
    SHOP.visit(async |shop| {
        for &(who, method, path, refusal) in FORBIDDEN {
            // over HTTP/1.1 Envoy itself refuses a method that it does not know
            let request = || shop.ask(method.parse().unwrap(), path).named(who).h2();
            request().sent_as(who).is_stopped(refusal).await;
            request().is_stopped(NO_TOKEN).await;
            let ended = shop.stack.idp().token(who).expires_in(-60).sign().await.unwrap();
            request().token(&ended).is_stopped(invalid_token("token-expired")).await;
        }
    });
}

#[test]
fn what_is_anothers_is_403_from_the_service_and_with_a_bad_token_401_from_the_gateway() {
    SHOP.visit(async |shop| {
        let order = format!("/orders/{}", shop.order_of("alice").await);
        shop.get(&order).sent_as("bob").is_denied(403, "no-right").await;
        shop.get(&order).is_stopped(NO_TOKEN).await;
        let ended = shop.stack.idp().token("alice").expires_in(-60).sign().await.unwrap();
        shop.get(&order).token(&ended).is_stopped(invalid_token("token-expired")).await;
    });
}

#[test]
fn the_honest_token_that_the_bad_ones_are_made_of_is_good() {
    SHOP.visit(async |shop: &mut Shop| {
        let token = shop.stack.idp().token("alice").sign().await.unwrap();
        shop.get("/me").token(&token).answers(200).await;
        let scheme_in_any_case = format!("bEARER {token}");
        shop.get("/me").header("authorization", scheme_in_any_case).answers(200).await;
    });
}
