//! Which headers of a request its service does not get. On every route, public ones too, and in
//! shadow mode, from headers and trailers, these are removed:
//!
//! - identity headers, which only the gateway writes, and whatever the policy's `headers.strip`
//!   names;
//! - headers that name another method or target than the request itself ([`DOUBLE_MEANING`]);
//! - headers by which a proxy describes the request, since frameworks believe them from anyone
//!   ([`FORWARDED`]), unless `headers.pass` names them;
//! - credentials that were not verified, unless `headers.pass_unverified` names them.
//!
//! Names are compared as CGI-like services read them (RFC 3875 4.1.18): case is ignored, and every
//! character that is neither a letter nor a digit is a hyphen. PHP and CGI fold `.` and `_` so,
//! lighttpd folds everything.

use crate::request::Headers;
use crate::request::{SourceId, TokenSource};

/// Headers that name another path, method or host than the request itself; some frameworks believe
/// them (CVE-2023-27487, CVE-2018-14773). No policy can let them pass.
pub const DOUBLE_MEANING: &[&str] = &[
    "x-envoy-original-path",
    "x-envoy-original-host",
    "x-envoy-original-method",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-original-host",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    // gunicorn takes the path of the request from these
    "path-info",
    "script-name",
];
/// The beginnings of more names of that kind.
pub(crate) const DOUBLE_MEANING_PREFIXES: &[&str] = &["x-http-method", "x-rewrite-"];

/// Headers by which a proxy tells a service what it saw: scheme, host, prefix, address or user of
/// the client. Frameworks trust them from any sender, so they pass only if the policy's
/// `headers.pass` names them.
pub const FORWARDED: &[&str] = &[
    "forwarded",
    "x-forwarded",
    "x-script-name",
    "x-scheme",
    "x-url-scheme",
    "x-host",
    "x-http-host-override",
    "front-end-https",
    // the client's address
    "client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    // the client's name
    "remote-user",
    // CVE-2016-5385: CGI makes it the variable HTTP_PROXY
    "proxy",
    // CVE-2025-61780: Rack serves internal files by these
    "x-accel-mapping",
    "x-sendfile-type",
    // CVE-2025-29927: Next.js skips its own authorization
    "x-middleware-subrequest",
];
/// The beginnings of more names of that kind.
pub(crate) const FORWARDED_PREFIXES: &[&str] =
    &["x-forwarded-", "x-original-", "x-auth-request-", "x-remote-"];

/// Headers that Envoy itself writes, overwrites or checks, under these names and no other spelling:
/// they pass as written here.
const ENVOYS: &[&str] = &[
    "content-length",
    "content-type",
    "transfer-encoding",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];
/// The beginning of more names of that kind.
const ENVOYS_PREFIX: &str = "x-envoy-";

/// Headers that carry credentials, whatever the policy's token sources are (RFC 9110 11.6.2,
/// 11.7.2).
pub(crate) const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization"];

/// Tells the service that a shadowed refusal passed, and why it would have been refused.
pub const SHADOW_HEADER: &str = "x-portcullis-shadow";

/// A policy's decision which headers its services get.
#[derive(Clone, Debug)]
pub(crate) struct HeaderRules {
    /// By [`length`], since most headers of a request have another than any of these.
    by_length: Box<[Vec<Rule>]>,
    cookies: Box<[Cookie]>,
    lists: HeaderLists,
}

/// What a policy says of headers, in lower case; each name once.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderLists {
    /// Removed: the identity headers, and `headers.strip`.
    pub(crate) stripped: Box<[Box<str>]>,
    /// `headers.pass`.
    pub(crate) passed: Box<[Box<str>]>,
    /// `headers.pass_unverified`; names of cookies as they are.
    pub(crate) passed_unverified: Box<[Box<str>]>,
}

/// Where the verified token of a request is, and whether the service gets it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verified {
    pub(crate) source: Option<SourceId>,
    pub(crate) forwarded: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    /// In lower case, as the policy or Envoy spells it.
    name: Box<str>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Removed in every spelling.
    Removed,
    /// Passes as it is spelled in the rule; removed in every other spelling.
    Passes,
    /// As [`Fate::Passes`] if the token in it was verified and is forwarded, or was not verified
    /// and passes all the same.
    Credential { source: Option<SourceId>, passes_unverified: bool },
}

/// A cookie that carries tokens.
#[derive(Clone, Debug)]
struct Cookie {
    name: Box<str>,
    source: SourceId,
    passes_unverified: bool,
}

