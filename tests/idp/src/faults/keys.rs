//! The keys of strangers and the broken keys that a faulty key set has before the right ones.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

/// Good Ed25519 keys that sign nothing: the same ones at every fetch.
pub(crate) fn strangers(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(|number| {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let public = SigningKey::from_bytes(&seed).verifying_key();
        let x = BASE64URL.encode(public.as_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": format!("stranger-{number}"), "x": x })
    })
}

/// One of each way in which a key cannot be read, or must not be used: none of them may spoil the
/// others.
pub(crate) fn broken() -> Vec<Value> {
    let ones = BASE64URL.encode([1; 32]);
    vec![
        json!({ "kty": "RSA", "kid": "modulus-is-a-number", "n": 65537, "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "modulus-is-short", "n": ones, "e": "AQAB" }),
        json!({ "kty": "OKP", "kid": "point-is-short", "crv": "Ed25519", "x": "AQEB" }),
        json!({ "kty": "EC", "kid": "point-is-off-the-curve", "crv": "P-256", "x": ones, "y": ones }),
        json!({ "kty": "oct", "kid": "symmetric", "k": ones }),
        json!({ "kty": "OKP", "kid": "private", "crv": "Ed25519", "x": ones, "d": ones }),
        json!({ "kty": "unheard-of", "kid": "unknown-type" }),
        json!({ "kid": "no-type" }),
        json!("no object"),
    ]
}
