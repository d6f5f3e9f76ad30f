//! A provider's keys: a JWKS (RFC 7517 5) read strictly. One key that cannot be used never spoils the others; it is
//! ignored and counted. Private and symmetric keys have no business in a JWKS and are ignored too.

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::algorithm::Algorithm;
use super::base64url;
use super::json::{Json, Object};

/// RFC 7518 3.3.
pub(crate) const MIN_RSA_BITS: usize = 2048;
/// Beyond it, a verification costs more than a request should.
pub(crate) const MAX_RSA_BITS: usize = 8192;
/// Keys of one document.
const MAX_KEYS: usize = 1000;
/// JSON values of one key; a certificate chain has a handful.
const MAX_KEY_VALUES: usize = 64;
/// Of a key id, in bytes: as in a token.
const MAX_KID: usize = 256;

/// Usable keys of one JWKS document, and what became of the others.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    ignored: Vec<Option<Box<str>>>,
}

/// A key that can verify signatures.
#[derive(Clone, Debug)]
pub struct Key {
    identity: KeyIdentity,
    kid: Option<Box<str>>,
    kind: Kind,
    alg: Option<Algorithm>,
    decoding: DecodingKey,
}

/// The same for two keys only if they are the same key under the same id: what a withdrawal is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyIdentity([u8; 32]);

/// What kind of key it is, and how long its signatures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa { bits: usize },
    P256,
    P384,
    Ed25519,
}

/// Why a text is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwksError {
    /// Not a JSON object with a list `keys`.
    #[error("it is not a JWKS: an object with a list `keys` (RFC 7517 5)")]
    Malformed,
    /// More than anybody needs.
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
    /// No key that can verify a signature.
    #[error("none of its keys is a public signature key that can be used here")]
    Empty,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads a JWKS document.
    ///
    /// # Errors
    /// If it is none, or has no usable key: such a document never replaces a good one.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        // serde would take a list for the object's members in their order
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(JwksError::Malformed);
        }
        // JSON is UTF-8 (RFC 8259 8.1), also in the members that are not read
        let json = std::str::from_utf8(json).map_err(|_| JwksError::Malformed)?;
        let document: Document<'_> = serde_json::from_str(json).map_err(|_| JwksError::Malformed)?;
        if document.keys.len() > MAX_KEYS {
            return Err(JwksError::TooMany);
        }
        let mut set = Self { keys: Vec::new(), ignored: Vec::new() };
        for key in document.keys {
            let key = Object::parse(key.get().as_bytes(), MAX_KEY_VALUES).unwrap_or_default();
            match Key::read(&key) {
                Some(key) => set.keys.push(key),
                None => set.ignored.push(text(&key, "kid").map(Box::from)),
            }
        }
        if set.keys.is_empty() { Err(JwksError::Empty) } else { Ok(set) }
    }

    /// The usable keys, in the order of the document. Never empty.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// How many keys were ignored.
    pub fn ignored(&self) -> usize {
        self.ignored.len()
    }

    /// Whether a key of that id is there, but cannot be used.
    pub(crate) fn ignores(&self, kid: &str) -> bool {
        self.ignored.iter().any(|ignored| ignored.as_deref() == Some(kid))
    }
}

impl Key {
    /// The `kid`, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Which key it is.
    pub const fn identity(&self) -> KeyIdentity {
        self.identity
    }

    /// Its `alg`, if it has one.
    pub const fn alg(&self) -> Option<Algorithm> {
        self.alg
    }

    /// The length of its modulus; `None` for other key types.
    pub const fn rsa_bits(&self) -> Option<usize> {
        match self.kind {
            Kind::Rsa { bits } => Some(bits),
            Kind::P256 | Kind::P384 | Kind::Ed25519 => None,
        }
    }

