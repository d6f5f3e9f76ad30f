//! The path of a request, if everybody reads it in the same way. Nothing is ever rewritten or guessed: the decision uses
//! exactly the bytes that the service will see, or there is no decision.

use std::borrow::Cow;

use thiserror::Error;

/// A path that a proxy, a router and a service read alike: it starts with `/`, and holds RFC 3986 `pchar`s, single
/// slashes, and escapes of what must be escaped. A trailing slash is part of it. The query is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    path: &'a str,
    /// Whether something in it is escaped.
    escapes: bool,
}

/// Why a path could be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// The whole target is `*`, an authority, or an absolute URI.
    #[error("it does not start with a slash")]
    NoSlash,
    /// `//`: some join the slashes, some do not.
    #[error("it has two slashes in a row")]
    EmptySegment,
    /// `.` or `..`: some resolve them (RFC 3986 5.2.4), some do not.
    #[error("it has a dot segment")]
    DotSegment,
    /// `\`: some read it as a slash. `;`: some cut a path parameter there.
    #[error("it has a `\\` or a `;`")]
    Separator,
    /// `#`: some cut a fragment there; no request target has one (RFC 9112 3.2).
    #[error("it has a `#`")]
    Fragment,
    /// A byte that no path may hold unescaped (RFC 3986 3.3): some escape it, some reject it.
    #[error("it has a byte that must be escaped")]
    Unescaped,
    /// `%` without two hexadecimal digits.
    #[error("it has a `%` without two hexadecimal digits")]
    BadEscape,
    /// An escape of an unreserved character (`%65`): equal to the character itself (RFC 3986 2.3), but not the same bytes.
    #[error("it escapes a character that needs no escape")]
    NeedlessEscape,
    /// An escape of `/`, `\`, `%`, `?`, `#`, `;`: whoever decodes early or twice sees another path.
    #[error("it escapes a character that would change the path")]
    EscapedDelimiter,
    /// An escape of a control byte: some cut there, and patterns stop at line ends.
    #[error("it escapes a control byte")]
    EscapedControl,
}

impl<'a> CanonicalPath<'a> {
    /// Reads the request target (`:path`): cuts the query, and takes the path if there is one way to read it.
    ///
    /// # Errors
    /// Says what could be read in two ways. The request is refused with `path-ambiguous`.
    pub fn parse(target: &'a [u8]) -> Result<Self, PathError> {
        if target.first() != Some(&b'/') {
            return Err(PathError::NoSlash);
        }
        let (mut segment, mut end, mut escapes) = (1, target.len(), false);
        for (at, byte) in target.iter().enumerate().skip(1) {
            match Kind::of(*byte) {
                Kind::Plain => {}
                Kind::Slash if at == segment => return Err(PathError::EmptySegment),
                Kind::Slash => {
                    check_dots(target.get(segment..at))?;
                    segment = at + 1;
                }
                Kind::Escape => {
                    check_escape(target.get(at + 1), target.get(at + 2))?;
                    escapes = true;
                }
                Kind::Query => {
                    end = at;
                    break;
                }
                Kind::Separator => return Err(PathError::Separator),
                Kind::Fragment => return Err(PathError::Fragment),
                Kind::Unescaped => return Err(PathError::Unescaped),
            }
        }
        check_dots(target.get(segment..end))?;
        let (path, query) = target.split_at_checked(end).unwrap_or_default();
        if query.contains(&b'#') {
            return Err(PathError::Fragment);
        }
        // only ASCII has passed
        let path = std::str::from_utf8(path).map_err(|_| PathError::Unescaped)?;
        Ok(Self { path, escapes })
    }

    /// The path, byte for byte as it came.
    pub const fn as_str(self) -> &'a str {
        self.path
    }

    /// The path in the one spelling that templates are written in: upper-case escapes, and only where they must be.
    /// What a service that decodes before it routes would see; borrowed where that is the path as it is. Never sent anywhere.
    pub(crate) fn spelling(self) -> Cow<'a, str> {
        if !self.escapes {
            return Cow::Borrowed(self.path);
        }
        let mut spelling = String::with_capacity(self.path.len());
        let mut rest = self.path;
        while let Some((before, after)) = rest.split_once('%') {
            spelling.push_str(before);
            let (escape, after) = after.split_at_checked(2).unwrap_or((after, ""));
            match u8::from_str_radix(escape, 16) {
                Ok(byte) if is_pchar(byte) => spelling.push(char::from(byte)),
                _ => spelling.extend(['%'].into_iter().chain(escape.chars().map(|c| c.to_ascii_uppercase()))),
            }
            rest = after;
        }
        spelling.push_str(rest);
        Cow::Owned(spelling)
    }
}

/// What a byte is to a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Slash,
    Escape,
    Query,
    Separator,
    Fragment,
    Unescaped,
}