impl Verified {
    /// Whether what may be a credential of `source` goes on.
    fn passes(self, source: Option<SourceId>, unverified: bool) -> bool {
        if source.is_some() && source == self.source { self.forwarded } else { unverified }
    }
}

impl HeaderRules {
    /// The rules for a policy with these token sources.
    pub(crate) fn new(lists: HeaderLists, sources: &[TokenSource]) -> Self {
        let mut rules =
            Self { by_length: vec![Vec::new(); LONG + 1].into(), cookies: Box::default(), lists };
        let HeaderLists { stripped, passed, passed_unverified } = rules.lists.clone();
        let passes_unverified =
            |name: &str| passed_unverified.iter().any(|passed| **passed == *name);
        let mut cookies = Vec::new();
        // the first rule of a name decides
        for name in stripped.iter().map(AsRef::as_ref).chain([SHADOW_HEADER]) {
            rules.add(name, Fate::Removed);
        }
        for (source, place) in (0..).map(SourceId).zip(sources) {
            let name = place.header();
            match place {
                TokenSource::Bearer | TokenSource::Header { .. } => {
                    let passes_unverified = passes_unverified(name);
                    rules.add(name, Fate::Credential { source: Some(source), passes_unverified });
                }
                TokenSource::Cookie { name, .. } => {
                    let passes_unverified = passes_unverified(name);
                    cookies.push(Cookie { name: name.clone(), source, passes_unverified });
                }
            }
        }
        for name in CREDENTIALS {
            let passes_unverified = passes_unverified(name);
            rules.add(name, Fate::Credential { source: None, passes_unverified });
        }
        for name in passed.iter().map(AsRef::as_ref).chain(ENVOYS.iter().copied()) {
            rules.add(name, Fate::Passes);
        }
        for name in DOUBLE_MEANING.iter().chain(FORWARDED) {
            rules.add(name, Fate::Removed);
        }
        rules.cookies = cookies.into();
        rules
    }

    fn add(&mut self, name: &str, fate: Fate) {
        if self.rule(name).is_none()
            && let Some(rules) = self.by_length.get_mut(length(name))
        {
            rules.push(Rule { name: name.into(), fate });
        }
    }

    /// What the policy says.
    pub(crate) fn lists(&self) -> &HeaderLists {
        &self.lists
    }

    fn rule(&self, name: &str) -> Option<&Rule> {
        let rules = self.by_length.get(length(name))?;
        rules.iter().find(|rule| reads_as(name.as_bytes(), rule.name.as_bytes()))
    }

    /// Whether a header is removed. Cookies are removed one by one: see [`Self::cookies_left`].
    pub(crate) fn removes(&self, name: &str, verified: Verified) -> bool {
        let Some(rule) = self.rule(name) else { return is_removed_by_default(name) };
        let passes = match rule.fate {
            Fate::Removed => false,
            Fate::Passes => true,
            Fate::Credential { source, passes_unverified } => {
                verified.passes(source, passes_unverified)
            }
        };
        !passes || name != &*rule.name
    }

    /// Whether a trailer is removed. Envoy checks none of them, and neither credentials nor what
    /// describes a request belongs there (RFC 9110 6.5.1), so nothing that has a rule passes.
    pub(crate) fn removes_trailer(&self, name: &str) -> bool {
        self.rule(name).is_some()
            || is_removed_by_default(name)
            || begins_with(name, ENVOYS_PREFIX)
            || reads_as(name.as_bytes(), b"cookie")
    }

    /// Whether a header may be another one for the service than it was for Envoy's choice of a
    /// route.
    pub(crate) fn changes(&self, name: &str) -> bool {
        self.removes(name, Verified::default()) || (name == "cookie" && !self.cookies.is_empty())
    }

    /// The values of the `Cookie` headers without the cookies that carry a token and do not pass;
    /// `None` if all of them stay.
    pub(crate) fn cookies_left<'h>(
        &self,
        headers: Headers<'h>,
        verified: Verified,
    ) -> Option<Vec<Vec<u8>>> {
        let goes = |crumb: &&[u8]| self.cookies.iter().any(|cookie| cookie.takes(crumb, verified));
        let crumbs = |value: &'h [u8]| value.split(|byte| *byte == b';');
        // most requests lose no cookie: nothing is copied before it is known that one goes
        if self.cookies.is_empty()
            || !headers.all("cookie").flat_map(crumbs).any(|crumb| goes(&crumb))
        {
            return None;
        }
        let left = headers.all("cookie").filter_map(|value| {
            let left: Vec<_> =
                crumbs(value).filter(|crumb| !goes(crumb)).map(<[u8]>::trim_ascii).collect();
            (!left.is_empty()).then(|| left.join(&b"; "[..]))
        });
        Some(left.collect())
    }
}

