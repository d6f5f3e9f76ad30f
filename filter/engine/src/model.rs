//! What a policy bounds: what a request may bring, who waits for keys, what is remembered.

use std::borrow::Cow;
use std::time::Duration;

use crate::authz::path::CanonicalPath;
use crate::authz::roles::{Requirement, RoleBits, RoleNames, RoleRules, Roles};
use crate::authz::route_template::Template;
use crate::authz::route_tree::Tree;
use crate::clock::UnixTime;
use crate::header_strip::{HeaderRules, Verified};
use crate::jose::json::ClaimPath;
use crate::jose::jwks::KeySet;
use crate::jose::signature::AlgorithmSet;
use crate::request::{SourceId, TokenSource};
use crate::sorted_map::SortedMap;

/// A policy, whole and checked.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) providers: Box<[Provider]>,
    pub(crate) issuers: SortedMap<ProviderId>,
    pub(crate) services: Box<[Service]>,
    pub(crate) hosts: Hosts,
    pub(crate) sources: Box<[TokenSource]>,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    pub(crate) waiting: Waiting,
    pub(crate) cache: CacheBounds,
    pub(crate) problem_base: Option<Box<str>>,
    pub(crate) header_rules: HeaderRules,
    pub(crate) mode: Mode,
    pub(crate) role_names: RoleNames,
    pub(crate) access_log: bool,
    pub(crate) hash: Box<str>,
}

impl Policy {
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

    /// The headers that this policy removes besides those that every policy removes, in lower case:
    /// the identity headers, the assertion's, and `headers.strip`.
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

    /// Whether a header may be removed from a request, as a whole or in part: see
    /// [`crate::header_strip`].
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
        // the last service whose rows begin at or before the id; one without rows begins where the
        // next does
        let at = self.services.partition_point(|service| first(service) <= id).checked_sub(1)?;
        let service = self.services.get(at)?;
        let row = service.table.rows.get(id.0.checked_sub(service.table.first.0)? as usize)?;
        Some((ServiceId(u32::try_from(at).ok()?), row))
    }

    /// Whether each decision is left for Envoy's access log.
    pub const fn access_log(&self) -> bool {
        self.access_log
    }

    /// 16 hexadecimal digits that tell policies apart: equal for documents that say the same,
    /// presets written out.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// Bounds of what a request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a token, in bytes.
    pub token_bytes: usize,
}

/// Bounds of the queue of requests that wait for keys, for each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Requests that wait for a provider's first keys.
    pub requests: usize,
    /// Requests that wait because their key id is new: a bound of their own, so that random ids
    /// cannot fill the queue.
    pub unknown_kid_requests: usize,
    /// Bytes of the bodies that came with the requests of either kind.
    pub body_bytes: usize,
    /// How long a request waits at most.
    pub time: Duration,
}

/// Bounds of the caches of verified tokens and of assertions, for each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheBounds {
    /// Tokens.
    pub tokens: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Assertions in use: one for each caller, row and method that come again within half of its
    /// life.
    pub assertions: usize,
}

/// What happens to a request that level 1 or 2 refuses. The nearest one wins: row, service, policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// It ends.
    #[default]
    Enforce,
    /// It passes, marked and logged, until `ends`; from then on it ends.
    Shadow {
        /// The first second that is enforced again.
        ends: UnixTime,
    },
}

impl Mode {
    /// Whether a refusal at `now` passes all the same.
    pub fn shadows(self, now: UnixTime) -> bool {
        matches!(self, Self::Shadow { ends } if now < ends)
    }
}

/// Longest life of an assertion.
pub const MAX_ASSERTION_TTL: Duration = Duration::from_mins(1);

/// What the services are told about the caller. Every header name is in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The header that carries the subject.
    pub subject_header: Box<str>,
    /// The header that carries the roles.
    pub roles_header: Box<str>,
    /// The header that carries the provider's issuer.
    pub issuer_header: Box<str>,
    /// The signed assertion. Its audience is the service's:
    /// [`Service::assertion_audience`](super::Service::assertion_audience).
    pub assertion: Assertion,
    /// Whether the caller's own token goes on to the service.
    pub forward_token: bool,
}

/// The signed assertion: a JWT from the gateway to one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The header that carries it.
    pub header: Box<str>,
    /// Its `iss`: the gateway's own name.
    pub issuer: Box<str>,
    /// Its life; at most [`MAX_ASSERTION_TTL`].
    pub ttl: Duration,
    /// The environment variable that holds the signing key.
    pub key_env: Box<str>,
    /// It is not written: the services trust the plain headers, because the operator said so.
    pub omitted: bool,
}

/// A provider's place in [`Policy::providers`](super::Policy::providers): small, and valid within
/// one policy only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(pub u32);

impl KeySource {
    /// Whether they are fetched, and so have an age.
    pub const fn is_fetched(&self) -> bool {
        !matches!(self, Self::Inline(_))
    }
}