impl Kind {
    /// Of every byte: looked up, since it is asked for each byte of each request.
    const ALL: [Self; 256] = {
        let mut all = [Self::Unescaped; 256];
        let mut byte = 0;
        while byte < all.len() {
            #[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)]
            // below 256; evaluated by the compiler
            {
                all[byte] = Self::read(byte as u8);
            }
            byte += 1;
        }
        all
    };

    const fn read(byte: u8) -> Self {
        match byte {
            b'/' => Self::Slash,
            b'%' => Self::Escape,
            b'?' => Self::Query,
            b'\\' | b';' => Self::Separator,
            b'#' => Self::Fragment,
            _ if is_pchar(byte) => Self::Plain,
            _ => Self::Unescaped,
        }
    }

    fn of(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).copied().unwrap_or(Self::Unescaped)
    }
}

fn check_dots(segment: Option<&[u8]>) -> Result<(), PathError> {
    if matches!(segment, Some(b"." | b"..")) { Err(PathError::DotSegment) } else { Ok(()) }
}

fn check_escape(high: Option<&u8>, low: Option<&u8>) -> Result<(), PathError> {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).ok_or(PathError::BadEscape);
    let byte = u8::try_from(digit(high)? * 16 + digit(low)?).map_err(|_| PathError::BadEscape)?;
    match byte {
        b'/' | b'\\' | b'%' | b'?' | b'#' | b';' => Err(PathError::EscapedDelimiter),
        _ if byte.is_ascii_control() => Err(PathError::EscapedControl),
        _ if is_unreserved(byte) => Err(PathError::NeedlessEscape),
        _ => Ok(()),
    }
}

/// RFC 3986 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 3.3, without `%` and without `;`, which is refused.
const fn is_pchar(byte: u8) -> bool {
    let sub_delim = matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=');
    is_unreserved(byte) || sub_delim || matches!(byte, b':' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_cut_and_the_path_is_kept_byte_for_byte() {
        for (target, path) in [
            ("/", "/"),
            ("/orders", "/orders"),
            ("/orders/", "/orders/"),
            ("/orders?x=//..%2f", "/orders"),
            ("/orders??", "/orders"),
            ("/a%C3%A9%40b@c:d", "/a%C3%A9%40b@c:d"),
            ("/.well-known/...", "/.well-known/..."),
        ] {
            assert_eq!(
                CanonicalPath::parse(target.as_bytes()).map(CanonicalPath::as_str),
                Ok(path),
                "{target}"
            );
        }
    }

    #[test]
    fn what_two_parties_could_read_differently_is_refused_with_its_reason() {
        use PathError::*;
        for (target, error) in [
            ("", NoSlash),
            ("*", NoSlash),
            ("shop:443", NoSlash),
            ("http://shop/orders", NoSlash),
            ("?x", NoSlash),
            ("//", EmptySegment),
            ("//shop/orders", EmptySegment),
            ("/orders//1", EmptySegment),
            ("/orders//", EmptySegment),
            ("/.", DotSegment),
            ("/a/../b", DotSegment),
            ("/a/..?x", DotSegment),
            ("/a/..;x=y/b", Separator),
            ("/a\\b", Separator),
            ("/a;b", Separator),
            ("/a#b", Fragment),
            ("/a?b#c", Fragment),
            ("/a b", Unescaped),
            ("/a\0", Unescaped),
            ("/a\x7f", Unescaped),
            ("/é", Unescaped),
            ("/{a}", Unescaped),
            ("/a|b", Unescaped),
            ("/%", BadEscape),
            ("/%4", BadEscape),
            ("/%zz", BadEscape),
            ("/%u0041", BadEscape),
            ("/%65", NeedlessEscape),
            ("/%2e%2e/", NeedlessEscape),
            ("/%7E", NeedlessEscape),
            ("/%2f", EscapedDelimiter),
            ("/%5C", EscapedDelimiter),
            ("/%252e", EscapedDelimiter),
            ("/%3F", EscapedDelimiter),
            ("/%23", EscapedDelimiter),
            ("/%3b", EscapedDelimiter),
            ("/%00", EscapedControl),
            ("/%0a", EscapedControl),
            ("/%7f", EscapedControl),
        ] {
            assert_eq!(CanonicalPath::parse(target.as_bytes()), Err(error), "{target}");
        }
    }

    #[test]
    fn the_spelling_escapes_only_what_must_be_and_in_upper_case() {
        for (path, spelling) in [
            ("/orders", "/orders"),
            ("/a%3Ab%40c", "/a:b@c"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%20b/%21", "/a%20b/!"),
        ] {
            assert_eq!(CanonicalPath::parse(path.as_bytes()).unwrap().spelling(), spelling);
        }
    }
}
