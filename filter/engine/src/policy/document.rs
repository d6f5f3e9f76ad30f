//! The document as written: what serde reads, before anything is checked. Unknown fields are
//! errors. The comments of the fields are the descriptions of the JSON Schema.

use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::model::Mode;
use crate::policy::values::{Count, Json, Seconds, UniqueMap};

/// A Portcullis policy: who may issue tokens, and which role may call which endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The issuers whose tokens are accepted, by a name of your choice.
    #[serde(default)]
    pub providers: UniqueMap<ProviderDocument>,
    /// The services behind the gateway, each with its role table.
    #[serde(default)]
    pub services: UniqueMap<ServiceDocument>,
    /// What the services are told about the caller.
    #[serde(default)]
    pub identity: IdentityDocument,
    /// `enforce` (the default), or a trial with an end: `{ shadow: { until: 2027-01-31 } }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeDocument>,
    /// Absolute URI that the reason's id is appended to, as the `type` of a problem document (RFC
    /// 9457 3.1.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem_base: Option<String>,
    /// Which headers of a request the services get.
    #[serde(default)]
    pub headers: HeaderRulesDocument,
    /// Leave each decision (row, reason, level, provider, subject, policy) in the stream's filter
    /// state, where Envoy's access log reads it. It costs about a microsecond a request, so it is
    /// off by default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub access_log: bool,
    /// Bounds of what a request may bring.
    #[serde(default)]
    pub limits: LimitsDocument,
    /// Bounds of the queue of requests that wait for keys.
    #[serde(default)]
    pub waiting: WaitingDocument,
    /// Bounds of the caches of verified tokens and of assertions, for each worker.
    #[serde(default)]
    pub cache: CacheDocument,
    /// What `portcullis check` need not say again.
    #[serde(default)]
    pub lint: LintDocument,
}

/// Which headers of a request the services get. Identity headers, headers that name another method
/// or target, what proxies write about a request, and credentials that were not verified are
/// removed, in every spelling that a service could read as theirs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeaderRulesDocument {
    /// More headers to remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strip: Vec<String>,
    /// Headers that pass although a proxy would write them and frameworks believe them, such as
    /// `x-forwarded-prefix`. The services get what the client sent, unless a proxy before the
    /// gateway overwrites it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass: Vec<String>,
    /// Credentials that pass although they were not verified: `authorization`,
    /// `proxy-authorization`, or a header or cookie that is a token source. The services must
    /// verify them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_unverified: Vec<String>,
}

/// Bounds of what a request may bring.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitsDocument {
    /// Of a token, in bytes; 16384 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_bytes: Option<Count>,
}

/// Bounds of the queue of requests that wait for keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WaitingDocument {
    /// Requests that wait for a provider's first keys, for each worker; 1000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Count>,
    /// Requests that wait because their key id is new, for each worker; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_kid_requests: Option<Count>,
    /// Bytes of the bodies that Envoy keeps while their requests wait, for each worker and each of
    /// the two kinds above; 16777216 (16 MiB) by default. A body counts with its declared length,
    /// or with 1 MiB. A request whose body does not fit is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<Count>,
    /// How long a request waits at most; 5 s by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Seconds>,
}

/// Bounds of the caches of verified tokens and of assertions, for each worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CacheDocument {
    /// Tokens; 10000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Count>,
    /// Bytes; 14680064 (14 MiB) by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Count>,
    /// Assertions in use, of about 1 KiB each; 2048 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertions: Option<Count>,
}

/// What `portcullis check` need not say again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LintDocument {
    /// Findings that are known and wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AllowDocument>,
}

/// A finding that is known and wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AllowDocument {
    /// The name of the lint rule.
    pub rule: String,
    /// Where it is allowed, as `services.shop`; everywhere by default.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Why it is wanted: for the next reader.
    pub reason: String,
}

impl Document {
    /// The same policy with presets written out.
    #[must_use]
    pub fn resolved(&self) -> Self {
        Self { providers: self.resolved_providers(), ..self.clone() }
    }

