//! Tokens to order: what each word of the builder changes, and that every bad signature is bad.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use dev_idp::{Algorithm, DevIdp, Signature};
use serde_json::{Value, json};

use crate::support::{provider, verified};

/// Header and claims as sent, and the signature.
fn parts(token: &str) -> (Value, Value, Vec<u8>) {
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let json = |part| serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap();
    (json(header), json(payload), BASE64URL.decode(signature).unwrap())
}

fn claims(token: &str) -> Value {
    parts(token).1
}

#[tokio::test]
async fn an_ordered_token_is_honest_unless_something_is_changed() {
    let idp = provider().await;
    for name in ["alice", "ada", "nora", "reporting"] {
        let claims = verified(&idp.jwks_uri(), &idp.token(name).sign()).await.unwrap();
        assert_eq!(
            (&claims["preferred_username"], &claims["aud"]),
            (&json!(name), &json!("orders-api"))
        );
    }
}

#[tokio::test]
async fn claims_are_set_and_left_out() {
    let idp = provider().await;
    let token = idp
        .token("alice")
        .claim("aud", json!(["a", "b"]))
        .claim("nonce", 7)
        .without("sub")
        .roles(["x", "y"]);
    let claims = claims(&token.sign());
    assert_eq!((&claims["aud"], &claims["nonce"]), (&json!(["a", "b"]), &json!(7)));
    assert_eq!(claims["realm_access"], json!({ "roles": ["x", "y"] }));
    assert!(claims.get("sub").is_none());
    assert_eq!(claims["preferred_username"], "alice");
    assert_eq!(self::claims(&idp.blank_token().claim("sub", "me").sign()), json!({ "sub": "me" }));
}

#[tokio::test]
async fn times_are_set_from_now() {
    let idp = provider().await;
    let claims = claims(&idp.token("alice").expires_in(-60).issued_in(-400).valid_in(60).sign());
    let time = |name: &str| claims[name].as_i64().unwrap();
    assert!((339..=341).contains(&(time("exp") - time("iat"))), "{claims}");
    assert!((119..=121).contains(&(time("nbf") - time("exp"))), "{claims}");
    assert!(verified(&idp.jwks_uri(), &idp.token("alice").expires_in(-120).sign()).await.is_none());
}

#[tokio::test]
async fn header_parameters_are_set_and_left_out_and_change_no_signature() {
    let idp = provider().await;
    let token = idp
        .token("alice")
        .header("typ", "at+jwt")
        .header("crit", json!(["b64"]))
        .without_header("kid")
        .sign();
    assert_eq!(parts(&token).0, json!({ "alg": "RS256", "typ": "at+jwt", "crit": ["b64"] }));
    let said = idp.token("alice").alg(Algorithm::ES256).header("alg", "RS256").sign();
    assert_eq!((&parts(&said).0["alg"], parts(&said).2.len()), (&json!("RS256"), 64));
}

#[tokio::test]
async fn raw_parts_are_signed_as_they_are() {
    let idp = provider().await;
    let (header, payload) = (r#"{"alg":"EdDSA","alg":"none"}"#, r#"{"sub":"a","sub":"b""#);
    let token =
        idp.blank_token().alg(Algorithm::EdDSA).raw_header(header).raw_payload(payload).sign();
    let (message, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(message, format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload)));
    let jwk = serde_json::from_value(idp.jwks()["keys"][3].clone()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    assert!(
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::EdDSA)
            .unwrap()
    );
}

#[tokio::test]
async fn a_key_can_be_named_and_brings_its_algorithm() {
    let idp = provider().await;
    for key in idp.keys() {
        let token = idp.token("alice").key(&key.kid).sign();
        assert_eq!(parts(&token).0["kid"], json!(key.kid));
        assert!(verified(&idp.jwks_uri(), &token).await.is_some(), "{key:?}");
    }
}

#[tokio::test]
async fn every_bad_signature_is_bad_for_every_kind_of_key() {
    let idp = provider().await;
    for alg in
        [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
    {
        let honest = idp.token("alice").alg(alg).sign();
        assert!(verified(&idp.jwks_uri(), &honest).await.is_some(), "{alg:?}");
        for (signature, said) in [
            (Signature::None, json!("none")),
            (Signature::ChangedPayload, json!(alg)),
            (Signature::ChangedSignature, json!(alg)),
            (Signature::PublicKeyAsSecret, json!("HS256")),
            (Signature::Stranger, json!(alg)),
        ] {
            let token = idp.token("alice").alg(alg).signature(signature).sign();
            let (header, _, bytes) = parts(&token);
            assert_eq!(
                header,
                json!({ "alg": said, "typ": "JWT", "kid": parts(&honest).0["kid"] })
            );
            assert_eq!(bytes.is_empty(), signature == Signature::None);
            assert!(verified(&idp.jwks_uri(), &token).await.is_none(), "{alg:?} {signature:?}");
        }
    }
}

#[tokio::test]
async fn a_changed_payload_would_make_its_subject_an_admin() {
    let idp = provider().await;
    let claims = claims(&idp.token("nora").signature(Signature::ChangedPayload).sign());
    assert_eq!(claims["realm_access"]["roles"], json!(["admin"]));
}

#[tokio::test]
async fn the_public_key_as_secret_fools_a_verifier_that_lets_the_token_choose() {
    let idp = provider().await;
    let token = idp.token("alice").signature(Signature::PublicKeyAsSecret).sign();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let fooled = |idp: &DevIdp| {
        let key =
            jsonwebtoken::DecodingKey::from_secret(public_pem(&idp.jwks()["keys"][0]).as_bytes());
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::HS256).unwrap()
    };
    assert!(fooled(&idp));
}

/// The RSA key as a verifier would have it in a file.
fn public_pem(jwk: &Value) -> String {
    use rsa::pkcs8::{EncodePublicKey, LineEnding};
    let number = |name: &str| {
        rsa::BigUint::from_bytes_be(&BASE64URL.decode(jwk[name].as_str().unwrap()).unwrap())
    };
    rsa::RsaPublicKey::new(number("n"), number("e"))
        .unwrap()
        .to_public_key_pem(LineEnding::LF)
        .unwrap()
}

#[tokio::test]
#[should_panic(expected = "no user or service `mallory`")]
async fn nobody_unknown_gets_a_token() {
    provider().await.token("mallory").sign();
}

#[tokio::test]
#[should_panic(expected = "does not sign ES256")]
async fn a_key_signs_with_no_algorithm_of_another_kind() {
    let idp = provider().await;
    let rsa = idp.keys()[0].kid.clone();
    idp.token("alice").key(rsa).alg(Algorithm::ES256).sign();
}
