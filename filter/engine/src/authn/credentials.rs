//! The credential of a request: one token from one place, or none. Two could each be read by
//! another party, so they are refused whatever they are (RFC 6750 2). The query is never looked at.

use crate::jose::token::has_separator;
use crate::reason::Reason;
use crate::request::Headers;
use crate::request::{SourceId, TokenSource};

/// Maximum number of comma-separated parameters of `Authorization`. Digest (RFC 7616), the
/// registered scheme with the most, has twelve.
const MAX_PARAMETERS: usize = 64;
/// Maximum number of cookies of a request to a service whose tokens may be cookies. Browsers keep
/// at most 180 for a site (RFC 6265 6.1 asks for 50).
const MAX_COOKIES: usize = 512;

/// A token as it was sent, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credential<'a> {
    pub(crate) source: SourceId,
    pub(crate) token: &'a [u8],
}

/// The one token that the request carries in one of these places.
///
/// # Errors
/// [`Reason::CredentialsAmbiguous`] if there are several, or something that is no single token.
pub(crate) fn credential<'a, 's>(
    headers: Headers<'a>,
    sources: impl Iterator<Item = (SourceId, &'s TokenSource)>,
) -> Result<Option<Credential<'a>>, Reason> {
    let mut found = None;
    for (source, place) in sources {
        let token = match place {
            TokenSource::Bearer => bearer(headers)?,
            TokenSource::Header { name, prefix } => named_header(headers, name, prefix)?,
            TokenSource::Cookie { name, .. } => cookie(headers, name)?,
        };
        if let Some(token) = token {
            if found.is_some() {
                return Err(Reason::CredentialsAmbiguous);
            }
            found = Some(Credential { source, token });
        }
    }
    Ok(found)
}

/// `Authorization: Bearer`, the scheme in any case (RFC 9110 11.1). Another scheme is no credential
/// of ours.
fn bearer(headers: Headers<'_>) -> Result<Option<&[u8]>, Reason> {
    let Some(value) = headers.sole("authorization")? else { return Ok(None) };
    // as nearly every client writes it
    if let Some(token) = value.strip_prefix(b"Bearer ").filter(|token| is_one_word(token)) {
        return Ok(Some(token));
    }
    // a proxy joins two headers with a comma (RFC 9110 5.3)
    let mut parts = value.split(|b| *b == b',').enumerate();
    if value.contains(&b',')
        && parts.any(|(at, part)| at >= MAX_PARAMETERS || after_scheme(part).is_some())
    {
        return Err(Reason::CredentialsAmbiguous);
    }
    after_scheme(value).map(|token| single(token.trim_ascii_end())).transpose()
}

/// What follows `Bearer` and its spaces (RFC 9110 11.4: `auth-scheme 1*SP token68`). Other white
/// space stays, and makes it no single token: it is neither another scheme nor a credential.
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let (scheme, rest) = value.split_at_checked("bearer".len())?;
    let separated = rest.first().is_none_or(u8::is_ascii_whitespace);
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    (scheme.eq_ignore_ascii_case(b"bearer") && separated)
        .then(|| rest.get(spaces..).unwrap_or_default())
}

fn named_header<'a>(
    headers: Headers<'a>,
    name: &str,
    prefix: &str,
) -> Result<Option<&'a [u8]>, Reason> {
    let Some(value) = headers.sole(name)? else { return Ok(None) };
    if value.contains(&b',') {
        return Err(Reason::CredentialsAmbiguous);
    }
    value.trim_ascii().strip_prefix(prefix.as_bytes()).map(single).transpose()
}

/// Cookies may be split over several headers (RFC 9113 8.2.3).
fn cookie<'a>(headers: Headers<'a>, name: &str) -> Result<Option<&'a [u8]>, Reason> {
    let pairs = headers.all("cookie").flat_map(|value| value.split(|b| *b == b';'));
    let mut found = None;
    for (at, pair) in pairs.enumerate() {
        let value = pair
            .trim_ascii()
            .strip_prefix(name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="));
        if at >= MAX_COOKIES || value.is_some() && found.is_some() {
            return Err(Reason::CredentialsAmbiguous);
        }
        found = found.or(value);
    }
    found.map(single).transpose()
}

/// A token is one word, and not none.
fn single(token: &[u8]) -> Result<&[u8], Reason> {
    if is_one_word(token) { Ok(token) } else { Err(Reason::CredentialsAmbiguous) }
}

