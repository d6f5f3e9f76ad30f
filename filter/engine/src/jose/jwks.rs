//! A provider's keys: a JWKS (RFC 7517 5) read strictly. One key that cannot be used never spoils
//! the others; it is ignored and counted. Private and symmetric keys have no business in a JWKS and
//! are ignored too.

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::jose::json::{Json, Object};
use crate::jose::signature::Algorithm;
use crate::jose::token::decode_base64url;

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

/// The same for two keys only if they are the same key under the same id: what a withdrawal is
/// judged by.
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
        let document: Document<'_> =
            serde_json::from_str(json).map_err(|_| JwksError::Malformed)?;
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
        let secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
            .iter()
            .any(|name| key.get(name).is_some());
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
        let known = Self {
            identity: KeyIdentity([0; 32]),
            kid: kid.map(Box::from),
            kind: material,
            alg,
            decoding,
        };
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
    let bytes = |name| decode_base64url(text(key, name)?);
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
    (sized && exponent && odd(&n))
        .then(|| (Kind::Rsa { bits }, DecodingKey::from_rsa_raw_components(&n, &e)))
}

/// SEC 1 2.3.3, uncompressed; coordinates have the curve's whole length (RFC 7518 6.2.1.2).
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [&[4], x, y].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::vectors;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    use serde_json::{Value, json};

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
            let fitting: Vec<_> =
                Algorithm::ALL.into_iter().filter(|it| set.keys()[0].fits(*it)).collect();
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
        let twice =
            r#"{"keys":[{"kty":"RSA","kty":"EC"},KEY]}"#.replace("KEY", &ed_key().to_string());
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
        let not_utf_8 =
            [br#"{"keys":["#, &*ed_key().to_string().into_bytes(), b"],\"x\":\"\x80\"}"].concat();
        assert_eq!(KeySet::parse(&not_utf_8).err(), Some(JwksError::Malformed));
        assert_eq!(parse(&vec![ed_key(); 1001]).err(), Some(JwksError::TooMany));
        assert_eq!(parse(&vec![ed_key(); 1000]).unwrap().keys().len(), 1000);
    }

    #[test]
    fn the_same_key_under_the_same_id_is_the_same_and_any_change_makes_another() {
        let identity = |key: Value| parse(&[key]).unwrap().keys()[0].identity();
        assert_eq!(identity(rsa_key()), identity(with(rsa_key(), "x5t", json!("ignored"))));
        let leading_zero = [&[0][..], vectors::MODULUS].concat();
        assert_eq!(
            identity(rsa_key()),
            identity(with(rsa_key(), "n", json!(encoded(&leading_zero))))
        );
        for other in [
            with(rsa_key(), "kid", json!("other")),
            with(rsa_key(), "alg", json!("RS256")),
            with(rsa_key(), "e", json!("Aw")),
            ed_key(),
        ] {
            assert_ne!(identity(rsa_key()), identity(other));
        }
    }
}