/// `required_claims`: the claim must be there and be a string that is one of these (or a list of
/// strings that holds one of them).
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
    /// The claim that holds the audience: `["aud"]` by default, another where a product's access
    /// tokens have no `aud`.
    pub audience_claim: ClaimPath,
    /// Where the keys come from.
    pub keys: KeySource,
    /// The keys' times and bounds.
    pub key_times: KeyTimes,
    /// What `alg` may be. Never empty.
    pub algorithms: AlgorithmSet,
    /// The largest RSA key that may verify RSA-PSS, in bits; default 2048, at most 4096.
    pub max_pss_key_bits: usize,
    /// What `typ` may be, in the normal form of RFC 7515 4.1.9 (lower case, no `application/`).
    /// `None` in the list: it may be absent.
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

/// A service's place in [`Policy::services`](super::Policy::services).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub u32);

/// A row's place among all rows of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub u32);

/// A service behind the gateway.
#[derive(Clone, Debug)]
pub struct Service {
    pub(super) name: Box<str>,
    pub(super) audiences: Option<Box<[Box<str>]>>,
    /// Sorted.
    pub(super) providers: Box<[ProviderId]>,
    pub(super) sources: Box<[SourceId]>,
    pub(super) clusters: Option<Box<[Box<str>]>>,
    pub(super) preflight: bool,
    pub(super) assertion_audience: Box<str>,
    pub(super) ownership_bypass_roles: Box<[Box<str>]>,
    pub(super) mode: Mode,
    pub(super) table: Table,
}

/// A row: an endpoint, and what it asks of its caller.
#[derive(Clone, Debug)]
pub struct Row {
    /// Small, and unique within one policy.
    pub id: RowId,
    /// Compared exactly (RFC 9110 9.1).
    pub method: Box<str>,
    /// The path template, as written.
    pub template: Template,
    /// What it asks of its caller.
    pub requirement: Requirement,
    /// The nearest one: the row's, the service's, or the policy's.
    pub mode: Mode,
}

/// What the role table says of a method and a path.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// The one row that decides.
    Row(&'a Row),
    /// The path has a row, but not for this method.
    PathKnown,
    /// No row.
    Nothing,
}

/// The rows of one service.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The id of the first row; the others follow.
    pub(super) first: RowId,
    /// In the order of the document.
    pub(super) rows: Box<[Row]>,
    pub(super) tree: Tree,
    /// For each template of the tree, its rows by index.
    pub(super) methods: Box<[Box<[u32]>]>,
}

impl Service {
    /// Its name in the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles with which the service lets a caller touch what is another's. Nothing is decided
    /// by them here.
    pub fn ownership_bypass_roles(&self) -> &[Box<str>] {
        &self.ownership_bypass_roles
    }

    /// The audiences that narrow those of the providers, if there are any.
    pub fn audiences(&self) -> Option<&[Box<str>]> {
        self.audiences.as_deref()
    }

    /// Whether it accepts this provider's tokens.
    pub fn accepts(&self, provider: ProviderId) -> bool {
        self.providers.binary_search(&provider).is_ok()
    }

    /// The providers whose tokens it accepts, in order.
    pub fn providers(&self) -> &[ProviderId] {
        &self.providers
    }

    /// Where its providers' tokens are looked for.
    pub fn sources(&self) -> &[SourceId] {
        &self.sources
    }

    /// The Envoy clusters that belong to it; `None`: any.
    pub fn clusters(&self) -> Option<&[Box<str>]> {
        self.clusters.as_deref()
    }

    /// Whether a CORS preflight for a declared endpoint needs no token.
    pub const fn preflight(&self) -> bool {
        self.preflight
    }

    /// The `aud` of the signed assertion.
    pub fn assertion_audience(&self) -> &str {
        &self.assertion_audience
    }

    /// The mode where no row is found.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The rows, in the order of the document.
    pub fn rows(&self) -> &[Row] {
        &self.table.rows
    }

    /// The row for a method and a path. The most specific template decides alone: if it has no row
    /// for the method, a wider template does not step in. `HEAD` uses the `GET` row unless it has
    /// its own (RFC 9110 9.3.2).
    ///
    /// A path whose escapes could be spelled away (`%3A` for `:`) must lead to the same template in
    /// both spellings; otherwise a service that decodes before it routes would see another
    /// endpoint, and there is no row.
    pub fn find(&self, method: &str, path: CanonicalPath<'_>) -> Found<'_> {
        let template = self.table.tree.find(path.as_str());
        let same = match path.spelling() {
            Cow::Borrowed(_) => true,
            Cow::Owned(spelling) => template == self.table.tree.find(&spelling),
        };
        let Some(template) = template.filter(|_| same) else { return Found::Nothing };
        let rows = self.table.methods.get(template as usize).map_or(&[][..], AsRef::as_ref);
        let row = |method: &str| {
            let mut rows = rows.iter().filter_map(|index| self.table.rows.get(*index as usize));
            rows.find(|row| *row.method == *method)
        };
        let own = row(method);
        own.or_else(|| row("GET").filter(|_| method == "HEAD")).map_or(Found::PathKnown, Found::Row)
    }
}

/// Maps the `:authority` of a request to its service: the exact host, then the longest `*.suffix`,
/// then `*`.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    exact: SortedMap<ServiceId>,
    /// By what follows the star, its dot included.
    suffix: SortedMap<ServiceId>,
    any: Option<ServiceId>,
}

