//! The gateway's side: the signing key, and assertions minted with it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::Signer as _;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::assertion::{ALGORITHM, Header, MAX_LIFETIME_SECONDS, MintedClaims, TYPE};

/// The gateway's Ed25519 key. Signing is deterministic (RFC 8032 5.1.6): it needs no randomness,
/// which a sandbox may not have.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    key_id: String,
    /// The encoded JOSE header, the same for every assertion of this key.
    header: String,
}

/// Why a text is not a signing key. Never says what the text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64url.
    #[error("the signing key is not base64url without padding (a line break at its end?)")]
    Encoding,
    /// Not 32 bytes.
    #[error("the signing key is not a 32-byte Ed25519 seed: it has {0} bytes")]
    Length(usize),
}

/// Why an assertion cannot be minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// `expires_at` is not after `issued_at`, or more than 60 s after it.
    #[error("an assertion must end after it begins, and at most {MAX_LIFETIME_SECONDS} s later")]
    Lifetime,
    /// A member that says who, for whom or for what is empty.
    #[error("an assertion without {0} says nothing")]
    Empty(&'static str),
    /// The claims could not be written as JSON.
    #[error("the claims could not be written")]
    Encoding(#[from] serde_json::Error),
}

impl SigningKey {
    /// Reads the base64url (no padding) text of a 32-byte Ed25519 seed (RFC 8032 5.1.5).
    ///
    /// # Errors
    /// If it is anything else.
    pub fn from_seed_base64url(seed: &str) -> Result<Self, KeyError> {
        let seed = BASE64URL.decode(seed).map_err(|_| KeyError::Encoding)?;
        let seed = seed.as_slice().try_into().map_err(|_| KeyError::Length(seed.len()))?;
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let key_id = thumbprint(&BASE64URL.encode(key.verifying_key().as_bytes()));
        let header = json!(Header { typ: TYPE, alg: ALGORITHM, kid: &key_id }).to_string();
        Ok(Self { key, key_id, header: BASE64URL.encode(header) })
    }

    /// The `kid` of its assertions: the thumbprint of the public key (RFC 7638, RFC 8037 appendix
    /// A.3).
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public side as a JWKS (RFC 7517 5) of one key, for the services.
    pub fn public_jwks(&self) -> Value {
        let x = BASE64URL.encode(self.key.verifying_key().as_bytes());
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.key_id, "alg": ALGORITHM, "use": "sig",
        }] })
    }

    /// A secret for another purpose, told apart by `label`: HMAC-SHA256 of the label under the
    /// seed.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        // HMAC pads a key that is shorter than its block with zeros (RFC 2104 2): said here because
        // the fallible constructor has no case in which it fails for 32 bytes
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(self.key.to_bytes()) {
            *to = from;
        }
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(label.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Shows which key it is, never the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn thumbprint(x: &str) -> String {
    // the required members in lexicographic order and no white space (RFC 7638 3.2)
    BASE64URL.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

/// What the gateway says to a service about one request. Times are seconds since 1970 (RFC 7519 2,
/// `NumericDate`).
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// The gateway.
    pub issuer: &'a str,
    /// The service.
    pub audience: &'a str,
    /// Now.
    pub issued_at: u64,
    /// At most 60 s after `issued_at`, and never after the client's token ends.
    pub expires_at: u64,
    /// The subject of the client's token.
    pub subject: &'a str,
    /// The provider that issued the client's token.
    pub subject_issuer: &'a str,
    /// The plain list of roles that the policy made of the token's claims.
    pub roles: &'a [String],
    /// The `jti` of the client's token, if it had one.
    pub token_id: Option<&'a str>,
    /// The request's method, as sent.
    pub method: &'a str,
    /// The path template of the request's row in the role table.
    pub row: &'a str,
}

impl Assertion<'_> {
    /// Signs it: a compact JWS, fit for a header.
    ///
    /// # Errors
    /// If a member is empty or the times are not those of an assertion.
    pub fn mint(&self, key: &SigningKey) -> Result<String, MintError> {
        for (what, value) in [
            ("an issuer", self.issuer),
            ("an audience", self.audience),
            ("a subject", self.subject),
            ("the subject's issuer", self.subject_issuer),
            ("a method", self.method),
            ("a row", self.row),
        ] {
            if value.is_empty() {
                return Err(MintError::Empty(what));
            }
        }
        let lifetime = self.expires_at.checked_sub(self.issued_at);
        if !lifetime.is_some_and(|seconds| (1..=MAX_LIFETIME_SECONDS).contains(&seconds)) {
            return Err(MintError::Lifetime);
        }
        let claims = serde_json::to_vec(&MintedClaims {
            iss: self.issuer,
            aud: self.audience,
            iat: self.issued_at,
            exp: self.expires_at,
            sub: self.subject,
            sub_iss: self.subject_issuer,
            roles: self.roles,
            sub_jti: self.token_id,
            htm: self.method,
            row: self.row,
        })?;
        let mut jws = key.header.clone();
        jws.push('.');
        BASE64URL.encode_string(claims, &mut jws);
        let signature = key.key.sign(jws.as_bytes());
        jws.push('.');
        BASE64URL.encode_string(signature.to_bytes(), &mut jws);
        Ok(jws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037 appendix A.1.
    const RFC_8037_SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

    #[test]
    fn the_key_id_is_the_thumbprint_that_rfc_8037_computes_for_its_key() {
        let key = SigningKey::from_seed_base64url(RFC_8037_SEED).unwrap();
        assert_eq!(key.key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(
            key.public_jwks()["keys"][0]["x"],
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        );
    }

    #[test]
    fn a_text_that_is_no_seed_is_refused_without_being_echoed() {
        for (text, error) in [
            ("", KeyError::Length(0)),
            ("c2hvcnQ", KeyError::Length(5)),
            ("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", KeyError::Encoding),
            ("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\n", KeyError::Encoding),
            ("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", KeyError::Encoding),
        ] {
            assert_eq!(SigningKey::from_seed_base64url(text).unwrap_err(), error);
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let shown = format!("{:?}", SigningKey::from_seed_base64url(RFC_8037_SEED).unwrap());
        assert_eq!(
            shown,
            r#"SigningKey { key_id: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", .. }"#
        );
    }

    #[test]
    fn derived_secrets_are_hmac_sha256_of_the_label_and_differ_by_it() {
        let key = SigningKey::from_seed_base64url(RFC_8037_SEED).unwrap();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&BASE64URL.decode(RFC_8037_SEED).unwrap()).unwrap();
        mac.update(b"shared-data");
        assert_eq!(key.derive("shared-data"), <[u8; 32]>::from(mac.finalize().into_bytes()));
        assert_ne!(key.derive("shared-data"), key.derive("another"));
    }

    #[test]
    fn an_assertion_that_lasts_too_long_or_says_nothing_is_not_minted() {
        let key = SigningKey::from_seed_base64url(RFC_8037_SEED).unwrap();
        let good = Assertion {
            issuer: "portcullis",
            audience: "shop",
            issued_at: 100,
            expires_at: 160,
            subject: "alice",
            subject_issuer: "https://idp.example",
            roles: &[],
            token_id: None,
            method: "GET",
            row: "/orders",
        };
        assert!(good.mint(&key).is_ok());
        for times in [(100, 161), (100, 100), (100, 99)] {
            let bad = Assertion { issued_at: times.0, expires_at: times.1, ..good };
            assert!(matches!(bad.mint(&key), Err(MintError::Lifetime)), "{times:?}");
        }
        for bad in [Assertion { subject: "", ..good }, Assertion { audience: "", ..good }] {
            assert!(matches!(bad.mint(&key), Err(MintError::Empty(_))));
        }
    }
}
