//! For how long a reply says that it is fresh (RFC 9111 4.2.1): `Cache-Control: max-age`, else `Expires`.

use std::time::Duration;

use crate::authn::bearer::Headers;
use crate::time::UnixTime;

/// When `UnixTime` is zero.
const ZERO: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// Seconds of freshness; `None`: the reply does not say. `no-store` and `no-cache` are about storing, not about how often
/// to come back, so they say nothing here.
pub fn fresh_for(headers: Headers<'_>, now: UnixTime) -> Option<u32> {
    max_age(headers).or_else(|| expires(headers, now))
}

fn max_age(headers: Headers<'_>) -> Option<u32> {
    let directives = headers.all("cache-control").flat_map(|value| value.split(|b| *b == b','));
    let age = |directive: &[u8]| {
        let (name, value) = directive.trim_ascii().split_at_checked("max-age=".len())?;
        let value = name.eq_ignore_ascii_case(b"max-age=").then_some(value)?;
        let digits = std::str::from_utf8(value).ok()?.trim_matches('"');
        let digits = Some(digits).filter(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()))?;
        // more seconds than fit is longer than any refresh
        Some(digits.parse().unwrap_or(u32::MAX - 1))
    };
    // the strictest of several
    directives.filter_map(age).min()
}

fn expires(headers: Headers<'_>, now: UnixTime) -> Option<u32> {
    let value = headers.first("expires")?;
    // RFC 9111 5.3: an invalid date, "0" above all, has already passed
    let date = std::str::from_utf8(value).ok().and_then(|text| httpdate::parse_http_date(text).ok());
    let zero = httpdate::parse_http_date(ZERO).ok()?;
    let at = date.and_then(|date| date.duration_since(zero).ok()).unwrap_or(Duration::ZERO);
    Some(u32::try_from(at.as_secs().saturating_sub(now.0)).unwrap_or(u32::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_counts_before_expires_and_the_strictest_of_several() {
        let now = UnixTime(784_111_777);
        for (headers, expected) in [
            (&[][..], None),
            (&[("cache-control", "max-age=60")], Some(60)),
            (&[("cache-control", "public, MAX-AGE=60, must-revalidate")], Some(60)),
            (&[("cache-control", "max-age=\"60\"")], Some(60)),
            (&[("cache-control", "max-age=60, max-age=5"), ("cache-control", "max-age=9")], Some(5)),
            (&[("cache-control", "max-age=99999999999")], Some(u32::MAX - 1)),
            (&[("cache-control", "no-cache, no-store")], None),
            (&[("cache-control", "max-age=-1")], None),
            (&[("cache-control", "s-maxage=60")], None),
            (&[("cache-control", "nonsense")], None),
            (&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60)),
            (&[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")], Some(0)),
            (&[("expires", "0")], Some(0)),
            (&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), ("cache-control", "max-age=5")], Some(5)),
        ] {
            let headers: Vec<_> =
                headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
            assert_eq!(fresh_for(Headers(&headers), now), expected, "{headers:?}");
        }
    }
}
