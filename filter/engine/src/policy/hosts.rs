//! From the `:authority` of a request to its service: exact, then the longest `*.suffix`, then `*`.

use std::borrow::Cow;

use super::service::ServiceId;
use crate::lookup::Lookup;

/// The hosts of every service.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    exact: Lookup<ServiceId>,
    /// By what follows the star, its dot included.
    suffix: Lookup<ServiceId>,
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
