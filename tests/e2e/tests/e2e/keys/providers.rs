//! Several providers: inline keys, and a thousand issuers whose keys have the same id. A key of one
//! never verifies a token of another.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use e2e::{Shop, invalid_token, run};
use ed25519_dalek::{Signer as _, SigningKey};
use harness::stack::Stack;
use rsa::RsaPrivateKey;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::Sha256;

use super::on_all_workers;
use crate::support::now;

/// An issuer whose one key has the same id as everybody else's.
struct Issuer {
    name: String,
    key: SigningKey,
}

impl Issuer {
    fn number(number: u32) -> Self {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        Self {
            name: format!("https://issuer-{number}.example"),
            key: SigningKey::from_bytes(&seed),
        }
    }

    fn jwks(&self) -> Value {
        let x = BASE64URL.encode(self.key.verifying_key().as_bytes());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "the-same", "use": "sig", "x": x }] })
    }

    /// A token for `issuer`, signed by this one's key.
    fn token_of(&self, issuer: &Self) -> String {
        let part = |json: Value| BASE64URL.encode(json.to_string());
        let header = part(json!({ "alg": "EdDSA", "typ": "JWT", "kid": "the-same" }));
        let claims = part(json!({
            "iss": issuer.name, "sub": "alice", "aud": "orders-api", "iat": now(), "exp": now() + 300,
            "typ": "Bearer", "realm_access": { "roles": ["customer"] },
        }));
        let signed = format!("{header}.{claims}");
        let signature = BASE64URL.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }
}

/// A provider with a key of 3072 bits for RSA-PSS, and a token that it signed. The sandbox verifies
/// such signatures itself, and what a bad one costs grows with the square of the key's length.
#[test]
fn an_rsa_pss_key_over_2048_bits_is_used_only_with_permission() {
    run(async {
        let issuer = "https://large.example";
        let key = RsaPrivateKey::new(&mut rand::thread_rng(), 3072).unwrap();
        let number = |number: &rsa::BigUint| BASE64URL.encode(number.to_bytes_be());
        let key_of = |alg: Value| json!({ "kty": "RSA", "kid": "large", "alg": alg, "n": number(key.n()), "e": number(key.e()) });
        let part = |json: Value| BASE64URL.encode(json.to_string());
        let header = part(json!({ "alg": "PS256", "typ": "JWT", "kid": "large" }));
        let claims = part(json!({
            "iss": issuer, "sub": "alice", "aud": "orders-api", "iat": now(), "exp": now() + 300,
            "typ": "Bearer", "realm_access": { "roles": ["customer"] },
        }));
        let message = format!("{header}.{claims}");
        let private = rsa::pss::SigningKey::<Sha256>::new(key.clone());
        let signature = private.sign_with_rng(&mut rand::thread_rng(), message.as_bytes()).to_vec();
        let token = format!("{message}.{}", BASE64URL.encode(signature));

        let keys = json!({ "keys": [key_of(json!("PS256"))] });
        let builder = Stack::named("keys-large-pss").policy(move |policy| {
            let all = policy["providers"].as_object_mut().unwrap();
            let mut provider = all.values().next().unwrap().clone();
            provider["issuer"] = json!(issuer);
            provider["jwks"] = json!({ "inline": keys });
            provider["algorithms"] = json!(["PS256"]);
            all.insert("large".to_owned(), provider);
        });
        let mut shop = Shop::of(builder).await.unwrap();
        shop.get("/me").token(&token).is_stopped(invalid_token("key-unsuitable")).await;
        let warned = "the key \"large\" of provider large has 3072 bits and verifies no PS256, PS384 or PS512";
        let log = shop.stack.envoy().process().log().clone();
        assert!(log.lines().iter().any(|line| line.contains(warned)), "{:?}", log.lines());

        shop.stack
            .change_policy(|policy| policy["providers"]["large"]["max_pss_key_bits"] = json!(3072))
            .await
            .unwrap();
        let me = shop.get("/me").token(&token).answers(200).await;
        assert_eq!(me.body["issuer"], issuer);
    });
}

#[test]
fn of_a_thousand_issuers_with_the_same_kid_each_key_verifies_its_own_tokens_only() {
    run(async {
        let issuers: Vec<_> = (0..1_000).map(Issuer::number).collect();
        let providers: Vec<_> = issuers.iter().map(|it| (it.name.clone(), it.jwks())).collect();
        let builder = Stack::named("keys-thousand").concurrency(4).policy(move |policy| {
            let all = policy["providers"].as_object_mut().unwrap();
            let pattern = all.values().next().unwrap().clone();
            for (number, (issuer, jwks)) in providers.into_iter().enumerate() {
                let mut provider = pattern.clone();
                provider["issuer"] = json!(issuer);
                provider["jwks"] = json!({ "inline": jwks });
                provider["algorithms"] = json!(["EdDSA"]);
                all.insert(format!("issuer-{number}"), provider);
            }
        });
        let shop = Shop::of(builder).await.unwrap();
        for (one, other) in [(0, 1), (1, 999), (500, 0), (999, 998)] {
            let (one, other) = (&issuers[one], &issuers[other]);
            let me = shop.get("/me").token(&one.token_of(one)).answers(200).await;
            assert_eq!(me.body["issuer"], one.name);
            assert_eq!(on_all_workers(&shop, &one.token_of(one)).await, Some((200, String::new())));
            let forged = shop.unreached(on_all_workers(&shop, &other.token_of(one))).await;
            assert_eq!(forged, Some((401, "signature-invalid".to_owned())));
        }
        shop.get("/me").sent_as("alice").answers(200).await;
        let unlisted = Issuer::number(1_000);
        let stranger = unlisted.token_of(&unlisted);
        shop.get("/me").token(&stranger).is_stopped(invalid_token("issuer-unknown")).await;
    });
}
