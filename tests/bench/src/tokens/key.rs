//! The signing keys of the bench's providers. They come from fixed seeds, so that tokens made in
//! one run are good in the next; nothing but the bench trusts them.
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use p256::elliptic_curve::pkcs8::EncodePublicKey as _;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The signature algorithms that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSA of 2048 bits, PKCS#1 v1.5.
    Rs256,
    /// NIST P-256.
    Es256,
    /// NIST P-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// RSA of 2048 bits, PSS.
    Ps256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 4] = [Self::Rs256, Self::Es256, Self::EdDsa, Self::Ps256];

    /// As RFC 7518 and RFC 8037 call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
        }
    }

    /// The length of its signatures as JWS carries them, before base64url.
    pub(crate) fn signature_bytes(self) -> usize {
        match self {
            Self::Rs256 | Self::Ps256 => 256,
            Self::Es256 | Self::EdDsa => 64,
            Self::Es384 => 96,
        }
    }
}

/// A key pair under its key id.
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    /// Of the algorithm, the number of its provider, and the public key, so that tokens of another
    /// key are never taken for its.
    pub(crate) kid: String,
    secret: Secret,
    jwk: Value,
}

enum Secret {
    Rs256(rsa::pkcs1v15::SigningKey<Sha256>),
    Es256(p256::ecdsa::SigningKey),
    Es384(p384::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
    Ps256(rsa::pss::SigningKey<Sha256>),
}

impl Key {
    /// The key for `algorithm` of the provider `number`: always the same. RSA takes some tenths of
    /// a second.
    pub(crate) fn of(algorithm: Algorithm, number: usize) -> Self {
        let seed: [u8; 32] = Sha256::digest(format!("{} {number}", algorithm.name())).into();
        let secret = Secret::from_seed(algorithm, seed);
        let mut jwk = secret.public();
        let print = BASE64URL.encode(&Sha256::digest(jwk.to_string())[..6]);
        let kid = format!("{}-{number}-{print}", algorithm.name().to_lowercase());
        jwk["alg"] = json!(algorithm.name());
        jwk["use"] = json!("sig");
        jwk["kid"] = json!(kid);
        Self { algorithm, kid, secret, jwk }
    }

    /// The public key (RFC 7517).
    pub(crate) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The header of its tokens, in base64url.
    pub(crate) fn header(&self) -> String {
        let header = json!({ "alg": self.algorithm.name(), "typ": "JWT", "kid": self.kid });
        BASE64URL.encode(header.to_string())
    }

    /// A token with this payload.
    pub(crate) fn token(&self, payload: &Value) -> String {
        let message = format!("{}.{}", self.header(), BASE64URL.encode(payload.to_string()));
        let signature = BASE64URL.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// Its line in the configuration of the filter that does the least; none for what Envoy cannot
    /// verify for a filter.
    pub(crate) fn for_minimal(&self) -> Option<String> {
        let der = match &self.secret {
            Secret::Rs256(key) => rsa::RsaPublicKey::from(key.as_ref()).to_public_key_der(),
            Secret::Es256(key) => p256::PublicKey::from(key.verifying_key()).to_public_key_der(),
            Secret::Es384(_) | Secret::EdDsa(_) | Secret::Ps256(_) => return None,
        };
        let der = BASE64.encode(der.expect("a key has a form in DER").as_bytes());
        Some(format!("{} {} {der}", self.header(), self.algorithm.name()))
    }

    /// The signature of `message` as a JWS carries it, before base64url.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Rs256(key) => key.sign(message).to_vec(),
            Secret::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Secret::Es384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Secret::EdDsa(key) => key.sign(message).to_vec(),
            Secret::Ps256(key) => key.sign_with_rng(&mut rand::thread_rng(), message).to_vec(),
        }
    }
}

impl Secret {
    fn from_seed(algorithm: Algorithm, seed: [u8; 32]) -> Self {
        let mut random = StdRng::from_seed(seed);
        let mut rsa =
            || rsa::RsaPrivateKey::new(&mut random, 2048).expect("2048 bits is a size for RSA");
        match algorithm {
            Algorithm::Rs256 => Self::Rs256(rsa::pkcs1v15::SigningKey::new(rsa())),
            Algorithm::Ps256 => Self::Ps256(rsa::pss::SigningKey::new(rsa())),
            Algorithm::Es256 => Self::Es256(p256::ecdsa::SigningKey::random(&mut random)),
            Algorithm::Es384 => Self::Es384(p384::ecdsa::SigningKey::random(&mut random)),
            Algorithm::EdDsa => Self::EdDsa(ed25519_dalek::SigningKey::from_bytes(&seed)),
        }
    }

    /// The JWK members that the key's type asks for (RFC 7518 6, RFC 8037 2).
    fn public(&self) -> Value {
        let rsa = |key: &rsa::RsaPrivateKey| {
            let part = |number: &rsa::BigUint| BASE64URL.encode(number.to_bytes_be());
            json!({ "kty": "RSA", "n": part(key.n()), "e": part(key.e()) })
        };
        let ec = |curve: &str, x: Option<&[u8]>, y: Option<&[u8]>| {
            let part = |bytes: Option<&[u8]>| BASE64URL.encode(bytes.unwrap_or_default());
            json!({ "kty": "EC", "crv": curve, "x": part(x), "y": part(y) })
        };
        match self {
            Self::Rs256(key) => rsa(key.as_ref()),
            Self::Ps256(key) => rsa(key.as_ref()),
            Self::Es256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                ec("P-256", point.x().map(AsRef::as_ref), point.y().map(AsRef::as_ref))
            }
            Self::Es384(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                ec("P-384", point.x().map(AsRef::as_ref), point.y().map(AsRef::as_ref))
            }
            Self::EdDsa(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(key.verifying_key().as_bytes()) })
            }
        }
    }
}