impl Hosts {
    /// Adds a pattern in lower case; `Some`: it belongs to that service already.
    pub(super) fn add(&mut self, pattern: &str, service: ServiceId) -> Option<ServiceId> {
        let (hosts, key) = match pattern.strip_prefix('*') {
            Some("") => {
                let known = self.any;
                self.any = known.or(Some(service));
                return known;
            }
            Some(suffix) => (&mut self.suffix, suffix),
            None => (&mut self.exact, pattern),
        };
        match hosts.get(key.as_bytes()) {
            Some(known) => Some(*known),
            None => hosts.insert(key.as_bytes(), service),
        }
    }

    /// The service of a request's authority. What no host can look like belongs to none.
    pub(super) fn find(&self, authority: &[u8]) -> Option<ServiceId> {
        // mostly it is a host as the policy has it, which need not be read to be known
        self.exact.get(authority).copied().or_else(|| self.read(authority))
    }

    /// The service of an authority that is no host of the policy, byte for byte.
    fn read(&self, authority: &[u8]) -> Option<ServiceId> {
        let host = host(authority)?;
        let host = if host.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        };
        let exact = || self.exact.get(host.as_bytes()).copied();
        let suffix = || {
            // from the first dot on, so the longest comes first; a star stands for one letter at
            // least
            let dots = host.match_indices('.').filter(|(at, _)| *at > 0);
            dots.filter_map(|(at, _)| host.get(at..))
                .find_map(|suffix| self.suffix.get(suffix.as_bytes()).copied())
        };
        exact().or_else(suffix).or(self.any)
    }
}

/// The longest host (RFC 1035 2.3.4, with a trailing dot), a colon and a port.
const MAX_AUTHORITY: usize = 254 + 1 + 5;

/// The host of an authority (RFC 3986 3.2), without its port. User information and what no host may
/// hold: `None`.
fn host(authority: &[u8]) -> Option<&str> {
    let authority = Some(authority).filter(|it| it.len() <= MAX_AUTHORITY);
    let authority = std::str::from_utf8(authority?).ok()?;
    let host = match authority.rsplit_once(':') {
        // the last colon of an IPv6 address stands before its bracket
        Some((host, port)) if !port.ends_with(']') => {
            if !port.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            host
        }
        _ => authority,
    };
    is_host(host).then_some(host)
}

/// A registered name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    match inner {
        Some(address) => {
            !address.is_empty()
                && address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        }
        None => !host.is_empty() && host.bytes().all(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_host_wins_then_the_longest_suffix_then_any() {
        let mut hosts = Hosts::default();
        for (id, pattern) in
            ["shop.example", "*.example", "*.shop.example", "*", "[::1]"].iter().enumerate()
        {
            assert_eq!(hosts.add(pattern, ServiceId(u32::try_from(id).unwrap())), None);
        }
        for (authority, expected) in [
            ("shop.example", Some(0)),
            ("SHOP.Example:8443", Some(0)),
            ("shop.example:", Some(0)),
            ("www.example", Some(1)),
            ("a.b.example", Some(1)),
            ("www.shop.example", Some(2)),
            ("a.b.shop.example:80", Some(2)),
            (".shop.example", Some(1)),
            ("example", Some(3)),
            (".example", Some(3)),
            ("shop.example.", Some(3)),
            ("10.0.0.1:80", Some(3)),
            ("[::1]", Some(4)),
            ("[::1]:80", Some(4)),
            ("[::2]", Some(3)),
            ("", None),
            (":80", None),
            ("shop.example:http", None),
            ("a@shop.example", None),
            ("shop.example/", None),
            ("shop example", None),
            ("::1", None),
            ("[::1", None),
            ("a,shop.example", None),
        ] {
            assert_eq!(hosts.find(authority.as_bytes()), expected.map(ServiceId), "{authority}");
        }
        assert_eq!(hosts.find(b"\xff.example"), None);
        let long = |bytes: usize| "a".repeat(bytes - ".example:65535".len()) + ".example:65535";
        assert_eq!(hosts.find(long(MAX_AUTHORITY).as_bytes()), Some(ServiceId(1)));
        assert_eq!(hosts.find(long(MAX_AUTHORITY + 1).as_bytes()), None);
    }

    #[test]
    fn a_pattern_belongs_to_one_service() {
        for pattern in ["shop.example", "*.example", "*"] {
            let mut hosts = Hosts::default();
            assert_eq!(hosts.add(pattern, ServiceId(1)), None);
            assert_eq!(hosts.add(pattern, ServiceId(2)), Some(ServiceId(1)), "{pattern}");
        }
    }
}