    /// The key, for jsonwebtoken.
    pub(crate) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// Whether the key's type, curve and `alg` agree with the algorithm (RFC 8725 3.5).
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let by_type = match self.kind {
            Kind::Rsa { .. } => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Kind::P256 => algorithm == ES256,
            Kind::P384 => algorithm == ES384,
            Kind::Ed25519 => algorithm == EdDSA,
        };
        by_type && self.alg.is_none_or(|alg| alg == algorithm)
    }

    /// The one length that a signature by this key has, in bytes.
    pub(crate) const fn signature_bytes(&self) -> usize {
        match self.kind {
            Kind::Rsa { bits } => bits.div_ceil(8),
            Kind::P256 | Kind::Ed25519 => 64,
            Kind::P384 => 96,
        }
    }

    /// `None`: ignored.
    fn read(key: &Object<'_>) -> Option<Self> {
        // private and symmetric material (RFC 7518 6.2.2, 6.3.2, 6.4.1)
        let secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| key.get(name).is_some());
        if secret || !is_for_signatures(key) {
            return None;
        }
        let kid = optional(key, "kid")?;
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID) {
            return None;
        }
        let alg = match optional(key, "alg")? {
            Some(alg) => Some(Algorithm::from_name(alg)?),
            None => None,
        };
        let (material, decoding) = material(key)?;
        let known =
            Self { identity: KeyIdentity([0; 32]), kid: kid.map(Box::from), kind: material, alg, decoding };
        // a key whose own `alg` contradicts its type fits nothing
        let fits_something = Algorithm::ALL.into_iter().any(|algorithm| known.fits(algorithm));
        fits_something.then(|| Self { identity: known.identify(), ..known })
    }

    fn identify(&self) -> KeyIdentity {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(bytes);
        };
        part(self.kid().unwrap_or_default().as_bytes());
        part(self.alg.map_or("", Algorithm::name).as_bytes());
        match self.decoding.kind() {
            jsonwebtoken::DecodingKeyKind::SecretOrDer(point) => part(point),
            jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, e } => {
                part(n);
                part(e);
            }
        }
        KeyIdentity(hash.finalize().into())
    }
}

/// RFC 7517 4.2, 4.3: both may be absent, neither may say something else.
fn is_for_signatures(key: &Object<'_>) -> bool {
    let by_use = key.get("use").is_none_or(|value| value.as_str() == Some("sig"));
    let by_ops = key.get("key_ops").is_none_or(
        |ops| matches!(ops, Json::Array(ops) if ops.iter().any(|op| op.as_str() == Some("verify"))),
    );
    by_use && by_ops
}

fn text<'o>(key: &'o Object<'_>, name: &str) -> Option<&'o str> {
    key.get(name).and_then(Json::as_str)
}

/// `None`: it is there and is not a string.
#[allow(clippy::option_option)] // absent, or wrong
fn optional<'o>(key: &'o Object<'_>, name: &str) -> Option<Option<&'o str>> {
    key.get(name).map_or(Some(None), |value| value.as_str().map(Some))
}

/// The public key itself, checked.
fn material(key: &Object<'_>) -> Option<(Kind, DecodingKey)> {
    let bytes = |name| base64url::decode(text(key, name)?);
    match (text(key, "kty")?, text(key, "crv")) {
        ("RSA", None) => rsa(&bytes("n")?, &bytes("e")?),
        ("EC", Some("P-256")) => {
            let point = point(&bytes("x")?, &bytes("y")?, 32)?;
            p256::PublicKey::from_sec1_bytes(&point).ok()?;
            Some((Kind::P256, DecodingKey::from_ec_der(&point)))
        }
        ("EC", Some("P-384")) => {
            let point = point(&bytes("x")?, &bytes("y")?, 48)?;
            p384::PublicKey::from_sec1_bytes(&point).ok()?;
            Some((Kind::P384, DecodingKey::from_ec_der(&point)))
        }
        ("OKP", Some("Ed25519")) => {
            let x: [u8; 32] = bytes("x")?.try_into().ok()?;
            // a key of small order verifies signatures that nobody made
            ed25519_dalek::VerifyingKey::from_bytes(&x).ok().filter(|key| !key.is_weak())?;
            Some((Kind::Ed25519, DecodingKey::from_ed_der(&x)))
        }
        _ => None,
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Option<(Kind, DecodingKey)> {
    // RFC 7518 2: no leading zeros, but providers write them
    let trim = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<_>>();
    let (n, e) = (trim(n), trim(e));
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last & 1 == 1);
    let sized = (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits);
    // 1 signs nothing, and beyond 32 bits a verification is as costly as the provider likes
    let exponent = odd(&e) && e != [1] && e.len() <= 4;
    (sized && exponent && odd(&n)).then(|| (Kind::Rsa { bits }, DecodingKey::from_rsa_raw_components(&n, &e)))
}

/// SEC 1 2.3.3, uncompressed; coordinates have the curve's whole length (RFC 7518 6.2.1.2).
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [&[4], x, y].concat())
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
