//! The policy: the document as written, and what it compiles to.
//!
//! [`document`] is what serde reads, `compile` checks it and makes the [`Policy`], which is made for asking: issuers and
//! hosts are binary searches, rows are found in a tree, roles are bits. A policy that exists is whole; whoever has an old one
//! keeps it until the new one is. Several files become one document in [`merge`].

mod compile;
pub mod configuration;
pub mod document;
mod error;
mod hash;
mod merge;
mod model;
mod presets;
mod read;
#[cfg(feature = "schema")]
mod schema;
mod strict;
#[cfg(test)]
mod testing;
mod text;
mod values;

pub use crate::policy::model::{Assertion, Identity, MAX_ASSERTION_TTL};
pub use crate::policy::model::{CacheBounds, Limits, Waiting};
pub use crate::policy::model::{
    ClaimPath, ClaimRule, Endpoint, KeySource, KeyTimes, Provider, ProviderId, SourceId, TokenSource,
};
pub use crate::policy::model::{Date, Mode, ModeDocument};
pub use crate::policy::model::{Found, Row, RowId, Service, ServiceId};
pub use document::Document;
pub use error::{PolicyError, PolicyErrors, file_and_place};
pub use merge::{Merged, merge};
#[cfg(feature = "schema")]
pub use schema::json_schema;
pub use values::{Count, Json, Seconds, UniqueMap};

use crate::authz::roles::Roles;
use crate::authz::roles::{RoleBits, RoleNames};
use crate::header_strip::{HeaderRules, Verified};
use crate::policy::model::Hosts;
use crate::sorted_map::SortedMap;

/// A policy, whole and checked.
#[derive(Clone, Debug)]
pub struct Policy {
    providers: Box<[Provider]>,
    issuers: SortedMap<ProviderId>,
    services: Box<[Service]>,
    hosts: Hosts,
    sources: Box<[TokenSource]>,
    identity: Identity,
    limits: Limits,
    waiting: Waiting,
    cache: CacheBounds,
    problem_base: Option<Box<str>>,
    header_rules: HeaderRules,
    mode: Mode,
    role_names: RoleNames,
    access_log: bool,
    hash: Box<str>,
}

impl Policy {
    /// Reads and compiles a document in JSON: what Envoy and Istio hand over.
    ///
    /// # Errors
    /// Every mistake in it, with its place and its mend; of a text that is no document, the first.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyErrors> {
        Self::compile(&Document::from_json(json)?)
    }

    /// The providers, in order of name.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The provider of that id.
    pub fn provider(&self, id: ProviderId) -> Option<&Provider> {
        self.providers.get(id.0 as usize)
    }

    /// The provider whose issuer this is, byte for byte.
    pub fn provider_of_issuer(&self, issuer: &str) -> Option<ProviderId> {
        self.issuers.get(issuer.as_bytes()).copied()
    }

    /// The services, in order of name.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The service of that id.
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.services.get(id.0 as usize)
    }

    /// The service that a request's `:authority` belongs to.
    pub fn service_of_host(&self, authority: &[u8]) -> Option<ServiceId> {
        self.hosts.find(authority)
    }

    /// Every place where a token is looked for.
    pub fn sources(&self) -> &[TokenSource] {
        &self.sources
    }

    /// The token source of that id.
    pub fn source(&self, id: SourceId) -> Option<&TokenSource> {
        self.sources.get(id.0 as usize)
    }

    /// What the services are told about the caller.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Bounds of what a request may bring.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Bounds of the queue of requests that wait for keys.
    pub const fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// Bounds of the cache of verified tokens.
    pub const fn cache(&self) -> CacheBounds {
        self.cache
    }

    /// What a reason's id is appended to, as the `type` of a problem document.
    pub fn problem_base(&self) -> Option<&str> {
        self.problem_base.as_deref()
    }

    /// The headers that this policy removes besides those that every policy removes, in lower case: the identity headers, the
    /// assertion's, and `headers.strip`.
    pub fn stripped(&self) -> &[Box<str>] {
        &self.header_rules.lists().stripped
    }

    /// `headers.pass`, in lower case.
    pub fn passed(&self) -> &[Box<str>] {
        &self.header_rules.lists().passed
    }

    /// `headers.pass_unverified`: headers in lower case, cookies as they are.
    pub fn passed_unverified(&self) -> &[Box<str>] {
        &self.header_rules.lists().passed_unverified
    }

    /// Whether a header may be removed from a request, as a whole or in part: see [`crate::header_strip`].
    pub fn changes_header(&self, name: &str) -> bool {
        self.header_rules.changes(name)
    }

    /// Whether a header is removed from every request, whatever credential was verified.
    pub fn strips(&self, name: &str) -> bool {
        self.header_rules.removes(name, Verified::default())
    }

    /// Whether a trailer is removed from every request.
    pub fn strips_trailer(&self, name: &str) -> bool {
        self.header_rules.removes_trailer(name)
    }

    pub(crate) const fn header_rules(&self) -> &HeaderRules {
        &self.header_rules
    }

    /// The mode where no service is found.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Every role that some row names.
    pub const fn role_names(&self) -> &RoleNames {
        &self.role_names
    }

    /// Those of the roles that some row names.
    pub fn role_bits(&self, roles: &Roles<'_>) -> RoleBits {
        self.role_names.bits(roles.iter())
    }

    /// The row of that id, and its service.
    pub fn row(&self, id: RowId) -> Option<(ServiceId, &Row)> {
        let first = |service: &Service| service.table.first;
        // the last service whose rows begin at or before the id; one without rows begins where the next does
        let at = self.services.partition_point(|service| first(service) <= id).checked_sub(1)?;
        let service = self.services.get(at)?;
        let row = service.table.rows.get(id.0.checked_sub(service.table.first.0)? as usize)?;
        Some((ServiceId(u32::try_from(at).ok()?), row))
    }

    /// Whether each decision is left for Envoy's access log.
    pub const fn access_log(&self) -> bool {
        self.access_log
    }

    /// 16 hexadecimal digits that tell policies apart: equal for documents that say the same, presets written out.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

#[cfg(test)]
mod tests;
