//! Keys and tokens of the simulated provider. Signatures are hashes: the simulation shows what
//! happens when, not cryptography.

use std::cell::RefCell;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The issuer of all tokens.
pub(crate) const ISSUER: &str = "https://idp.example";

thread_local! {
    static PUBLIC_KEYS: RefCell<HashMap<u32, [u8; 32]>> = RefCell::default();
}

/// A public key: a point of the curve, as the engine demands. Here it is its own private key.
pub(crate) fn public_key(number: u32) -> [u8; 32] {
    let make = || {
        let seed = Sha256::digest(number.to_be_bytes()).into();
        ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes()
    };
    PUBLIC_KEYS.with(|keys| *keys.borrow_mut().entry(number).or_insert_with(make))
}

/// The key as a JWK.
pub(crate) fn jwk(kid: &str, number: u32) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": BASE64URL.encode(public_key(number)) })
}

/// A token with this key id, signed by a key; it ends at `expires`.
pub(crate) fn token(kid: &str, signed_by: u32, expires: u64) -> String {
    let part = |json: Value| BASE64URL.encode(json.to_string());
    let header = part(json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid }));
    let claims = part(
        json!({ "iss": ISSUER, "sub": "alice", "aud": "shop", "exp": expires, "roles": ["customer"] }),
    );
    let signed = format!("{header}.{claims}");
    let signature = BASE64URL.encode(signature(&public_key(signed_by), signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn signature(key: &[u8], message: &[u8]) -> [u8; 64] {
    let half = |number: u8| {
        Sha256::new().chain_update([number]).chain_update(key).chain_update(message).finalize()
    };
    let mut both = [0; 64];
    both[..32].copy_from_slice(&half(0));
    both[32..].copy_from_slice(&half(1));
    both
}

/// Verifies these signatures.
pub(crate) static HASHES: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

struct HashVerifier(Vec<u8>);

#[allow(clippy::trivially_copy_pass_by_ref)] // as jsonwebtoken calls it
fn verifier(_: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match key.kind() {
        DecodingKeyKind::SecretOrDer(key) => Ok(Box::new(HashVerifier(key.clone()))),
        DecodingKeyKind::RsaModulusExponent { .. } => Err(ErrorKind::InvalidKeyFormat.into()),
    }
}

impl Verifier<Vec<u8>> for HashVerifier {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        if *given == signature(&self.0, message) { Ok(()) } else { Err(SignatureError::new()) }
    }
}

impl JwtVerifier for HashVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
