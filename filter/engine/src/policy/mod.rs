//! The policy: the document as written, and what it compiles to.
//!
//! [`document`] is what serde reads, `compile` checks it and makes the [`Policy`], which is made for asking: issuers and
//! hosts are hash lookups, rows are found in a tree, roles are bits. A policy that exists is whole; whoever has an old one
//! keeps it until the new one is. Several files become one document in [`merge`].

mod bounds;
mod compile;
pub mod document;
mod error;
mod hash;
mod hosts;
mod identity;
mod merge;
mod mode;
mod origins;
mod presets;
mod provider;
mod read;
#[cfg(feature = "schema")]
mod schema;
mod service;
#[cfg(test)]
mod testing;
mod text;
mod values;

use std::collections::HashMap;

pub use bounds::{CacheBounds, Limits, Waiting};
pub use document::Document;
pub use error::{PolicyError, PolicyErrors, file_and_place};
pub use identity::{Assertion, Identity, MAX_ASSERTION_TTL};
pub use merge::{Merged, merge};
pub use mode::{Date, Mode, ModeDocument};
pub use provider::{
    ClaimPath, ClaimRule, Endpoint, KeySource, KeyTimes, Provider, ProviderId, SourceId, TokenSource,
};
#[cfg(feature = "schema")]
pub use schema::json_schema;
pub use service::{Found, Row, RowId, Service, ServiceId};
pub use values::{Count, Json, Named, Seconds};

use crate::authz::requirement::{RoleBits, RoleNames};
use crate::authz::roles::Roles;
use hosts::Hosts;

/// A policy, whole and checked.
#[derive(Clone, Debug)]
pub struct Policy {
    providers: Box<[Provider]>,
    issuers: HashMap<Box<str>, ProviderId>,
    services: Box<[Service]>,
    hosts: Hosts,
    sources: Box<[TokenSource]>,
    identity: Identity,
    limits: Limits,
    waiting: Waiting,
    cache: CacheBounds,
    problem_base: Option<Box<str>>,
    stripped: Box<[Box<str>]>,
    mode: Mode,
    role_names: RoleNames,
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
        self.issuers.get(issuer).copied()
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