impl Cookie {
    /// Whether this part of a `Cookie` header is, or may be read as, this cookie and does not pass.
    #[inline(never)] // twice as much code for the few policies that take cookies
    fn takes(&self, crumb: &[u8], verified: Verified) -> bool {
        let value = crumb.trim_ascii().strip_prefix(self.name.as_bytes());
        let exact = value.is_some_and(|value| value.starts_with(b"="));
        if exact {
            return !verified.passes(Some(self.source), self.passes_unverified);
        }
        // some servers end a cookie at a comma or a space (RFC 2109 4.3.4)
        let mut parts = crumb.split(|byte| matches!(byte, b',' | b' ' | b'\t' | b'"'));
        parts.any(|part| {
            let name = part.split(|byte| *byte == b'=').next().unwrap_or_default();
            decoded(name).map(fold).eq(self.name.bytes().map(fold))
        })
    }
}

/// The bytes of a cookie's name with its escapes decoded, as PHP before 7.4.11 and Rack before
/// 2.2.3 read it (CVE-2020-7070, CVE-2020-8184).
fn decoded(name: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (&first, mut after) = rest.split_first()?;
        let mut byte = first;
        if first == b'%'
            && let [high, low, left @ ..] = after
            && let Some(value) = hex(*high).zip(hex(*low))
        {
            byte = value.0 << 4 | value.1;
            after = left;
        }
        rest = after;
        Some(byte)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether a header without a rule of its own is removed all the same.
fn is_removed_by_default(name: &str) -> bool {
    // all beginnings have this one
    begins_with(name, "x-")
        && (DOUBLE_MEANING_PREFIXES.iter().chain(FORWARDED_PREFIXES).any(|prefix| begins_with(name, prefix))
            // Envoy's own, in a spelling that Envoy does not know
            || (begins_with(name, ENVOYS_PREFIX) && !is_plain(name)))
}

/// Whether a header passes unless the policy says otherwise: nothing need be allowed for it.
pub(crate) fn passes_by_default(name: &str) -> bool {
    let listed = |list: &[&str]| list.iter().any(|known| same_name(name, known));
    ENVOYS.contains(&name) || !(listed(FORWARDED) || is_removed_by_default(name))
}

/// Whether no policy can let a header pass: it would name another method or target than the one
/// that was decided on.
pub(crate) fn has_double_meaning(name: &str) -> bool {
    DOUBLE_MEANING.iter().any(|known| same_name(name, known))
        || DOUBLE_MEANING_PREFIXES.iter().any(|prefix| begins_with(name, prefix))
}

/// Whether a service may read two names of headers as one.
pub fn same_name(one: &str, other: &str) -> bool {
    reads_as(one.as_bytes(), other.as_bytes())
}

/// In lower case, and of letters, digits and hyphens only.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte == fold(byte))
}

/// Of names that are longer nobody has many.
const LONG: usize = 63;

/// Its length in bytes; that of all long names is the same.
fn length(name: &str) -> usize {
    name.len().min(LONG)
}

#[inline(never)] // nine times as much code otherwise
fn begins_with(name: &str, prefix: &str) -> bool {
    name.as_bytes().get(..prefix.len()).is_some_and(|start| reads_as(start, prefix.as_bytes()))
}

fn reads_as(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len() && name.iter().zip(known).all(|(a, b)| fold(*a) == fold(*b))
}

