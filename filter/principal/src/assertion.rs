//! The assertion on the wire: a compact JWS (RFC 7515 7.1) whose header and claims are fixed, so
//! both sides share them here.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Its own type keeps an assertion from being taken for a token, and a token for an assertion (RFC
/// 8725 3.11).
pub(crate) const TYPE: &str = "portcullis+jwt";
/// Ed25519 and nothing else (RFC 8037 3.1).
pub(crate) const ALGORITHM: &str = "EdDSA";
/// The longest that an assertion may last, from `iat` to `exp`.
pub const MAX_LIFETIME_SECONDS: u64 = 60;

/// The JOSE header. Any other member is refused: `crit`, `b64`, `jku`, `jwk` and `x5u` with it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header<'a> {
    pub(crate) typ: &'a str,
    pub(crate) alg: &'a str,
    pub(crate) kid: &'a str,
}

/// The claims, as minted.
#[derive(Serialize)]
pub(crate) struct MintedClaims<'a> {
    pub(crate) iss: &'a str,
    pub(crate) aud: &'a str,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    pub(crate) sub: &'a str,
    pub(crate) sub_iss: &'a str,
    pub(crate) roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_jti: Option<&'a str>,
    pub(crate) htm: &'a str,
    pub(crate) row: &'a str,
}

/// The claims, as read. A newer gateway may say more than this: unknown claims are ignored (RFC
/// 7519 4), duplicates are not.
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    pub(crate) sub: String,
    pub(crate) sub_iss: String,
    pub(crate) roles: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) sub_jti: Option<String>,
    pub(crate) htm: String,
    pub(crate) row: String,
}

/// `null` is not a token id.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Reads a JSON object whose member names are unique (RFC 7519 4 leaves the choice, RFC 8725 2.4
/// says why to refuse). A JSON array is refused too, which serde would read as the members in their
/// order. Members that are not claims of ours are parsed too: what `serde_json` skips may hold
/// bytes that are not UTF-8, and escapes of half a surrogate pair.
pub(crate) fn strict<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<UniqueMembers>(json)?;
    serde_json::from_slice(json)
}

/// An object none of whose members comes twice.
struct UniqueMembers;

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with unique member names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some((name, _)) = map.next_entry::<String, serde_json::Value>()? {
            if !seen.insert(name) {
                return Err(A::Error::custom("a member comes twice"));
            }
        }
        Ok(self)
    }
}
