//! The document as written: what serde reads, before anything is checked. Unknown fields are errors. The comments of the
//! fields are the descriptions of the JSON Schema.

mod identity;
mod provider;
mod service;

pub use identity::{AssertionDocument, HeadersDocument, IdentityDocument};
pub use provider::{
    ClaimRuleDocument, CookieDocument, DiscoveryDocument, HeaderDocument, JwksDocument, Preset,
    ProviderDocument, RoleSourceDocument, Split, TokenSourceDocument,
};
pub use service::{CorsDocument, RouteDocument, ServiceDocument};

use serde::{Deserialize, Serialize};

use super::mode::ModeDocument;
use super::values::{Count, Json, Named, Seconds};

/// A Portcullis policy: who may issue tokens, and which role may call which endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The issuers whose tokens are accepted, by a name of your choice.
    #[serde(default)]
    pub providers: Named<ProviderDocument>,
    /// The services behind the gateway, each with its role table.
    #[serde(default)]
    pub services: Named<ServiceDocument>,
    /// What the services are told about the caller.
    #[serde(default)]
    pub identity: IdentityDocument,
    /// `enforce` (the default), or a trial with an end: `{ shadow: { until: 2027-01-31 } }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeDocument>,
    /// Absolute URI that the reason's id is appended to, as the `type` of a problem document (RFC 9457 3.1.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem_base: Option<String>,
    /// Which headers of a request the services get.
    #[serde(default)]
    pub headers: HeaderRulesDocument,
    /// Leave each decision (row, reason, level, provider, subject, policy) in the stream's filter state, where Envoy's access log
    /// reads it. It costs about a microsecond a request, so it is off by default.
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

/// Which headers of a request the services get. Identity headers, headers that name another method or target, what proxies write
/// about a request, and credentials that were not verified are removed, in every spelling that a service could read as theirs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeaderRulesDocument {
    /// More headers to remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strip: Vec<String>,
    /// Headers that pass although a proxy would write them and frameworks believe them, such as `x-forwarded-prefix`. The services
    /// get what the client sent, unless a proxy before the gateway overwrites it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass: Vec<String>,
    /// Credentials that pass although they were not verified: `authorization`, `proxy-authorization`, or a header or cookie that is
    /// a token source. The services must verify them.
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
    /// Bytes of the bodies that Envoy keeps while their requests wait, for each worker and each of the two kinds above;
    /// 16777216 (16 MiB) by default. A body counts with its declared length, or with 1 MiB. A request whose body does not
    /// fit is refused.
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

    pub(super) fn resolved_providers(&self) -> Named<ProviderDocument> {
        Named(self.providers.iter().map(|(name, provider)| (name.clone(), provider.resolved())).collect())
    }
}
