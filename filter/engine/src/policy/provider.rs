//! A provider as the policy compiled it: everything that level 1 compares a token with. Level 1 reads it and nothing
//! else of the policy.

use std::time::Duration;

use crate::authn::algorithm::AlgorithmSet;
use crate::authn::jwks::KeySet;
use crate::authz::roles::RoleRules;

/// A provider's place in [`Policy::providers`](super::Policy::providers): small, and valid within one policy only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(pub u32);

/// A token source's place in [`Policy::sources`](super::Policy::sources).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Where a token is looked for. Never the query (RFC 6750 5.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// `Authorization: Bearer` (RFC 6750 2.1).
    Bearer,
    /// A named header, in lower case, whose value starts with `prefix` (may be empty).
    Header {
        /// Lower-case header name.
        name: Box<str>,
        /// What stands before the token, compared exactly.
        prefix: Box<str>,
    },
    /// A cookie with the `__Host-` prefix; unsafe methods, QUERY and upgrades need one of `origins`.
    Cookie {
        /// The cookie's name, `__Host-` included.
        name: Box<str>,
        /// Serialised origins (RFC 6454 6.2) that may send unsafe methods and QUERY.
        origins: Box<[Box<str>]>,
    },
}

impl KeySource {
    /// Whether they are fetched, and so have an age.
    pub const fn is_fetched(&self) -> bool {
        !matches!(self, Self::Inline(_))
    }
}

impl TokenSource {
    /// The header that carries the token, in lower case.
    pub fn header(&self) -> &str {
        match self {
            Self::Bearer => "authorization",
            Self::Header { name, .. } => name,
            Self::Cookie { .. } => "cookie",
        }
    }
}

/// A claim by its literal path: each part is one member name, so a name may hold dots.
pub type ClaimPath = Box<[Box<str>]>;

/// `required_claims`: the claim must be there and be a string that is one of these (or a list of strings that holds one of them).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRule {
    /// Where the claim stands.
    pub path: ClaimPath,
    /// `equals` is a list of one.
    pub one_of: Box<[Box<str>]>,
}

/// Where the keys of a provider come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Fetched with GET from the cluster.
    Uri(Endpoint),
    /// The issuer's OpenID discovery document names the JWKS (OpenID Connect Discovery 4).
    Discovery(Endpoint),
    /// In the policy itself; never fetched, never stale.
    Inline(KeySet),
}

/// What a GET needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole URI as written.
    pub uri: Box<str>,
    /// `http` or `https`.
    pub scheme: Box<str>,
    /// For the `:authority` pseudo-header.
    pub authority: Box<str>,
    /// Path and query.
    pub path: Box<str>,
    /// The Envoy cluster that reaches it.
    pub cluster: Box<str>,
}

/// The times and bounds of a provider's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// Between two fetches; default 300 s. A shorter `max-age` shortens it.
    pub refresh: Duration,
    /// How long the last good keys serve when fetches fail; default 1 h.
    pub max_stale: Duration,
    /// At most one extra fetch for unknown key ids in this time; default 30 s.
    pub unknown_kid_interval: Duration,
    /// Of one fetch; default 5 s.
    pub timeout: Duration,
    /// Of one document; default 1 MiB.
    pub max_bytes: usize,
}

/// A provider: an issuer and its keys, and what its tokens must be like.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the policy.
    pub name: Box<str>,
    /// Compared with `iss` byte for byte (RFC 7519 4.1.1).
    pub issuer: Box<str>,
    /// The issuer as a header has it.
    pub(crate) issuer_header: Box<str>,
    /// One of these must be in the audience claim. Never empty.
    pub audiences: Box<[Box<str>]>,
    /// The claim that holds the audience: `["aud"]` by default, another where a product's access tokens have no `aud`.
    pub audience_claim: ClaimPath,
    /// Where the keys come from.
    pub keys: KeySource,
    /// The keys' times and bounds.
    pub key_times: KeyTimes,
    /// What `alg` may be. Never empty.
    pub algorithms: AlgorithmSet,
    /// The largest RSA key that may verify RSA-PSS, in bits; default 2048, at most 4096.
    pub max_pss_key_bits: usize,
    /// What `typ` may be, in the normal form of RFC 7515 4.1.9 (lower case, no `application/`). `None` in the list: it may be absent.
    pub token_types: Box<[Option<Box<str>>]>,
    /// Claims that tell its access tokens from its other tokens.
    pub required_claims: Box<[ClaimRule]>,
    /// The claim that is the subject; `["sub"]` by default.
    pub subject: ClaimPath,
    /// For `exp`, `nbf`, `iat`; default 30 s, at most 300 s.
    pub leeway: u64,
    /// How old a token may be by its `iat`, in seconds.
    pub max_age: Option<u64>,
    /// Accept a token bound to something (`cnf`) as a plain bearer token: said aloud.
    pub ignore_binding: bool,
    /// Where its tokens are looked for.
    pub source: SourceId,
    /// How claims become roles.
    pub roles: RoleRules,
}
