//! When the next fetch is due. Jitter keeps gateways that started together from asking together; it
//! only ever shortens, so every bound holds with it.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::request::Headers;

/// A provider that asks for less than this, or fails, is asked no more often.
const SHORTEST: Duration = Duration::from_secs(5);
/// The first backoff.
const FIRST: Duration = Duration::from_secs(1);
/// The longest backoff, if the refresh is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// How long after a fetch the next one is due. The provider's `fresh_for` shortens the policy's
/// `refresh`, but not below 5 s, and never lengthens it. `random` is any number.
pub fn next_refresh(refresh: Duration, fresh_for: Option<u32>, random: u64) -> Duration {
    let wanted =
        fresh_for.map_or(refresh, |seconds| Duration::from_secs(seconds.into()).max(SHORTEST));
    shortened(wanted.min(refresh), random, 10)
}

/// How long after the `failures`-th failure in a row the next fetch waits: doubled each time, up to
/// the refresh or 30 s.
pub fn backoff(failures: u32, refresh: Duration, random: u64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    shortened(doubled.min(LONGEST).min(refresh.max(FIRST)), random, 25)
}

/// Shortened by up to `percent`.
fn shortened(duration: Duration, random: u64, percent: u32) -> Duration {
    let part = u32::try_from(random % 1000).unwrap_or(0);
    duration.saturating_sub(duration * percent / 100 * part / 1000)
}

/// When `UnixTime` is zero.
const ZERO: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// Returns for how many seconds a response says that it is fresh (RFC 9111 4.2.1): `Cache-Control:
/// max-age`, else `Expires`; `None` if it does not say. `no-store` and `no-cache` are about storing,
/// not about how often to fetch, so they have no effect.
pub fn fresh_for(headers: Headers<'_>, now: UnixTime) -> Option<u32> {
    max_age(headers).or_else(|| expires(headers, now))
}

fn max_age(headers: Headers<'_>) -> Option<u32> {
    let directives = headers.all("cache-control").flat_map(|value| value.split(|b| *b == b','));
    let age = |directive: &[u8]| {
        let (name, value) = directive.trim_ascii().split_at_checked("max-age=".len())?;
        let value = name.eq_ignore_ascii_case(b"max-age=").then_some(value)?;
        let digits = std::str::from_utf8(value).ok()?.trim_matches('"');
        let digits =
            Some(digits).filter(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()))?;
        // more seconds than fit is longer than any refresh
        Some(digits.parse().unwrap_or(u32::MAX - 1))
    };
    // the strictest of several
    directives.filter_map(age).min()
}

fn expires(headers: Headers<'_>, now: UnixTime) -> Option<u32> {
    let value = headers.first("expires")?;
    // RFC 9111 5.3: an invalid date, "0" above all, has already passed
    let date =
        std::str::from_utf8(value).ok().and_then(|text| httpdate::parse_http_date(text).ok());
    let zero = httpdate::parse_http_date(ZERO).ok()?;
    let at = date.and_then(|date| date.duration_since(zero).ok()).unwrap_or(Duration::ZERO);
    Some(u32::try_from(at.as_secs().saturating_sub(now.0)).unwrap_or(u32::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_provider_shortens_the_refresh_and_never_lengthens_it() {
        for (refresh, fresh_for, expected) in [
            (300, None, 300),
            (300, Some(60), 60),
            (300, Some(300), 300),
            (300, Some(86_400), 300),
            (300, Some(0), 5),
            (1, Some(0), 1),
            (1, Some(3600), 1),
        ] {
            assert_eq!(
                next_refresh(seconds(refresh), fresh_for, 0),
                seconds(expected),
                "{refresh} {fresh_for:?}"
            );
        }
    }

    #[test]
    fn jitter_shortens_and_is_bounded() {
        for random in [0, 1, 500, 999, 1000, u64::MAX] {
            let next = next_refresh(seconds(300), None, random);
            assert!(next <= seconds(300) && next >= seconds(270), "{next:?}");
            let backoff = backoff(3, seconds(300), random);
            assert!(backoff <= seconds(4) && backoff >= seconds(3), "{backoff:?}");
        }
    }

    #[test]
    fn the_backoff_doubles_up_to_its_bound() {
        let backoffs = |refresh| {
            [1, 2, 3, 4, 5, 6, 60, u32::MAX].map(|n| backoff(n, seconds(refresh), 0).as_secs())
        };
        assert_eq!(backoffs(300), [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(backoffs(3), [1, 2, 3, 3, 3, 3, 3, 3]);
        assert_eq!(backoff(0, seconds(300), 0), seconds(1));
    }

    #[test]
    fn max_age_counts_before_expires_and_the_strictest_of_several() {
        let now = UnixTime(784_111_777);
        for (headers, expected) in [
            (&[][..], None),
            (&[("cache-control", "max-age=60")], Some(60)),
            (&[("cache-control", "public, MAX-AGE=60, must-revalidate")], Some(60)),
            (&[("cache-control", "max-age=\"60\"")], Some(60)),
            (
                &[("cache-control", "max-age=60, max-age=5"), ("cache-control", "max-age=9")],
                Some(5),
            ),
            (&[("cache-control", "max-age=99999999999")], Some(u32::MAX - 1)),
            (&[("cache-control", "no-cache, no-store")], None),
            (&[("cache-control", "max-age=-1")], None),
            (&[("cache-control", "s-maxage=60")], None),
            (&[("cache-control", "nonsense")], None),
            (&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60)),
            (&[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")], Some(0)),
            (&[("expires", "0")], Some(0)),
            (
                &[("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), ("cache-control", "max-age=5")],
                Some(5),
            ),
        ] {
            let headers: Vec<_> =
                headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
            assert_eq!(fresh_for(Headers(&headers), now), expected, "{headers:?}");
        }
    }
}
