//! A service and its role table, as written.

use serde::{Deserialize, Serialize};

use super::ModeDocument;

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
    /// The Envoy clusters that belong to it: a request that Envoy would send elsewhere is refused. Where Envoy's routes match
    /// by a header that the filter writes or takes off, Envoy chooses again after the filter: its RBAC filter must hold those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Vec<String>>,
    /// Cross-origin requests of browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsDocument>,
    /// Every role that rows may name: typing errors are how tables rot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<Vec<String>>,
    /// The roles with which the service itself lets a caller touch what is another's. Nothing is decided by them: `portcullis check`
    /// reports which claims can yield them.
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
    /// Whether a preflight (`OPTIONS`) for a declared endpoint needs no token. The answer stays with Envoy's own CORS filter.
    #[serde(default)]
    pub preflight: bool,
}

/// A row: an endpoint, and who may call it. Exactly one of `public`, `authenticated`, or roles (`roles`, `all_roles`, or both).
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
