//! What a text in a policy may hold, by where it will stand: in a challenge, a header, a URI, a log
//! line.

use std::fmt::{self, Display, Write as _};

use crate::model::is_host;

/// An input as messages show it: in backticks, on one line, and not endless.
pub(super) struct Quoted<'a>(pub(super) &'a str);

/// Characters of an input that a message shows.
const SHOWN: usize = 80;

/// Writes a text on one line: a log line ends where we end it.
pub(super) fn write_on_a_line(
    f: &mut impl fmt::Write,
    text: impl Iterator<Item = char>,
) -> fmt::Result {
    text.into_iter().try_for_each(|c| {
        if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
    })
}

/// A text on one line.
pub(super) fn on_a_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    // writing to a String cannot fail
    let _ = write_on_a_line(&mut line, text.chars());
    line
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('`')?;
        write_on_a_line(f, self.0.chars().take(SHOWN))?;
        f.write_str(if self.0.chars().nth(SHOWN).is_some() { "…`" } else { "`" })
    }
}

/// An absolute `http` or `https` URI, in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HttpUri<'a> {
    pub(super) scheme: &'a str,
    pub(super) authority: &'a str,
    /// Path and query; empty if there is neither.
    pub(super) path: &'a str,
}

/// Visible ASCII without `"` and `\`: stands in a challenge's quoted string and in JSON as it is.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
}

/// Not empty, and without control characters.
pub(super) fn is_printable(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

/// RFC 9110 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// An absolute URI (RFC 3986 4.3, a fragment allowed) of characters that a URI may hold: none needs
/// an escape in JSON.
pub(super) fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(scheme_byte)
        && !rest.is_empty()
        && rest.bytes().all(is_uri_byte)
}

/// RFC 3986 2: reserved, unreserved, and the `%` of an escape.
const fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
}

impl<'a> HttpUri<'a> {
    /// Takes a URI apart; `Err` says what it has or lacks.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if !text.bytes().all(is_uri_byte) {
            return Err("has a character that a URI does not hold");
        }
        let (scheme, rest) = text.split_once("://").ok_or("is no absolute URI")?;
        if !matches!(scheme, "http" | "https") {
            return Err("is neither `http` nor `https`");
        }
        if rest.contains('#') {
            return Err("has a fragment");
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("has user information");
        }
        if !is_authority(authority) {
            return Err("has no valid host");
        }
        Ok(Self { scheme, authority, path })
    }

    /// A serialised origin (RFC 6454 6.2), as browsers send it: lower case, no default port, no
    /// path.
    pub(super) fn is_origin(text: &'a str) -> bool {
        let Ok(Self { scheme, authority, path }) = Self::parse(text) else { return false };
        let default_port = if scheme == "http" { ":80" } else { ":443" };
        path.is_empty()
            && !authority.ends_with(default_port)
            && !authority.ends_with(':')
            && !authority.bytes().any(|b| b.is_ascii_uppercase())
    }
}

/// A host, and a port if there is one.
fn is_authority(authority: &str) -> bool {
    match authority.rsplit_once(':') {
        // the last colon of an IPv6 address stands before its bracket
        Some((host, port)) if !port.ends_with(']') => {
            is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        _ => is_host(authority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_to_fetch_is_absolute_and_names_a_host_and_nobody() {
        let parts = |text| HttpUri::parse(text).map(|uri| [uri.scheme, uri.authority, uri.path]);
        assert_eq!(
            parts("https://idp.example/certs?x=1"),
            Ok(["https", "idp.example", "/certs?x=1"])
        );
        assert_eq!(parts("http://127.0.0.1:8080"), Ok(["http", "127.0.0.1:8080", ""]));
        assert_eq!(parts("http://[::1]:8080/x"), Ok(["http", "[::1]:8080", "/x"]));
        assert_eq!(parts("http://[::1]"), Ok(["http", "[::1]", ""]));
        assert_eq!(parts("https://idp.example?x"), Ok(["https", "idp.example", "?x"]));
        for (text, error) in [
            ("", "is no absolute URI"),
            ("/certs", "is no absolute URI"),
            ("//idp.example/certs", "is no absolute URI"),
            ("idp.example/certs", "is no absolute URI"),
            ("file:///etc/passwd", "is neither `http` nor `https`"),
            ("HTTPS://idp.example", "is neither `http` nor `https`"),
            ("https://idp.example/#x", "has a fragment"),
            ("https://user@idp.example/", "has user information"),
            ("https://idp.example:443@elsewhere.example/", "has user information"),
            ("https://", "has no valid host"),
            ("https:///certs", "has no valid host"),
            ("https://idp.example:/", "has no valid host"),
            ("https://idp.example:0/", "has no valid host"),
            ("https://idp.example:65536/", "has no valid host"),
            ("https://idp.example:https/", "has no valid host"),
            ("https://idp example/", "has a character that a URI does not hold"),
            ("https://idp.example/\r\nx", "has a character that a URI does not hold"),
            ("https://idp.example/é", "has a character that a URI does not hold"),
        ] {
            assert_eq!(parts(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for (text, expected) in [
            ("https://shop.example", true),
            ("https://shop.example:8443", true),
            ("http://localhost:3000", true),
            ("http://[::1]:3000", true),
            ("https://shop.example/", false),
            ("https://shop.example:443", false),
            ("http://shop.example:80", false),
            ("https://Shop.example", false),
            ("https://shop.example:", false),
            ("shop.example", false),
            ("null", false),
            ("*", false),
            ("https://*.example", false),
            ("", false),
        ] {
            assert_eq!(HttpUri::is_origin(text), expected, "{text}");
        }
    }

    #[test]
    fn an_absolute_uri_needs_no_escape_in_json() {
        for (text, expected) in [
            ("https://errors.example/portcullis#", true),
            ("urn:example:reason:", true),
            ("https://errors.example/?reason=", true),
            ("", false),
            ("errors", false),
            ("/errors", false),
            (":errors", false),
            ("1a:errors", false),
            ("https:", false),
            ("https://errors.example/\"", false),
            ("https://errors.example/\\", false),
            ("https://errors.example/a b", false),
            ("https://errors.example/ä", false),
        ] {
            assert_eq!(is_absolute_uri(text), expected, "{text}");
        }
    }
}
