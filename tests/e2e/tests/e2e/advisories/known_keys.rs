//! Published keys, in this repository or in the module, verify no token.
//!
//! CVE-2026-31837 (Istio): where a provider's keys could not be fetched, a key built into the proxy
//! stood in for them.
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use dev_idp::{Algorithm, Endpoint, Fault, Signature};
use e2e::{Shop, run};
use ed25519_dalek::{Signer as _, SigningKey};
use harness::stack::Stack;
use portcullis_engine::jose::signature::self_tests;
use portcullis_principal::Assertion;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::keys::{PATIENCE, until_all_workers};
use crate::support::now;

const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
/// Seeds of tests here, of the keys of strangers, and what a careless key is made of.
const SEEDS: [[u8; 32]; 7] = [[7; 32], [66; 32], [0; 32], [1; 32], [9; 32], [42; 32], [0xff; 32]];

fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "sub": "mallory", "aud": "orders-api", "iat": now() - 1, "exp": now() + 600, "typ": "Bearer",
        "realm_access": { "roles": ["customer", "admin"] },
    })
}

fn header(alg: &str, kid: Option<&str>) -> Value {
    let mut header = json!({ "alg": alg, "typ": "JWT" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    header
}

/// Tokens by every key that is known, under the provider's own key ids, under ids of their own, and
/// under none.
async fn forged(shop: &Shop) -> Vec<(String, String)> {
    let (idp, issuer) = (shop.stack.idp(), shop.issuer());
    let claims = claims(&issuer).to_string();
    let published = idp.keys().await.unwrap();
    let mut kids: Vec<Option<String>> = published.into_iter().map(|key| Some(key.kid)).collect();
    kids.extend([Some("ed".to_owned()), Some(shop.gateway_key.key_id().to_owned()), None]);
    let mut tokens = Vec::new();
    for kid in &kids {
        let kid = kid.as_deref();
        let name = |key: &str| format!("{key} as {kid:?}");
        for alg in ALGORITHMS {
            let token =
                corpus::signed(alg, header(alg, kid).to_string().as_bytes(), claims.as_bytes());
            tokens.push((name(&format!("the corpus's {alg}")), token));
        }
        for alg in ["HS256", "none"] {
            let token =
                corpus::signed(alg, header(alg, kid).to_string().as_bytes(), claims.as_bytes());
            tokens.push((name(alg), token));
        }
        let unsigned = |alg: &str| {
            format!(
                "{}.{}",
                BASE64URL.encode(header(alg, kid).to_string()),
                BASE64URL.encode(&claims)
            )
        };
        for seed in SEEDS {
            let signed = unsigned("EdDSA");
            let signature = SigningKey::from_bytes(&seed).sign(signed.as_bytes()).to_bytes();
            tokens.push((
                name(&format!("the seed {}", seed[0])),
                format!("{signed}.{}", BASE64URL.encode(signature)),
            ));
        }
        for test in self_tests() {
            let signed = unsigned(test.algorithm.name());
            let token = format!("{signed}.{}", BASE64URL.encode(test.good));
            tokens.push((name(&format!("the self-test's {}", test.algorithm.name())), token));
        }
    }
    // the gateway's own key, in the form that it signs
    let assertion = Assertion {
        issuer: "portcullis",
        audience: "orders-api",
        issued_at: now(),
        expires_at: now() + 60,
        subject: "mallory",
        subject_issuer: &issuer,
        roles: &["admin".to_owned()],
        token_id: None,
        method: "GET",
        row: "/me",
    };
    let by_the_gateway = [assertion, Assertion { issuer: &issuer, ..assertion }];
    tokens.extend(
        by_the_gateway.map(|it| ("the gateway's".to_owned(), it.mint(&shop.gateway_key).unwrap())),
    );
    for signature in [Signature::Stranger, Signature::PublicKeyAsSecret, Signature::None] {
        let token = idp.token("ada").signature(signature).sign().await.unwrap();
        tokens.push(("the development provider's others".to_owned(), token));
    }
    tokens
}

/// None of them passes, at the same time or one after the other: how often there was which status.
async fn all_refused(shop: &Shop, state: &str) -> BTreeMap<u16, usize> {
    let tokens = forged(shop).await;
    assert!(tokens.len() > 150, "{}", tokens.len());
    let client = harness::http::client(false).unwrap();
    let mut statuses = BTreeMap::new();
    shop.unreached(async {
        for some in tokens.chunks(64) {
            let mut asking = JoinSet::new();
            for (name, token) in some.iter().cloned() {
                let request = client.get(shop.stack.url("/me")).bearer_auth(token);
                asking
                    .spawn(async move { (name, request.send().await.unwrap().status().as_u16()) });
            }
            for (name, status) in asking.join_all().await {
                assert!([401, 429, 503].contains(&status), "{state}: {name} was answered {status}");
                *statuses.entry(status).or_default() += 1;
            }
        }
    })
    .await;
    statuses
}

#[test]
fn no_key_that_anybody_can_read_vouches_for_anybody_in_any_state_of_the_keys() {
    run(async {
        let builder = Stack::named("advisories-known-keys").policy(|policy| {
            let provider = &mut policy["providers"]["keycloak"];
            provider["algorithms"] = json!(ALGORITHMS);
            provider["jwks"]["refresh"] = json!("1s");
            provider["jwks"]["max_stale"] = json!("4s");
            provider["jwks"]["timeout"] = json!("1s");
            policy["waiting"] = json!({ "time": "1s" });
        });
        let mut shop = Shop::of(builder).await.unwrap();
        let token = shop.token("alice").await;
        let passes = (200, "");
        let never = |status| ![200, 503].contains(&status);
        until_all_workers(&shop, &token, passes, never).await;
        let known = all_refused(&shop, "keys").await;
        assert!(known[&401] > 100, "{known:?}");

        // withdrawn: the tokens of this key end
        for alg in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            shop.stack.idp().rotate(alg).await.unwrap();
        }
        shop.stack.idp().withdraw_old().await.unwrap();
        until_all_workers(&shop, &token, (401, "key-unknown"), |status| {
            ![200, 401, 503].contains(&status)
        })
        .await;
        all_refused(&shop, "rotated").await;
        let token = shop.token("alice").await;
        until_all_workers(&shop, &token, passes, never).await;

        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        until_all_workers(&shop, &token, (503, "keys-stale"), never).await;
        let stale = all_refused(&shop, "stale").await;
        assert!(stale[&503] > 50, "{stale:?}");

        shop.stack.envoy_mut().restart().await.unwrap();
        let none = all_refused(&shop, "no keys").await;
        assert!(none[&503] > 50, "{none:?}");

        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        let back =
            async || (shop.get("/me").token(&token).send().await.status == 200).then_some(());
        harness::process::eventually("the keys", PATIENCE, back).await.unwrap();
        all_refused(&shop, "keys again").await;
    });
}
