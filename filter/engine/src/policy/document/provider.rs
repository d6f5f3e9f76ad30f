//! A provider, as written.

use serde::{Deserialize, Serialize};

use super::{Count, Json, Named, Seconds};

/// An issuer of tokens, its keys, and what its access tokens are like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProviderDocument {
    /// A shorthand for what is known of a product; `portcullis render` shows what it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Whether services in other files may name this provider.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub export: bool,
    /// Compared with the token's `iss` exactly, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// One of these must be in the token's `aud`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
    /// The claim that holds the audience, where tokens have no `aud`; `[aud]` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience_claim: Option<Vec<String>>,
    /// Where its keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwksDocument>,
    /// What `alg` may be: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// The largest RSA key whose RSA-PSS signatures (`PS256`, `PS384`, `PS512`) are verified, in bits; 2048 by default, at
    /// most 4096. Envoy cannot verify them for a filter, so a bad signature costs far more than any other request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pss_key_bits: Option<Count>,
    /// What `typ` may be; `absent` means that it may be missing. `[JWT, at+jwt]` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_types: Option<Vec<String>>,
    /// Claims that tell its access tokens from its other tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_claims: Option<Vec<ClaimRuleDocument>>,
    /// The claim that is the subject; `[sub]` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Vec<String>>,
    /// How far its clock may be off; `30s` by default, at most `300s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leeway: Option<Seconds>,
    /// How old a token may be by its `iat`; any age by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Seconds>,
    /// Accept a token that is bound to a key (`cnf`) as if it were not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_binding: bool,
    /// Where its tokens are looked for; `bearer` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_source: Option<TokenSourceDocument>,
    /// The claims that hold roles; they are united.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleSourceDocument>>,
    /// Renames roles: what the token says, and what the role table says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_names: Option<Named<String>>,
    /// Stands before every role of this provider, so that a partner's `admin` is not yours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_prefix: Option<String>,
}

/// A product whose tokens are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Keycloak: realm roles.
    Keycloak,
    /// Auth0: permissions of its role-based access control.
    Auth0,
    /// Okta: a custom authorization server.
    Okta,
    /// Microsoft Entra ID, v2.0 access tokens: app roles.
    Entra,
    /// Amazon Cognito: groups of a user pool.
    Cognito,
    /// Google Identity-Aware Proxy: the signed header.
    GoogleIap,
    /// Plain OAuth 2.0 (RFC 9068): scopes.
    Oauth2,
}

/// Where the keys are: `uri` with `cluster`, `discovery`, or `inline`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JwksDocument {
    /// The JWKS document's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The Envoy cluster that reaches `uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Read the issuer's OpenID discovery document, which names the JWKS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<DiscoveryDocument>,
    /// The JWKS itself: never fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Json>,
    /// Time between two fetches; `300s` by default. A shorter `Cache-Control: max-age` shortens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Seconds>,
    /// How long the last good keys serve while fetches fail; `1h` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_stale: Option<Seconds>,
    /// At most one extra fetch for unknown key ids in this time; `30s` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_kid_interval: Option<Seconds>,
    /// Of one fetch; `5s` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Seconds>,
    /// Of one document; 1048576 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Count>,
}

/// OpenID Connect Discovery 1.0, section 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DiscoveryDocument {
    /// The Envoy cluster that reaches the issuer, and the JWKS that its document names.
    pub cluster: String,
}

/// A claim that must have a value: exactly one of `equals` and `one_of`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimRuleDocument {
    /// Literal member names from the outside in, so that a name may hold dots.
    pub path: Vec<String>,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// The values of which one is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
}

/// A claim that holds roles: a string, or a list of strings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleSourceDocument {
    /// Literal member names from the outside in, so that a name may hold dots.
    pub path: Vec<String>,
    /// How one string holds several roles; it holds one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Read only if no other source has any role. For scopes: they say what a client asked for, not what a user is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback: bool,
    /// Stands before every role of this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The roles that this source can yield, as the role table names them: compared after prefixes and renaming, exactly. Any role
    /// by default; a fallback must say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
}

/// How one string holds several roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Separated by spaces (RFC 6749 3.3).
    Whitespace,
}

/// Where a token is looked for. Never the query (RFC 6750 5.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenSourceDocument {
    /// `Authorization: Bearer`.
    Bearer,
    /// Another header.
    Header(HeaderDocument),
    /// A cookie.
    Cookie(CookieDocument),
}

/// A header that carries the token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeaderDocument {
    /// The header's name.
    pub name: String,
    /// What stands before the token, compared exactly; nothing by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// A cookie that carries the token. Browsers send cookies for anybody, so the origins of unsafe requests are listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CookieDocument {
    /// The cookie's name; it starts with `__Host-` (RFC 6265bis 4.1.3.2).
    pub name: String,
    /// The origins that may send unsafe methods and QUERY, as `https://shop.example`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}
