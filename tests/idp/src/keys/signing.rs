//! One key pair: how it is made, how it signs, and how it looks in the JWKS.
use ed25519_dalek::pkcs8::KeypairBytes;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey};
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rand::{RngCore, rngs::OsRng};
use rsa::pkcs1::EncodeRsaPrivateKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Misuse;

/// The kinds of key that the provider has: one current key of each.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum KeyKind {
    /// RSA of 2048 bits, for RS256 to RS512 and PS256 to PS512. Its JWK names no `alg`, since it
    /// serves six.
    #[serde(rename = "RSA")]
    Rsa,
    /// NIST P-256, for ES256.
    #[serde(rename = "P-256")]
    P256,
    /// NIST P-384, for ES384.
    #[serde(rename = "P-384")]
    P384,
    /// Ed25519, for `EdDSA`.
    Ed25519,
}

impl KeyKind {
    pub(crate) const ALL: [Self; 4] = [Self::Rsa, Self::P256, Self::P384, Self::Ed25519];

    /// The kind that signs with `alg`; `None` for the symmetric algorithms.
    pub(crate) fn of(alg: Algorithm) -> Option<Self> {
        match alg {
            Algorithm::ES256 => Some(Self::P256),
            Algorithm::ES384 => Some(Self::P384),
            _ => match alg.family() {
                AlgorithmFamily::Rsa => Some(Self::Rsa),
                AlgorithmFamily::Ed => Some(Self::Ed25519),
                AlgorithmFamily::Ec | AlgorithmFamily::Hmac => None,
            },
        }
    }

    /// The algorithm that a key of this kind signs with when none is asked for.
    pub(crate) fn default_alg(self) -> Algorithm {
        match self {
            Self::Rsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }
}

/// A private key under its key id.
#[derive(Clone)]
pub(crate) struct SigningKey {
    kid: String,
    kind: KeyKind,
    private: EncodingKey,
    public_pem: String,
    jwk: Value,
}

impl SigningKey {
    /// A new key, its id the RFC 7638 thumbprint. RSA takes some tenths of a second of CPU.
    pub(crate) fn generate(kind: KeyKind) -> Self {
        let (private, public_pem) = material(kind);
        let mut jwk = Jwk::from_encoding_key(&private, kind.default_alg())
            .expect("a key made here is well formed");
        let thumbprint =
            jwk.thumbprint(ThumbprintHash::SHA256).expect("a key made here has a thumbprint");
        jwk.common.key_id = Some(thumbprint.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        if kind == KeyKind::Rsa {
            jwk.common.key_algorithm = None;
        }
        Self { kid: thumbprint, kind, private, public_pem, jwk: json!(jwk) }
    }

    /// The same key under another id.
    pub(crate) fn under_kid(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self.jwk["kid"] = json!(kid);
        self
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public key as the JWKS shows it.
    pub(crate) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The public key as PEM, `SubjectPublicKeyInfo`: what a careless verifier takes for an HMAC
    /// secret.
    pub(crate) fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The signature of `message`, as the third part of a compact JWS has it.
    pub(crate) fn sign(&self, alg: Algorithm, message: &str) -> Result<String, Misuse> {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, alg)
            .map_err(|_| Misuse::WrongKind { kid: self.kid.clone(), alg })
    }
}

/// The private key in the form that jsonwebtoken signs with, and the public one as PEM.
fn material(kind: KeyKind) -> (EncodingKey, String) {
    const ENCODABLE: &str = "a key made here can be encoded";
    match kind {
        KeyKind::Rsa => {
            let private =
                rsa::RsaPrivateKey::new(&mut OsRng, 2048).expect("2048 bits is a size for RSA");
            let der = private.to_pkcs1_der().expect(ENCODABLE);
            let pem = private.to_public_key().to_public_key_pem(LineEnding::LF).expect(ENCODABLE);
            (EncodingKey::from_rsa_der(der.as_bytes()), pem)
        }
        KeyKind::P256 => {
            let private = p256::SecretKey::random(&mut OsRng);
            let der = private.to_pkcs8_der().expect(ENCODABLE);
            let pem = private.public_key().to_public_key_pem(LineEnding::LF).expect(ENCODABLE);
            (EncodingKey::from_ec_der(der.as_bytes()), pem)
        }
        KeyKind::P384 => {
            let private = p384::SecretKey::random(&mut OsRng);
            let der = private.to_pkcs8_der().expect(ENCODABLE);
            let pem = private.public_key().to_public_key_pem(LineEnding::LF).expect(ENCODABLE);
            (EncodingKey::from_ec_der(der.as_bytes()), pem)
        }
        KeyKind::Ed25519 => {
            let mut secret_key = [0; 32];
            OsRng.fill_bytes(&mut secret_key);
            let public = ed25519_dalek::SigningKey::from_bytes(&secret_key).verifying_key();
            // without the public half: jsonwebtoken reads the short form of RFC 8410 only
            let der =
                KeypairBytes { secret_key, public_key: None }.to_pkcs8_der().expect(ENCODABLE);
            (
                EncodingKey::from_ed_der(der.as_bytes()),
                public.to_public_key_pem(LineEnding::LF).expect(ENCODABLE),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::DecodingKey;

    use super::*;

    #[test]
    fn every_algorithm_signs_what_its_published_key_verifies() {
        for kind in KeyKind::ALL {
            let key = SigningKey::generate(kind);
            let jwk: Jwk = serde_json::from_value(key.jwk().clone()).unwrap();
            let public = DecodingKey::from_jwk(&jwk).unwrap();
            let family = match kind {
                KeyKind::Rsa => "RS256 RS384 RS512 PS256 PS384 PS512",
                KeyKind::P256 => "ES256",
                KeyKind::P384 => "ES384",
                KeyKind::Ed25519 => "EdDSA",
            };
            for alg in family.split(' ').map(|name| name.parse().unwrap()) {
                let signature = key.sign(alg, "message").unwrap();
                assert!(
                    jsonwebtoken::crypto::verify(&signature, b"message", &public, alg).unwrap(),
                    "{alg:?}"
                );
                assert_eq!(KeyKind::of(alg), Some(kind));
            }
        }
    }

    #[test]
    fn a_key_signs_with_no_algorithm_of_another_kind() {
        let key = SigningKey::generate(KeyKind::P256);
        for alg in [Algorithm::RS256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::HS256] {
            assert!(matches!(key.sign(alg, "message"), Err(Misuse::WrongKind { .. })), "{alg:?}");
        }
    }

    #[test]
    fn a_thumbprint_is_what_rfc_7638_computes_for_its_key() {
        // RFC 7638 3.1: members that do not belong to the key change nothing
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
        assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_published_key_has_its_thumbprint_as_id_and_no_private_member() {
        for kind in KeyKind::ALL {
            let key = SigningKey::generate(kind);
            let members = key.jwk().as_object().unwrap();
            assert_eq!(members["kid"], key.kid());
            assert_eq!(members["use"], "sig");
            assert_eq!(key.kid().len(), 43, "SHA-256 in base64url");
            for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(!members.contains_key(secret), "{kind:?} shows {secret}");
            }
        }
    }
}
