//! A provider's reply with its keys: headers, an empty line, the document.

use std::time::Duration;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use portcullis_engine::clock::Monotonic;
use portcullis_engine::jose::jwks::KeySet;
use portcullis_engine::jwks_refresh::schedule::fresh_for;
use portcullis_engine::jwks_refresh::schedule::next_refresh;
use portcullis_engine::jwks_refresh::shared_entry::Record;
use portcullis_engine::request::Headers;
use serde_json::Value;

use crate::fixture::{NOW, at};

/// What a reply says of its freshness is read as RFC 9111 has it, and only ever shortens the
/// refresh; its keys are read as [`jwks`](crate::jwks()) says, and another worker reads the same
/// document.
pub fn reply(input: &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((input, &[][..]), |end| (&input[..end], &input[end + 2..]));
    let line = |line: &[u8]| {
        let colon = line.iter().position(|b| *b == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
        Some((name, line[colon + 1..].trim_ascii().to_vec()))
    };
    let headers: Vec<_> = head.split(|b| *b == b'\n').take(16).filter_map(line).collect();
    let fresh = fresh_for(Headers(&headers), at(0).wall);
    is_read_right(&headers, fresh);
    for refresh in [1, 5, 300, 31_536_000].map(Duration::from_secs) {
        for random in [0, 999, u64::from(fresh.unwrap_or(7))] {
            let next = next_refresh(refresh, fresh, random);
            let least = refresh.min(Duration::from_secs(5));
            assert!(next <= refresh && next >= least * 9 / 10, "{next:?} of {refresh:?}");
        }
    }
    let record = Record { started_at: Monotonic(NOW), fresh_for: fresh, jwks: body.to_vec() };
    assert_eq!(Record::decode(&record.encode()), Some(record));
    if let Ok(set) = KeySet::parse(body) {
        let document: Value = serde_json::from_slice(body).expect("what is read is JSON");
        let keys = document["keys"].as_array().expect("a list");
        assert_eq!(set.keys().len() + set.ignored(), keys.len());
        for kid in set.keys().iter().filter_map(|key| key.kid()) {
            assert!(keys.iter().any(|key| key["kid"] == *kid), "{kid} is in no key");
        }
        // a secret is never a key to verify with
        let public =
            keys.iter().filter(|key| key.get("d").is_none() && key.get("k").is_none()).count();
        assert!(set.keys().len() <= public);
    }
    crate::jwks::jwks(body);
}

/// RFC 9111 4.2.1 and 5.2.2.1, read once more: by texts instead of bytes.
fn is_read_right(headers: &[(String, Vec<u8>)], fresh: Option<u32>) {
    let values = |name: &str| -> Vec<String> {
        let of = headers.iter().filter(|(known, _)| known == name);
        of.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    };
    let cache_control = values("cache-control").join(",");
    // a comma inside a quoted text ends no directive: the engine may see more directives there, all
    // of which shorten
    let quoted = cache_control.contains('"');
    let ages = cache_control.split(',').filter_map(|directive| {
        let (name, digits) =
            directive.trim_matches(|c: char| c.is_ascii_whitespace()).split_once('=')?;
        let is_age = name.eq_ignore_ascii_case("max-age") && !digits.is_empty();
        (is_age && digits.chars().all(|c| c.is_ascii_digit()))
            .then(|| digits.parse::<u128>().unwrap_or(u128::MAX))
    });
    if let Some(age) = ages.min() {
        let found = fresh.expect("it says an age");
        assert!(u128::from(found) <= age, "{found} s of {age} s");
        assert!(
            quoted || u128::from(found) == age.min(u128::from(u32::MAX - 1)),
            "{found} s of {age} s"
        );
        return;
    }
    let expires = values("expires");
    match expires.first() {
        None => assert!(quoted || fresh.is_none(), "{fresh:?} from nowhere"),
        Some(expires) if !quoted => {
            let Some(seconds) = imf_fixdate(expires) else { return };
            let left = (seconds - NOW.cast_signed()).max(0);
            assert_eq!(fresh.map(i64::from), Some(left.min(i64::from(u32::MAX - 1))), "{expires}");
        }
        Some(_) => {}
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that a sender may write (RFC 9110 5.6.7).
fn imf_fixdate(text: &str) -> Option<i64> {
    let date = strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?.to_datetime().ok()?;
    let time = TimeZone::UTC.to_timestamp(date).ok()?;
    // other spellings of the same are another reader's affair
    (time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string() == text).then_some(time.as_second())
}

pub(crate) fn inputs() -> Vec<Vec<u8>> {
    let keys = ["all", "other", "no-kid", "twins"].map(|set| corpus::jwks(set).to_string());
    let heads = [
        "cache-control: max-age=60",
        "Cache-Control: public, MAX-AGE=\"60\", must-revalidate\nage: 5",
        "cache-control: max-age=99999999999, max-age=5\ncache-control: max-age=9",
        "expires: Fri, 15 Jan 2027 08:01:00 GMT",
        "expires: Sunday, 06-Nov-94 08:49:37 GMT\ncontent-type: application/jwk-set+json",
        "expires: Sun Nov  6 08:49:37 1994",
        "expires: 0\ncache-control: no-store, private=\"a, max-age=1\", s-maxage=60",
        "",
    ];
    let reply = |(head, keys): (&str, &String)| format!("{head}\n\n{keys}").into_bytes();
    heads.into_iter().zip(keys.iter().cycle()).map(reply).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_reader_stops_a_freshness_that_the_reply_does_not_say() {
        let headers = [("cache-control".to_owned(), b"no-cache, max-age=60".to_vec())];
        is_read_right(&headers, Some(60));
        let expires = [("expires".to_owned(), b"Fri, 15 Jan 2027 08:01:00 GMT".to_vec())];
        is_read_right(&expires, Some(60));
        is_read_right(&[], None);
        for (headers, fresh) in
            [(&headers[..], Some(61)), (&headers, None), (&expires, Some(61)), (&[], Some(1))]
        {
            assert!(
                std::panic::catch_unwind(|| is_read_right(headers, fresh)).is_err(),
                "{headers:?} {fresh:?}"
            );
        }
    }
}