    pub(super) fn resolved_providers(&self) -> UniqueMap<ProviderDocument> {
        UniqueMap(
            self.providers
                .iter()
                .map(|(name, provider)| (name.clone(), provider.resolved()))
                .collect(),
        )
    }
}

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
    /// What `alg` may be: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`,
    /// `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// The largest RSA key whose RSA-PSS signatures (`PS256`, `PS384`, `PS512`) are verified, in
    /// bits; 2048 by default, at most 4096. Envoy cannot verify them for a filter, so a bad
    /// signature costs far more than any other request.
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
    pub role_names: Option<UniqueMap<String>>,
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
    /// Read only if no other source has any role. For scopes: they say what a client asked for, not
    /// what a user is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback: bool,
    /// Stands before every role of this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The roles that this source can yield, as the role table names them: compared after prefixes
    /// and renaming, exactly. Any role by default; a fallback must say it.
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

/// A cookie that carries the token. Browsers send cookies for anybody, so the origins of unsafe
/// requests are listed.
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

/// A service behind the gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceDocument {
    /// The hosts it answers to: exact, `*.suffix`, or `*`. Without ports.
    pub hosts: Vec<String>,
    /// The providers whose tokens it accepts; all providers of its file by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<String>>,
    /// Narrows the providers' audiences to these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
    /// The `aud` of the signed assertion for this service; its name by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_audience: Option<String>,
    /// The Envoy clusters that belong to it: a request that Envoy would send elsewhere is refused.
    /// Where Envoy's routes match by a header that the filter writes or takes off, Envoy chooses
    /// again after the filter: its RBAC filter must hold those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Vec<String>>,
    /// Cross-origin requests of browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsDocument>,
    /// Every role that rows may name: typing errors are how tables rot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<Vec<String>>,
    /// The roles with which the service itself lets a caller touch what is another's. Nothing is
    /// decided by them: `portcullis check` reports which claims can yield them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ownership_bypass_roles: Vec<String>,
    /// Overrides the policy's mode for this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeDocument>,
    /// The role table: one row for each endpoint. What has no row is refused.
    pub routes: Vec<RouteDocument>,
}

/// Cross-origin requests of browsers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CorsDocument {
    /// Whether a preflight (`OPTIONS`) for a declared endpoint needs no token. The answer stays
    /// with Envoy's own CORS filter.
    #[serde(default)]
    pub preflight: bool,
}

/// A row: an endpoint, and who may call it. Exactly one of `public`, `authenticated`, or roles
/// (`roles`, `all_roles`, or both).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// Method and path template, as `GET /orders/{order_id}` or `GET /files/{*rest}`.
    #[serde(rename = "match")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Z0-9!#$%&'*+.^_`|~-]+ /")))]
    pub endpoint: String,
    /// Anyone, without a token. Said aloud, never by omission.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
    /// Any caller with a good token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
    /// Any of these roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// All of these roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_roles: Option<Vec<String>>,
    /// Overrides the service's mode for this row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeDocument>,
}

/// What the services are told about the caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentityDocument {
    /// The names of the plain identity headers: for logs and reading, never to be trusted by a
    /// service.
    #[serde(default)]
    pub headers: HeadersDocument,
    /// The signed assertion: what a service trusts.
    #[serde(default)]
    pub assertion: AssertionDocument,
    /// Whether the caller's own token is forwarded to the service as well; it is removed by
    /// default.
    #[serde(default)]
    pub forward_token: bool,
}

/// The names of the plain identity headers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeadersDocument {
    /// Carries the subject; `x-auth-subject` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Carries the roles; `x-auth-roles` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<String>,
    /// Carries the provider's issuer; `x-auth-issuer` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// The signed assertion: a JWT from the gateway to one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AssertionDocument {
    /// The header that carries it; `x-auth-principal` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Its `aud`, where the policy has one service; otherwise each service says its own
    /// `assertion_audience`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Its `iss`: the gateway's own name; `portcullis` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// How long it lives; `60s` by default and at most, and never longer than the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Seconds>,
    /// The environment variable that holds the signing key (`portcullis keygen`);
    /// `PORTCULLIS_SIGNING_KEY` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Write no assertion, so that services have only plain headers, which whoever reaches them
    /// past the gateway can forge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub omit: bool,
}