    /// The headers to strip besides those that are always stripped, in lower case: every identity header, the assertion's,
    /// and what the document adds.
    pub fn stripped(&self) -> &[Box<str>] {
        &self.stripped
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
    pub fn role_bits(&self, roles: &Roles) -> RoleBits {
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

    /// 16 hexadecimal digits that tell policies apart: equal for documents that say the same, presets written out.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{loaded, provider, rows, service, shop};
    use super::*;
    use crate::authz::path::CanonicalPath;
    use crate::authz::requirement::Requirement;
    use crate::time::UnixTime;
    use serde_json::json;

    fn policy() -> Policy {
        loaded(|_| {})
    }

    #[test]
    fn a_policy_is_found_by_issuer_and_host_and_row() {
        let policy = policy();
        let provider = policy.provider_of_issuer("https://idp.example/realms/shop").unwrap();
        assert_eq!(&*policy.provider(provider).unwrap().name, "keycloak");
        assert_eq!(policy.provider_of_issuer("https://idp.example/realms/shop/"), None);
        assert_eq!(policy.provider(ProviderId(1)).map(|it| &it.name), None);

        let id = policy.service_of_host(b"shop.example:8080").unwrap();
        let service = policy.service(id).unwrap();
        assert!(service.accepts(provider));
        let path = CanonicalPath::parse(b"/orders/7").unwrap();
        let Found::Row(row) = service.find("GET", path) else { panic!("no row") };
        let (of, same) = policy.row(row.id).unwrap();
        assert_eq!((of, same.id, same.template.as_str()), (id, row.id, "/orders/{order_id}"));
        assert!(matches!(service.find("PUT", path), Found::PathKnown));
        assert!(policy.row(RowId(4)).is_none());
    }

    #[test]
    fn what_is_unsaid_is_the_default() {
        let policy = policy();
        let provider = &policy.providers()[0];
        assert_eq!((provider.leeway, provider.max_age, provider.ignore_binding), (30, None, false));
        assert_eq!(*provider.audience_claim, ["aud".into()]);
        assert_eq!(*provider.subject, ["sub".into()]);
        assert_eq!(*provider.token_types, [Some("jwt".into()), Some("at+jwt".into())]);
        let KeyTimes { refresh, max_stale, unknown_kid_interval, timeout, max_bytes } = provider.key_times;
        assert_eq!(
            [refresh, max_stale, unknown_kid_interval, timeout].map(|it| it.as_secs()),
            [300, 3600, 30, 5]
        );
        assert_eq!(max_bytes, 1024 * 1024);
        assert_eq!(policy.sources(), [TokenSource::Bearer]);
        assert_eq!(policy.source(provider.source), Some(&TokenSource::Bearer));
        let identity = policy.identity();
        assert_eq!((&*identity.assertion.issuer, identity.assertion.ttl.as_secs()), ("portcullis", 60));
        assert_eq!(policy.services()[0].assertion_audience(), "shop");
        let stripped: Vec<_> = policy.stripped().iter().map(AsRef::as_ref).collect();
        assert_eq!(stripped, ["x-auth-subject", "x-auth-roles", "x-auth-issuer", "x-auth-principal"]);
        assert_eq!((policy.mode(), policy.problem_base()), (Mode::Enforce, None));
    }

    #[test]
    fn the_nearest_mode_wins_row_then_service_then_policy() {
        let shadow = |until| json!({ "shadow": { "until": until } });
        let policy = loaded(|policy| {
            policy["mode"] = shadow("2027-01-31");
            policy["services"]["other"] = json!({ "hosts": ["other.example"], "mode": "enforce", "routes": [
                { "match": "GET /a", "public": true },
                { "match": "GET /b", "public": true, "mode": shadow("1970-01-01") },
            ] });
            rows(policy)[0]["mode"] = json!("enforce");
        });
        let until = |end| Mode::Shadow { ends: UnixTime(end) };
        assert_eq!(policy.mode(), until(1_801_440_000));
        let modes = policy.services().iter().map(|service| {
            let rows: Vec<_> = service.rows().iter().map(|row| row.mode).collect();
            (service.mode(), rows)
        });
        let trial = until(1_801_440_000);
        assert_eq!(
            modes.collect::<Vec<_>>(),
            [
                (Mode::Enforce, vec![Mode::Enforce, until(86_400)]),
                (trial, vec![Mode::Enforce, trial, trial, trial]),
            ]
        );
    }

    #[test]
    fn row_ids_run_through_all_services_those_without_rows_too() {
        let policy = loaded(|policy| {
            for (name, rows) in [("a", 2), ("b", 0), ("c", 0), ("d", 1), ("z", 0)] {
                let routes: Vec<_> =
                    (0..rows).map(|n| json!({ "match": format!("GET /{n}"), "public": true })).collect();
                policy["services"][name] = json!({ "hosts": [format!("{name}.example")], "routes": routes });
            }
        });
        let mut ids = 0;
        for (at, service) in policy.services().iter().enumerate() {
            for row in service.rows() {
                assert_eq!(row.id, RowId(ids));
                let (id, same) = policy.row(row.id).unwrap();
                assert_eq!((id.0 as usize, same.template.as_str()), (at, row.template.as_str()));
                ids += 1;
            }
        }
        assert_eq!(ids, 7);
        assert!(policy.row(RowId(7)).is_none() && policy.row(RowId(u32::MAX)).is_none());
    }

    #[test]
    fn the_hash_is_equal_for_documents_that_say_the_same_and_for_no_others() {
        let hash = |change: fn(&mut serde_json::Value)| loaded(change).hash().to_owned();
        let shop = hash(|_| {});
        assert_eq!(shop.len(), 16);
        assert!(shop.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')));
        assert_eq!(
            hash(|it| it["providers"]["keycloak"]["leeway"] = json!("1m")),
            hash(|it| {
                it["providers"]["keycloak"]["leeway"] = json!(60.0);
            })
        );
        for other in [
            hash(|it| it["providers"]["keycloak"]["leeway"] = json!(60)),
            hash(|it| service(it)["hosts"] = json!(["shop.example"])),
            hash(|it| it["mode"] = json!({ "shadow": { "until": "2027-01-31" } })),
            hash(|it| drop(rows(it).pop())),
        ] {
            assert_ne!(shop, other);
        }
    }

    #[test]
    fn numbers_may_be_the_doubles_of_a_protobuf_struct() {
        let policy = loaded(|policy| {
            provider(policy)["jwks"]["refresh"] = json!(300.0);
            provider(policy)["jwks"]["max_bytes"] = json!(65536.0);
            policy["limits"] = json!({ "token_bytes": 4096.0 });
        });
        assert_eq!(policy.providers()[0].key_times.max_bytes, 65536);
        assert_eq!(policy.limits().token_bytes, 4096);
    }

    #[test]
    fn only_roles_that_some_row_names_can_decide() {
        let policy =
            loaded(|policy| rows(policy).push(json!({ "match": "GET /x", "all_roles": ["admin", "admin"] })));
        assert_eq!(policy.role_names().iter().collect::<Vec<_>>(), ["customer", "admin"]);
        let Requirement::Roles { any, all } = &policy.services()[0].rows()[4].requirement else {
            panic!("no roles")
        };
        assert_eq!((any.len(), all.len()), (0, 1));
        drop(shop());
    }
}