/// Other control characters are in no alphabet of a token, so it ends here as well as there.
fn is_one_word(token: &[u8]) -> bool {
    !token.is_empty() && !has_separator(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sent<'a> = &'a [(&'a str, &'a str)];

    fn of(source: &TokenSource, sent: Sent<'_>) -> Result<Option<String>, Reason> {
        let headers: Vec<_> =
            sent.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
        let credential = credential(Headers(&headers), [(SourceId(0), source)].into_iter())?;
        Ok(credential.map(|it| String::from_utf8(it.token.to_vec()).unwrap()))
    }

    #[test]
    fn a_bearer_token_is_one_word_after_the_scheme_in_any_case() {
        for (sent, expected) in [
            (&[][..], Ok(None)),
            (&[("authorization", "Bearer a.b.c")], Ok(Some("a.b.c"))),
            (&[("authorization", "bEARER   a.b.c ")], Ok(Some("a.b.c"))),
            (&[("authorization", "Basic YTpi")], Ok(None)),
            (&[("authorization", "Bearera.b.c")], Ok(None)),
            (&[("authorization", "")], Ok(None)),
            (&[("authorization", "Digest a=b, c=d")], Ok(None)),
            (&[("authorization", "Bearer")], Err(Reason::CredentialsAmbiguous)),
            (&[("authorization", "Bearer ")], Err(Reason::CredentialsAmbiguous)),
            (&[("authorization", "Bearer a b")], Err(Reason::CredentialsAmbiguous)),
            (&[("authorization", "Bearer\ta.b.c")], Err(Reason::CredentialsAmbiguous)),
            (&[("authorization", "Bearer \ta.b.c")], Err(Reason::CredentialsAmbiguous)),
            (&[("authorization", "Bearer a.b.c\t")], Ok(Some("a.b.c"))),
            (&[("authorization", "Bearer a, Bearer b")], Err(Reason::CredentialsAmbiguous)),
            (&[("authorization", "Bearer a,b")], Err(Reason::CredentialsAmbiguous)),
            (&[("authorization", "Basic YTpi,bearer a")], Err(Reason::CredentialsAmbiguous)),
            (
                &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
                Err(Reason::CredentialsAmbiguous),
            ),
            (
                &[("authorization", "Bearer a"), ("authorization", "Basic b")],
                Err(Reason::CredentialsAmbiguous),
            ),
        ] {
            assert_eq!(
                of(&TokenSource::Bearer, sent),
                expected.map(|it| it.map(str::to_owned)),
                "{sent:?}"
            );
        }
    }

    #[test]
    fn a_named_header_carries_one_token_behind_its_prefix() {
        let source = TokenSource::Header { name: "x-token".into(), prefix: "jwt ".into() };
        for (sent, expected) in [
            (&[][..], Ok(None)),
            (&[("x-token", "jwt a.b.c")], Ok(Some("a.b.c"))),
            (&[("x-token", "JWT a.b.c")], Ok(None)),
            (&[("authorization", "Bearer a")], Ok(None)),
            (&[("x-token", "jwt a"), ("x-token", "jwt b")], Err(Reason::CredentialsAmbiguous)),
            (&[("x-token", "jwt a, jwt b")], Err(Reason::CredentialsAmbiguous)),
        ] {
            assert_eq!(of(&source, sent), expected.map(|it| it.map(str::to_owned)), "{sent:?}");
        }
    }

    #[test]
    fn a_named_header_without_a_prefix_is_the_token() {
        let source = TokenSource::Header { name: "x-token".into(), prefix: "".into() };
        for (sent, expected) in [
            (&[("x-token", " a.b.c ")][..], Ok(Some("a.b.c"))),
            (&[("x-token", "Bearer a.b.c")], Err(Reason::CredentialsAmbiguous)),
            (&[("x-token", "")], Err(Reason::CredentialsAmbiguous)),
        ] {
            assert_eq!(of(&source, sent), expected.map(|it| it.map(str::to_owned)), "{sent:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_once() {
        let source = TokenSource::Cookie { name: "__Host-token".into(), origins: Box::default() };
        for (sent, expected) in [
            (&[("cookie", "a=b; __Host-token=a.b.c; c=d")][..], Ok(Some("a.b.c"))),
            (&[("cookie", "a=b"), ("cookie", "__Host-token=a.b.c")], Ok(Some("a.b.c"))),
            (&[("cookie", "x__Host-token=a; __Host-tokens=b")], Ok(None)),
            (&[("cookie", "__host-token=a")], Ok(None)),
            (&[("cookie", "__Host-token=a; __Host-token=a")], Err(Reason::CredentialsAmbiguous)),
            (&[("cookie", "__Host-token=")], Err(Reason::CredentialsAmbiguous)),
        ] {
            assert_eq!(of(&source, sent), expected.map(|it| it.map(str::to_owned)), "{sent:?}");
        }
    }

    #[test]
    fn more_parameters_or_cookies_than_a_client_has_are_refused() {
        let parameters = |count: usize| format!("Digest a=b{}", ", c=d".repeat(count - 1));
        let cookies = |count: usize| format!("__Host-token=a.b.c{}", "; c=d".repeat(count - 1));
        let cookie = TokenSource::Cookie { name: "__Host-token".into(), origins: Box::default() };
        for (source, sent, expected) in [
            (&TokenSource::Bearer, ("authorization", parameters(MAX_PARAMETERS)), Ok(None)),
            (
                &TokenSource::Bearer,
                ("authorization", parameters(MAX_PARAMETERS + 1)),
                Err(Reason::CredentialsAmbiguous),
            ),
            (&cookie, ("cookie", cookies(MAX_COOKIES)), Ok(Some("a.b.c".to_owned()))),
            (&cookie, ("cookie", cookies(MAX_COOKIES + 1)), Err(Reason::CredentialsAmbiguous)),
        ] {
            assert_eq!(of(source, &[(sent.0, &sent.1)]), expected, "{}", sent.0);
        }
    }

    #[test]
    fn two_places_that_both_carry_a_token_are_ambiguous() {
        let header = TokenSource::Header { name: "x-token".into(), prefix: "".into() };
        let headers = [
            ("authorization".to_owned(), b"Bearer a".to_vec()),
            ("x-token".to_owned(), b"a".to_vec()),
        ];
        let sources = [(SourceId(0), &TokenSource::Bearer), (SourceId(1), &header)];
        assert_eq!(
            credential(Headers(&headers), sources.into_iter()),
            Err(Reason::CredentialsAmbiguous)
        );
    }
}
