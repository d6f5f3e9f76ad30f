//! What a JWKS may hold, and what is ignored in it.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::super::vectors;
use super::*;

fn encoded(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

fn rsa_key() -> Value {
    json!({ "kty": "RSA", "kid": "rsa", "n": encoded(vectors::MODULUS), "e": "AQAB" })
}

fn p256_key() -> Value {
    let (x, y) = vectors::P256[1..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "kid": "p256", "x": encoded(x), "y": encoded(y) })
}

fn p384_key() -> Value {
    let (x, y) = vectors::P384[1..].split_at(48);
    json!({ "kty": "EC", "crv": "P-384", "kid": "p384", "x": encoded(x), "y": encoded(y) })
}

fn ed_key() -> Value {
    // RFC 8037 A.2
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

fn with(key: Value, name: &str, value: Value) -> Value {
    let mut key = key;
    key[name] = value;
    key
}

fn parse(keys: &[Value]) -> Result<KeySet, JwksError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn a_key_fits_the_algorithms_of_its_type_and_curve_and_of_its_own_alg() {
    use Algorithm::*;
    for (key, fits) in [
        (rsa_key(), &[RS256, RS384, RS512, PS256, PS384, PS512][..]),
        (with(rsa_key(), "alg", json!("PS384")), &[PS384]),
        (with(rsa_key(), "use", json!("sig")), &[RS256, RS384, RS512, PS256, PS384, PS512]),
        (p256_key(), &[ES256]),
        (p384_key(), &[ES384]),
        (ed_key(), &[EdDSA]),
        (with(ed_key(), "key_ops", json!(["sign", "verify"])), &[EdDSA]),
    ] {
        let set = parse(std::slice::from_ref(&key)).unwrap();
        let fitting: Vec<_> = Algorithm::ALL.into_iter().filter(|it| set.keys()[0].fits(*it)).collect();
        assert_eq!(fitting, fits, "{key}");
    }
}

#[test]
fn one_key_that_cannot_be_used_never_spoils_the_others() {
    let n = |bytes: &[u8]| with(rsa_key(), "n", json!(encoded(bytes)));
    let mut even = vectors::MODULUS.to_vec();
    even[255] ^= 1;
    let large = [&[0x80][..], &[1; 1024]].concat();
    let x = |length: usize| with(ed_key(), "x", json!(encoded(&vec![7; length])));
    let mut off_curve = vectors::P256[1..33].to_vec();
    off_curve[0] ^= 1;
    let mut off_p384 = vectors::P384[1..49].to_vec();
    off_p384[0] ^= 1;
    // 2 is the y of no point on Ed25519 (RFC 8032 5.1.3)
    let off_ed25519 = [&[2][..], &[0; 31]].concat();
    let bad = [
        json!(7),
        json!(null),
        json!([]),
        json!({}),
        json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "x" }),
        with(rsa_key(), "k", json!("c2VjcmV0")),
        with(rsa_key(), "d", json!("AQAB")),
        with(rsa_key(), "p", json!("AQAB")),
        with(p256_key(), "d", json!("AQAB")),
        with(ed_key(), "d", json!("AQAB")),
        with(rsa_key(), "use", json!("enc")),
        with(rsa_key(), "use", json!(7)),
        with(rsa_key(), "key_ops", json!(["sign"])),
        with(rsa_key(), "key_ops", json!("verify")),
        with(rsa_key(), "alg", json!("RSA-OAEP")),
        with(rsa_key(), "alg", json!("HS256")),
        with(rsa_key(), "alg", json!("none")),
        with(rsa_key(), "alg", json!("ES256")),
        with(rsa_key(), "alg", json!(null)),
        with(p256_key(), "alg", json!("ES384")),
        with(rsa_key(), "kid", json!(7)),
        with(rsa_key(), "kid", json!("")),
        with(rsa_key(), "kid", json!("k".repeat(257))),
        with(rsa_key(), "kty", json!("EC")),
        with(rsa_key(), "crv", json!("P-256")),
        // RFC 7518 3.3: at least 2048 bits; and no more than anybody needs
        n(&vectors::MODULUS[..255]),
        n(&[1; 128]),
        n(&large),
        n(&even),
        n(&[]),
        with(rsa_key(), "n", json!("not base64!")),
        with(rsa_key(), "e", json!("AQ")),
        with(rsa_key(), "e", json!("AA")),
        with(rsa_key(), "e", json!("AQAA")),
        with(rsa_key(), "e", json!("AQAAAAE")),
        with(p256_key(), "crv", json!("secp256k1")),
        with(p256_key(), "crv", json!("P-384")),
        with(p256_key(), "x", json!(encoded(&off_curve))),
        with(p256_key(), "x", json!(encoded(&[0; 32]))),
        with(p256_key(), "y", json!(encoded(&vectors::P256[33..64]))),
        with(p384_key(), "y", json!(null)),
        with(p384_key(), "x", json!(encoded(&off_p384))),
        with(ed_key(), "x", json!(encoded(&off_ed25519))),
        with(ed_key(), "crv", json!("X25519")),
        with(ed_key(), "crv", json!("Ed448")),
        x(31),
        x(33),
        x(0),
        // small order: RFC 8032 5.1, the neutral element and others
        with(ed_key(), "x", json!(encoded(&[0; 32]))),
        with(ed_key(), "x", json!(encoded(&[&[1][..], &[0; 31]].concat()))),
        with(ed_key(), "x", json!(encoded(&[&[0xec][..], &[0xff; 30], &[0x7f]].concat()))),
    ];
    for key in &bad {
        let set = parse(&[key.clone(), p256_key()]).unwrap();
        let kids: Vec<_> = set.keys().iter().map(|key| key.kid().unwrap()).collect();
        assert_eq!((kids, set.ignored()), (vec!["p256"], 1), "{key}");
        assert_eq!(parse(std::slice::from_ref(key)).err(), Some(JwksError::Empty), "{key}");
    }
    assert_eq!(parse(&[&bad[..], &[ed_key()]].concat()).unwrap().ignored(), bad.len());
}

