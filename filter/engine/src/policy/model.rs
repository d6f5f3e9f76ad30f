//! What a policy bounds: what a request may bring, who waits for keys, what is remembered.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::authn::jwks::KeySet;
use crate::authn::signature::AlgorithmSet;
use crate::authz::path::CanonicalPath;
use crate::authz::roles::{Requirement, RoleRules};
use crate::authz::route_template::Template;
use crate::authz::route_tree::Tree;
use crate::clock::UnixTime;
use crate::policy::document::{CacheDocument, LimitsDocument, WaitingDocument};
use crate::sorted_map::SortedMap;

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
    /// Requests that wait because their key id is new: a bound of their own, so that random ids cannot fill the queue.
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
    /// Assertions in use: one for each caller, row and method that come again within half of its life.
    pub assertions: usize,
}

impl From<&LimitsDocument> for Limits {
    fn from(document: &LimitsDocument) -> Self {
        Self { token_bytes: document.token_bytes.map_or(16 * 1024, super::values::Count::as_usize) }
    }
}

impl From<&WaitingDocument> for Waiting {
    fn from(document: &WaitingDocument) -> Self {
        Self {
            requests: document.requests.map_or(1000, super::values::Count::as_usize),
            unknown_kid_requests: document.unknown_kid_requests.map_or(100, super::values::Count::as_usize),
            body_bytes: document.body_bytes.map_or(16 * 1024 * 1024, super::values::Count::as_usize),
            time: document.time.map_or(Duration::from_secs(5), Duration::from),
        }
    }
}

impl From<&CacheDocument> for CacheBounds {
    fn from(document: &CacheDocument) -> Self {
        Self {
            tokens: document.tokens.map_or(10_000, super::values::Count::as_usize),
            bytes: document.bytes.map_or(14 * 1024 * 1024, super::values::Count::as_usize),
            assertions: document.assertions.map_or(2048, super::values::Count::as_usize),
        }
    }
}

// Enforce, or only show what would have been refused, until a day.

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
        if year < 1970 || !(1..=12).contains(&month) || !(1..=Self::days_in_month(year, month)).contains(&day)
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

// What the services are told about the caller, compiled.

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
    /// The signed assertion. Its audience is the service's: [`Service::assertion_audience`](super::Service::assertion_audience).
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

// A provider as the policy compiled it: everything that level 1 compares a token with. Level 1 reads it and nothing
// else of the policy.

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

// A service and its role table, compiled for finding.

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

    /// The roles with which the service lets a caller touch what is another's. Nothing is decided by them here.
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

    /// The row for a method and a path. The most specific template decides alone: if it has no row for the method, a
    /// wider template does not step in. `HEAD` uses the `GET` row unless it has its own (RFC 9110 9.3.2).
    ///
    /// A path whose escapes could be spelled away (`%3A` for `:`) must lead to the same template in both spellings;
    /// otherwise a service that decodes before it routes would see another endpoint, and there is no row.
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

// From the `:authority` of a request to its service: exact, then the longest `*.suffix`, then `*`.

/// The hosts of every service.
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
            // from the first dot on, so the longest comes first; a star stands for one letter at least
            let dots = host.match_indices('.').filter(|(at, _)| *at > 0);
            dots.filter_map(|(at, _)| host.get(at..))
                .find_map(|suffix| self.suffix.get(suffix.as_bytes()).copied())
        };
        exact().or_else(suffix).or(self.any)
    }
}

/// The longest host (RFC 1035 2.3.4, with a trailing dot), a colon and a port.
const MAX_AUTHORITY: usize = 254 + 1 + 5;

/// The host of an authority (RFC 3986 3.2), without its port. User information and what no host may hold: `None`.
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
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        }
        None => !host.is_empty() && host.bytes().all(name),
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

    #[test]
    fn the_exact_host_wins_then_the_longest_suffix_then_any() {
        let mut hosts = Hosts::default();
        for (id, pattern) in ["shop.example", "*.example", "*.shop.example", "*", "[::1]"].iter().enumerate()
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