/// `enforce`, or `{ shadow: { until: 2027-01-31 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ModeDocument {
    /// A refused request ends.
    Enforce,
    /// A refused request passes, marked and logged, so that a table can be tried on real traffic.
    Shadow {
        /// The last day (UTC) of the trial. A trial has an end, or it is forgotten.
        until: Date,
    },
}

impl From<ModeDocument> for Mode {
    fn from(document: ModeDocument) -> Self {
        match document {
            ModeDocument::Enforce => Self::Enforce,
            ModeDocument::Shadow { until } => Self::Shadow { ends: until.end() },
        }
    }
}

/// A calendar day (RFC 3339 `full-date`), in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The first second after this day.
    pub fn end(self) -> UnixTime {
        UnixTime((self.days_since_1970() + 1) * 86_400)
    }

    /// Years are 1970 and later, so every term stays positive.
    fn days_since_1970(self) -> u64 {
        // years are counted from March, so that the leap day is the last one
        let (year, month) = match self.month {
            1 | 2 => (u64::from(self.year) - 1, u64::from(self.month) + 9),
            _ => (u64::from(self.year), u64::from(self.month) - 3),
        };
        let day_of_year = (153 * month + 2) / 5 + u64::from(self.day) - 1;
        let days_since_year_0 = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
        days_since_year_0 - 719_468
    }

    fn days_in_month(year: u16, month: u8) -> u8 {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        }
    }
}

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let error = || format!("`{text}` is not a day, as `2027-01-31`");
        let (year, rest) = text.split_once('-').ok_or_else(error)?;
        let (month, day) = rest.split_once('-').ok_or_else(error)?;
        let shaped = year.len() == 4 && month.len() == 2 && day.len() == 2;
        if !shaped || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err(error());
        }
        let (Ok(year), Ok(month), Ok(day)) = (year.parse(), month.parse(), day.parse()) else {
            return Err(error());
        };
        if year < 1970
            || !(1..=12).contains(&month)
            || !(1..=Self::days_in_month(year, month)).contains(&day)
        {
            return Err(error());
        }
        Ok(Self { year, month, day })
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Date {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date", "description": "A day (UTC), as 2027-01-31." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Result<Date, String> {
        Date::try_from(text.to_owned())
    }

    #[test]
    fn a_day_ends_where_the_calendar_says() {
        for (text, end) in [
            ("1970-01-01", 86_400),
            ("2000-02-29", 951_868_800),
            ("2024-12-31", 1_735_689_600),
            ("2027-01-31", 1_801_440_000),
            ("2100-03-01", 4_107_628_800),
        ] {
            assert_eq!(date(text).unwrap().end(), UnixTime(end), "{text}");
            assert_eq!(date(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_day_of_the_calendar_is_refused() {
        for text in [
            "",
            "2027",
            "2027-1-31",
            "27-01-31",
            "2027-13-01",
            "2027-00-10",
            "2027-02-29",
            "2100-02-29",
            "2027-04-31",
            "2027-01-32",
            "2027-01-00",
            "1969-12-31",
            "2027-01-31T00:00:00Z",
            "2027/01/31",
            "+027-01-01",
        ] {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shadow_ends_by_itself_after_its_last_day() {
        let mode = Mode::from(ModeDocument::Shadow { until: date("2027-01-31").unwrap() });
        assert!(mode.shadows(UnixTime(1_801_439_999)));
        assert!(!mode.shadows(UnixTime(1_801_440_000)));
        assert!(!Mode::Enforce.shadows(UnixTime(0)));
    }
}
