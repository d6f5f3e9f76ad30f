//! What the services are told about the caller, as written.

use serde::{Deserialize, Serialize};

use super::Seconds;

/// What the services are told about the caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentityDocument {
    /// The names of the plain identity headers: for logs and reading, never to be trusted by a service.
    #[serde(default)]
    pub headers: HeadersDocument,
    /// The signed assertion: what a service trusts.
    #[serde(default)]
    pub assertion: AssertionDocument,
    /// Whether the caller's own token is forwarded to the service as well; it is removed by default.
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
    /// Its `aud`, where the policy has one service; otherwise each service says its own `assertion_audience`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Its `iss`: the gateway's own name; `portcullis` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// How long it lives; `60s` by default and at most, and never longer than the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Seconds>,
    /// The environment variable that holds the signing key (`portcullis keygen`); `PORTCULLIS_SIGNING_KEY` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Write no assertion, so that services have only plain headers, which whoever reaches them past the gateway can forge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub omit: bool,
}
