//! Explanations agree with the decisions that they explain.

use std::rc::Rc;

use ed25519_dalek::Signer as _;
use serde_json::{Value, json};

use super::*;
use crate::authn::bearer::Headers;
use crate::authn::signature::RUST_CRYPTO;
use crate::decide::Gate;
use crate::reply::Level;
use crate::time::{Steady, UnixTime};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

const NOW: Now = Now { wall: UnixTime(1_000_000), steady: Steady(0) };

fn key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[7; 32])
}

fn policy(mode: &Value) -> Policy {
    let x = BASE64URL.encode(key().verifying_key().as_bytes());
    let document = json!({
        "providers": { "idp": {
            "issuer": "https://idp.example",
            "audiences": ["orders-api"],
            "jwks": { "inline": { "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "1" }] } },
            "algorithms": ["EdDSA"],
            "roles": [{ "path": ["roles"] }],
        }, "far": {
            "issuer": "https://far.example",
            "audiences": ["orders-api"],
            "jwks": { "uri": "https://far.example/certs", "cluster": "far" },
            "algorithms": ["RS256"],
        } },
        "services": { "shop": { "hosts": ["shop.example"], "mode": mode, "routes": [
            { "match": "GET /orders/{order_id}", "roles": ["customer", "admin"] },
            { "match": "POST /refunds", "roles": ["finance"], "all_roles": ["senior"] },
            { "match": "GET /products", "public": true },
            { "match": "GET /me", "authenticated": true },
        ] } },
    });
    Policy::from_json(document.to_string().as_bytes()).unwrap()
}

/// A token with those roles, or one that is no good.
fn token(issuer: &str, roles: &[&str], expires: u64) -> String {
    let algorithm = if issuer == "https://idp.example" { "EdDSA" } else { "RS256" };
    let header = json!({ "alg": algorithm, "typ": "JWT", "kid": "1" });
    let claims =
        json!({ "iss": issuer, "sub": "alice", "aud": "orders-api", "exp": expires, "roles": roles });
    let signed = [header, claims].map(|part| BASE64URL.encode(part.to_string())).join(".");
    let signature = BASE64URL.encode(key().sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

fn explained(policy: Policy, line: &str, token: Option<&str>) -> Explanation {
    let (method, path) = line.split_once(' ').unwrap();
    let mut headers = vec![
        (":method".to_owned(), method.into()),
        (":path".to_owned(), path.into()),
        (":authority".to_owned(), "shop.example".into()),
        ("x-auth-subject".to_owned(), "mallory".into()),
    ];
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}").into_bytes())));
    let request = Request::new(Headers(&headers));
    let policy = Rc::new(policy);
    let mut gate = Gate::new(Rc::clone(&policy), RUST_CRYPTO);
    let verdict = gate.decide(&request, &(), NOW);
    let key = SigningKey::from_seed_base64url(&BASE64URL.encode([9; 32])).unwrap();
    let explanation = explain(&policy, &request, &verdict, Some(&key), NOW);
    // the same as the decision
    match (&verdict.decision, &explanation.outcome) {
        (Decision::Allow(_), Outcome::Allow | Outcome::AllowInShadow(_))
        | (Decision::Wait(..), Outcome::Wait { .. }) => {}
        (Decision::Refuse(reason), Outcome::Refuse(refusal)) => assert_eq!(reason.id(), refusal.reason),
        other => panic!("{other:?}"),
    }
    let text = serde_json::to_string(&explanation).unwrap() + &explanation.to_string();
    assert!(token.is_none_or(|token| !text.contains(token.rsplit('.').next().unwrap())), "{text}");
    explanation
}

fn enforced(line: &str, token: Option<&str>) -> String {
    explained(policy(&json!("enforce")), line, token).to_string()
}

#[test]
fn every_level_says_what_it_asked_and_what_came_of_it() {
    let good = |roles: &[&str]| Some(token("https://idp.example", roles, 1_000_600));
    let late = Some(token("https://idp.example", &["customer"], 900_000));
    let far = Some(token("https://far.example", &["customer"], 1_000_600));
    let cases = [
        ("GET /orders/7", good(&["customer"])),
        ("GET /orders/7", good(&[])),
        ("GET /orders/7", late),
        ("GET /orders/7", far),
        ("GET /orders/7", None),
        ("GET /orders//7", None),
        ("PUT /orders/7", good(&["customer"])),
        ("POST /refunds", good(&["finance"])),
        ("GET /products", None),
        ("GET /me", good(&["a", "b"])),
    ];
    let told = cases.map(|(line, token)| format!("# {line}\n{}", enforced(line, token.as_deref())));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_request_that_passes_by_the_shadow_mode_alone_says_so() {
    let shadow = json!({ "shadow": { "until": "2027-01-31" } });
    let token = token("https://idp.example", &[], 1_000_600);
    let explanation = explained(policy(&shadow), "GET /orders/7", Some(&token));
    assert_eq!(explanation.steps[2].answer, Answer::Refused);
    insta::assert_snapshot!(explanation.to_string());
    insta::assert_snapshot!(serde_json::to_string_pretty(&explanation).unwrap());
}

#[test]
fn the_step_that_refused_is_that_of_the_reasons_level_and_nothing_is_asked_after_it() {
    for (line, token, level) in [
        ("GET /a//b", None, Level::Request),
        ("GET /orders/7", None, Level::Authentication),
        ("GET /orders/7", Some(token("https://idp.example", &[], 1_000_600)), Level::RoleTable),
    ] {
        let explanation = explained(policy(&json!("enforce")), line, token.as_deref());
        let at = explanation.steps.iter().position(|step| step.answer == Answer::Refused).unwrap();
        assert_eq!(explanation.steps[at].level, level.id());
        assert!(explanation.steps[..at].iter().all(|step| step.answer == Answer::Passed));
        assert!(explanation.steps[at + 1..].iter().all(|step| step.answer == Answer::NotAsked));
    }
}