#[test]
fn a_key_with_a_member_twice_is_ignored() {
    let twice = r#"{"keys":[{"kty":"RSA","kty":"EC"},KEY]}"#.replace("KEY", &ed_key().to_string());
    assert_eq!(KeySet::parse(twice.as_bytes()).unwrap().ignored(), 1);
}

#[test]
fn what_is_no_set_of_keys_is_refused() {
    for (text, error) in [
        ("", JwksError::Malformed),
        ("{}", JwksError::Malformed),
        ("[]", JwksError::Malformed),
        ("null", JwksError::Malformed),
        ("<html></html>", JwksError::Malformed),
        (r#"{"keys":{}}"#, JwksError::Malformed),
        (r#"{"keys":null}"#, JwksError::Malformed),
        (r#"{"keys":[{]}"#, JwksError::Malformed),
        (r#"{"keys":[]"#, JwksError::Malformed),
        (r#"{"keys":[],"keys":[]}"#, JwksError::Malformed),
        (r#"[[{"kty":"RSA"}]]"#, JwksError::Malformed),
        (r#"{"keys":[]}"#, JwksError::Empty),
    ] {
        assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(error), "{text}");
    }
    let not_utf_8 = [br#"{"keys":["#, &*ed_key().to_string().into_bytes(), b"],\"x\":\"\x80\"}"].concat();
    assert_eq!(KeySet::parse(&not_utf_8).err(), Some(JwksError::Malformed));
    assert_eq!(parse(&vec![ed_key(); 1001]).err(), Some(JwksError::TooMany));
    assert_eq!(parse(&vec![ed_key(); 1000]).unwrap().keys().len(), 1000);
}

#[test]
fn the_same_key_under_the_same_id_is_the_same_and_any_change_makes_another() {
    let identity = |key: Value| parse(&[key]).unwrap().keys()[0].identity();
    assert_eq!(identity(rsa_key()), identity(with(rsa_key(), "x5t", json!("ignored"))));
    let leading_zero = [&[0][..], vectors::MODULUS].concat();
    assert_eq!(identity(rsa_key()), identity(with(rsa_key(), "n", json!(encoded(&leading_zero)))));
    for other in [
        with(rsa_key(), "kid", json!("other")),
        with(rsa_key(), "alg", json!("RS256")),
        with(rsa_key(), "e", json!("Aw")),
        ed_key(),
    ] {
        assert_ne!(identity(rsa_key()), identity(other));
    }
}