/// A byte of a name as CGI-like services read it.
const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn lists(stripped: &[&str], passed: &[&str], passed_unverified: &[&str]) -> HeaderLists {
        let list = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        HeaderLists {
            stripped: list(stripped),
            passed: list(passed),
            passed_unverified: list(passed_unverified),
        }
    }

    const IDENTITY: &[&str] = &["x-auth-subject", "x-auth-roles", "x-auth-issuer", "x-who"];

    fn sources() -> [TokenSource; 3] {
        [
            TokenSource::Bearer,
            TokenSource::Header { name: "x-token".into(), prefix: "".into() },
            TokenSource::Cookie { name: "__Host-token".into(), origins: Box::default() },
        ]
    }

    fn rules(passed: &[&str], passed_unverified: &[&str]) -> HeaderRules {
        HeaderRules::new(lists(IDENTITY, passed, passed_unverified), &sources())
    }

    fn verified(source: u32, forwarded: bool) -> Verified {
        Verified { source: Some(SourceId(source)), forwarded }
    }

    /// All names that no request may bring, each exactly as it is documented.
    fn removed() -> Vec<&'static str> {
        let more = [
            "x-forwarded-prefix",
            "x-forwarded-host",
            "x-original-for",
            "x-auth-request-user",
            "x-remote-group",
        ];
        let credentials = ["authorization", "proxy-authorization", "x-token"];
        let lists = [IDENTITY, &[SHADOW_HEADER], DOUBLE_MEANING, FORWARDED, &more, &credentials];
        lists.concat()
    }

    /// A name with each hyphen replaced, and each letter in either case.
    fn spelled(name: &str, separators: &[u8], upper: &[bool]) -> String {
        let mut separators = separators.iter().cycle();
        let letters = name.bytes().zip(upper.iter().cycle()).map(|(byte, upper)| match byte {
            b'-' => separators.next().copied().unwrap_or(b'-'),
            _ if *upper => byte.to_ascii_uppercase(),
            _ => byte,
        });
        letters.map(char::from).collect()
    }

    /// Every replacement of each hyphen by one of these, however many there are.
    fn every_spelling(name: &str) -> Vec<String> {
        let count = u32::try_from(name.matches('-').count()).unwrap();
        let replaced = (0..3_usize.pow(count)).map(|number| {
            let place = |place| [b'-', b'_', b'.'][number / 3_usize.pow(place) % 3];
            spelled(name, &(0..count).map(place).collect::<Vec<_>>(), &[false])
        });
        replaced.collect()
    }

    /// Traefik CVE-2026-88011, -54763, -39858, -33433: one spelling was removed and another reached
    /// the service.
    #[test]
    fn every_removed_name_is_removed_with_each_hyphen_replaced_by_an_underscore_or_a_dot() {
        let rules = rules(&[], &[]);
        for name in removed() {
            for spelling in every_spelling(name) {
                assert!(rules.removes(&spelling, Verified::default()), "{spelling}");
                assert!(rules.removes_trailer(&spelling), "{spelling}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_removed_name_is_removed_in_every_mix_of_separators_and_case(
            name in select(removed()), separators in prop::collection::vec(select(b"-_.!#$%&'*+^`|~".to_vec()), 1..6),
            upper in prop::collection::vec(any::<bool>(), 1..9),
        ) {
            let spelling = spelled(name, &separators, &upper);
            let rules = rules(&[], &[]);
            prop_assert!(rules.removes(&spelling, Verified::default()) && rules.removes_trailer(&spelling), "{spelling}");
        }

        #[test]
        fn a_name_that_passes_does_so_in_its_own_spelling_alone(
            name in select(vec!["x-forwarded-for", "x-forwarded-proto", "x-request-id", "x-envoy-external-address", "content-length", "x-forwarded-prefix", "x-original-forwarded-for"]),
            separators in prop::collection::vec(select(b"-_.~".to_vec()), 1..4), upper in prop::collection::vec(any::<bool>(), 1..9),
        ) {
            let spelling = spelled(name, &separators, &upper);
            let removed = rules(&["x-forwarded-prefix", "x-original-forwarded-for"], &[]).removes(&spelling, Verified::default());
            prop_assert_eq!(removed, spelling != name, "{}", spelling);
        }
    }

    #[test]
    fn what_no_rule_is_about_passes() {
        let rules = rules(&[], &[]);
        for name in [
            "accept",
            "cookie",
            "host",
            ":path",
            "x-auth-subjects",
            "x-auth-subjec",
            "auth-subject",
            "x-plain",
            "x-env",
            "forwarded-by",
            "x-tokens",
            "traceparent",
            "if-match",
            "x-admin-reason",
            "x-envoy-attempt-count",
            "",
        ] {
            assert!(!rules.removes(name, Verified::default()), "{name}");
        }
        // of a length that has one place for all
        let long = "x".repeat(300);
        let rules = HeaderRules::new(lists(&[&long], &[], &[]), &[]);
        assert!(
            rules.removes(&long, Verified::default())
                && !rules.removes(&long[1..], Verified::default())
        );
    }

    #[test]
    fn a_stripped_name_goes_although_envoy_writes_it() {
        let rules = HeaderRules::new(
            lists(&["x-forwarded-for", "x-envoy-external-address"], &[], &[]),
            &[],
        );
        for name in ["x-forwarded-for", "x-envoy-external-address"] {
            assert!(rules.removes(name, Verified::default()), "{name}");
        }
    }

    #[test]
    fn a_trailer_is_no_place_for_what_describes_a_request() {
        let rules = rules(&["forwarded"], &["authorization"]);
        for name in [
            "x-forwarded-for",
            "x-request-id",
            "x-envoy-internal",
            "forwarded",
            "authorization",
            "Cookie",
            "x_token",
        ] {
            assert!(rules.removes_trailer(name), "{name}");
        }
        assert!(
            !rules.removes_trailer("grpc-status-details-bin")
                && !rules.removes_trailer("x-checksum")
        );
    }

    #[test]
    fn a_credential_passes_if_it_was_verified_and_is_forwarded_or_the_policy_passes_it_unverified()
    {
        for (unverified, seen, expected) in [
            (&[][..], Verified::default(), [true, true, true]),
            (&[], verified(0, false), [true, true, true]),
            (&[], verified(0, true), [false, true, true]),
            (&[], verified(1, true), [true, false, true]),
            // the verified token keeps its own rule
            (&["authorization"], verified(0, false), [true, true, true]),
            (&["authorization"], verified(1, false), [false, true, true]),
            (&["authorization", "x-token"], Verified::default(), [false, false, true]),
            (&["proxy-authorization"], verified(2, true), [true, true, false]),
        ] {
            let rules = rules(&[], unverified);
            let removed = ["authorization", "x-token", "proxy-authorization"]
                .map(|name| rules.removes(name, seen));
            assert_eq!(removed, expected, "{unverified:?} {seen:?}");
            assert!(rules.removes("x_token", seen) && rules.removes("proxy.authorization", seen));
        }
    }

    fn left(rules: &HeaderRules, seen: Verified, sent: &[&str]) -> Option<Vec<String>> {
        let headers: Vec<_> =
            sent.iter().map(|value| ("cookie".to_owned(), value.as_bytes().to_vec())).collect();
        let left = rules.cookies_left(Headers(&headers), seen)?;
        Some(left.into_iter().map(|value| String::from_utf8(value).unwrap()).collect())
    }

    #[test]
    fn a_cookie_that_carries_a_token_goes_and_the_others_stay() {
        let rules = rules(&[], &[]);
        for (sent, expected) in [
            (&["a=b; c=d"][..], None),
            (&["__Host-tokens=x; a__Host-token=y; b=__Host-token"], None),
            (&["a=b; __Host-token=x;c=d"], Some(&["a=b; c=d"][..])),
            (&["a=b", "__Host-token=x"], Some(&["a=b"])),
            (&["__Host-token=x"], Some(&[])),
        ] {
            for seen in [Verified::default(), verified(2, false), verified(0, true)] {
                let expected =
                    expected.map(|values| values.iter().map(|it| (*it).to_owned()).collect());
                assert_eq!(left(&rules, seen, sent), expected, "{sent:?}");
            }
        }
    }

    /// PHP CVE-2022-31629, CVE-2020-7070; Rack CVE-2020-8184.
    #[test]
    fn a_cookie_that_a_service_could_read_as_the_token_goes_even_where_the_token_is_forwarded() {
        let rules = rules(&[], &[]);
        for alias in [
            "__host-token=x",
            "..Host-token=x",
            "_[Host-token=x",
            "__Host_token=x",
            "__Host.token=x",
            "__%48ost-token=x",
            "%5F_Host-token=x",
            "q=1,__Host-token=x",
            "q=1 __Host-token=x",
            "q=\"__Host-token=x\"",
            "__Host-token =x",
        ] {
            let sent = format!("a=b; __Host-token=good; {alias}");
            let expected = Some(vec!["a=b; __Host-token=good".to_owned()]);
            assert_eq!(left(&rules, verified(2, true), &[&sent]), expected, "{alias}");
            assert_eq!(left(&rules, Verified::default(), &[alias]), Some(vec![]), "{alias}");
        }
        assert_eq!(left(&rules, verified(2, true), &["a=b; __Host-token=good"]), None);
        assert_eq!(
            left(&rules, Verified::default(), &["__Host-toke%=x; __Host-toke%6=x; %"]),
            None
        );
    }

    #[test]
    fn a_cookie_passes_unverified_only_where_the_policy_says_so() {
        let rules = rules(&[], &["__Host-token"]);
        assert_eq!(left(&rules, Verified::default(), &["__Host-token=x"]), None);
        assert_eq!(left(&rules, verified(0, false), &["__Host-token=x"]), None);
        assert_eq!(left(&rules, verified(2, false), &["__Host-token=x"]), Some(vec![]));
        let rules = HeaderRules::new(lists(IDENTITY, &[], &[]), &[TokenSource::Bearer]);
        assert_eq!(
            left(&rules, verified(0, false), &["__Host-token=x"]),
            None,
            "no provider has it"
        );
    }
}
