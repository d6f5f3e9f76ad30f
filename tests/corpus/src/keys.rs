//! The keys: RFC 7515 A.2 (RSA) and A.3 (P-256), RFC 8037 A.1 (Ed25519), and one of our own for
//! P-384.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, Mac as _};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use rsa::{BigUint, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";
const RSA_P: &str = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc";
const RSA_Q: &str = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc";
const P256_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
/// Signs what a stranger signs, and what the second set of keys has.
const ED25519_OTHER: [u8; 32] = [7; 32];

fn bytes(text: &str) -> Vec<u8> {
    BASE64URL.decode(text).expect("base64url")
}

/// The key with its primes, made once: without them every signature factors the modulus, a second
/// without optimisation.
fn rsa() -> RsaPrivateKey {
    static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
        let number = |text: &str| BigUint::from_bytes_be(&bytes(text));
        let primes = vec![number(RSA_P), number(RSA_Q)];
        RsaPrivateKey::from_components(
            number(RSA_N),
            BigUint::from(65537_u32),
            number(RSA_D),
            primes,
        )
        .expect("an RSA key")
    });
    KEY.clone()
}

fn p256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&bytes(P256_D)).expect("a P-256 key")
}

fn p384() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("a P-384 key")
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&bytes(ED25519_D).try_into().expect("32 bytes"))
}

fn other() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&ED25519_OTHER)
}

/// The JWKS of that name.
pub fn jwks(set: &str) -> Value {
    let rsa = |kid: &str| json!({ "kty": "RSA", "kid": kid, "n": RSA_N, "e": "AQAB" });
    let okp = |kid: &str, key: &ed25519_dalek::SigningKey| {
        let x = BASE64URL.encode(key.verifying_key().as_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, "use": "sig" })
    };
    let p256 = p256().verifying_key().to_encoded_point(false);
    let p384 = p384().verifying_key().to_encoded_point(false);
    let ec = |crv: &str, kid: &str, x: &[u8], y: &[u8]| json!({ "kty": "EC", "crv": crv, "kid": kid, "x": BASE64URL.encode(x), "y": BASE64URL.encode(y) });
    let ec256 = ec("P-256", "p256", p256.x().expect("x"), p256.y().expect("y"));
    let ec384 = ec("P-384", "p384", p384.x().expect("x"), p384.y().expect("y"));
    let with = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let keys = match set {
        "all" => vec![
            rsa("rsa"),
            ec256,
            ec384,
            okp("ed", &ed25519()),
            with(rsa("rsa-ps384-only"), "alg", json!("PS384")),
            with(rsa("rsa-enc"), "use", json!("enc")),
            with(rsa("rsa-sign"), "key_ops", json!(["sign"])),
            json!({ "kty": "oct", "kid": "oct", "k": "c2VjcmV0" }),
        ],
        // the same ids as above, other keys
        "other" => vec![okp("ed", &other())],
        "no-kid" => {
            let mut key = okp("", &ed25519());
            key.as_object_mut().expect("a key").remove("kid");
            vec![key]
        }
        "twins" => vec![okp("ed", &ed25519()), okp("ed", &other())],
        _ => panic!("no set of keys `{set}`"),
    };
    json!({ "keys": keys })
}

/// Signs by the algorithm's key of the set `all`.
pub(crate) fn sign(alg: &str, message: &[u8]) -> Vec<u8> {
    use rsa::{pkcs1v15, pss};
    // PSS takes its salt from here: the same in every run
    let mut salt = Counter(1);
    match alg {
        "RS256" => pkcs1v15::SigningKey::<Sha256>::new(rsa()).sign(message).to_vec(),
        "RS384" => pkcs1v15::SigningKey::<Sha384>::new(rsa()).sign(message).to_vec(),
        "RS512" => pkcs1v15::SigningKey::<Sha512>::new(rsa()).sign(message).to_vec(),
        "PS256" => pss::SigningKey::<Sha256>::new(rsa()).sign_with_rng(&mut salt, message).to_vec(),
        "PS384" => pss::SigningKey::<Sha384>::new(rsa()).sign_with_rng(&mut salt, message).to_vec(),
        "PS512" => pss::SigningKey::<Sha512>::new(rsa()).sign_with_rng(&mut salt, message).to_vec(),
        "ES256" => {
            let signature: p256::ecdsa::Signature = p256().sign(message);
            signature.to_vec()
        }
        "ES384" => {
            let signature: p384::ecdsa::Signature = p384().sign(message);
            signature.to_vec()
        }
        "EdDSA" => ed25519().sign(message).to_vec(),
        "stranger" => other().sign(message).to_vec(),
        // CVE-2016-10555 and its kin: the public key taken for a secret
        "HS256" => {
            let secret = BASE64URL.encode(ed25519().verifying_key().as_bytes());
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        "none" => Vec::new(),
        _ => panic!("no algorithm `{alg}`"),
    }
}

/// No randomness: the same salts in every run.
struct Counter(u64);

impl rsa::rand_core::RngCore for Counter {
    fn next_u32(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u32::try_from(self.0 >> 32).unwrap_or_default()
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next_u32().to_be_bytes()[0];
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// Good enough for tests that want the same in every run.
impl rsa::rand_core::CryptoRng for Counter {}
