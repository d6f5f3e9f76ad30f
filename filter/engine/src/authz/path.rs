//! The path of a request, if everybody reads it in the same way. Nothing is ever rewritten or
//! guessed: the decision uses exactly the bytes that the service will see, or there is no decision.

use std::borrow::Cow;

use thiserror::Error;

/// A path that a proxy, a router and a service read alike: it starts with `/`, and holds RFC 3986
/// `pchar`s, single slashes, and escapes of what must be escaped. A trailing slash is part of it.
/// The query is not.
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
    /// Longer than 4,096 bytes: some servers refuse such a path, others do not.
    #[error("it is longer than 4,096 bytes")]
    TooLong,
    /// `//`: some join the slashes, some do not.
    #[error("it has two slashes in a row")]
    EmptySegment,
    /// `.` or `..`: some resolve them (RFC 3986 5.2.4), some do not.
    #[error("it has a dot segment")]
    DotSegment,
    /// `...`, `..%20`, `%20`: a dot segment or an empty one, once trailing dots (Windows), white
    /// space or invisible characters are trimmed.
    #[error("it has a segment of dots and white space only")]
    TrimmedSegment,
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
    /// An escape of an unreserved character (`%65`): equal to the character itself (RFC 3986 2.3),
    /// but not the same bytes.
    #[error("it escapes a character that needs no escape")]
    NeedlessEscape,
    /// An escape of `/`, `\`, `%`, `?`, `#`, `;`: whoever decodes early or twice sees another path.
    #[error("it escapes a character that would change the path")]
    EscapedDelimiter,
    /// An escape of a control character or a line separator: some cut there, and patterns stop at
    /// line ends.
    #[error("it escapes a control character")]
    EscapedControl,
    /// Escapes that decode to no UTF-8 (RFC 3629): overlong forms (`%c0%af`), surrogates, other
    /// charsets. Decoders disagree: some read `/`, some U+FFFD, some Latin-1.
    #[error("it escapes bytes that are not UTF-8")]
    NotUtf8,
    /// An escape of a character that some software turns into a delimiter, as U+FF0F FULLWIDTH
    /// SOLIDUS into `/`.
    #[error("it escapes a character that some turn into `.`, `/`, `\\`, `%`, `;`, `?` or `#`")]
    DelimiterAlias,
}

/// Maximum length of a path without its query, in bytes, as in IIS (`maxUrl`). It bounds the work
/// for requests without a token.
const MAX_PATH: usize = 4096;

impl<'a> CanonicalPath<'a> {
    /// Reads the request target (`:path`): cuts the query, and takes the path if there is one way
    /// to read it.
    ///
    /// # Errors
    /// Says what could be read in two ways. The request is refused with `path-ambiguous`.
    pub fn parse(target: &'a [u8]) -> Result<Self, PathError> {
        if target.first() != Some(&b'/') {
            return Err(PathError::NoSlash);
        }
        let (mut segment, mut end, mut escapes, mut in_segment) = (1, target.len(), false, false);
        for (at, byte) in target.iter().enumerate().take(MAX_PATH + 1).skip(1) {
            match Kind::of(*byte) {
                Kind::Plain => {}
                Kind::Slash if at == segment => return Err(PathError::EmptySegment),
                Kind::Slash => {
                    check_segment(target.get(segment..at).unwrap_or_default(), in_segment)?;
                    (segment, in_segment) = (at + 1, false);
                }
                Kind::Escape => {
                    check_escape(target.get(at + 1), target.get(at + 2))?;
                    (escapes, in_segment) = (true, true);
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
        if end > MAX_PATH {
            return Err(PathError::TooLong);
        }
        check_segment(target.get(segment..end).unwrap_or_default(), in_segment)?;
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

    /// The path in the one spelling that templates are written in: upper-case escapes, and only
    /// where they must be. What a service that decodes before it routes would see; borrowed where
    /// that is the path as it is. Never sent anywhere.
    pub(crate) fn spelling(self) -> Cow<'a, str> {
        if !self.escapes {
            return Cow::Borrowed(self.path);
        }
        let mut spelling = String::with_capacity(self.path.len());
        let mut bytes = self.path.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                spelling.push(char::from(byte));
                continue;
            }
            let escape = [bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default()];
            match unescape(escape) {
                Some(byte) if is_pchar(byte) => spelling.push(char::from(byte)),
                _ => spelling.extend(
                    [byte, escape[0], escape[1]].map(|it| char::from(it.to_ascii_uppercase())),
                ),
            }
        }
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

/// Checks a whole segment: whether it is a dot segment, or could be taken for one, and the
/// characters that it escapes.
fn check_segment(segment: &[u8], escaped: bool) -> Result<(), PathError> {
    match segment {
        b"." | b".." => Err(PathError::DotSegment),
        _ if escaped => check_characters(segment),
        [b'.', rest @ ..] if rest.iter().all(|byte| *byte == b'.') => {
            Err(PathError::TrimmedSegment)
        }
        _ => Ok(()),
    }
}

/// Decodes a segment with escapes, one character at a time.
fn check_characters(segment: &[u8]) -> Result<(), PathError> {
    let mut bytes = Unescaped(segment.iter());
    let mut trimmed = true;
    while let Some(first) = bytes.next() {
        let length = match first {
            // checked as it came
            0x00..=0x7f => {
                trimmed = trimmed && matches!(first, b'.' | b' ');
                continue;
            }
            0x80..=0xbf => return Err(PathError::NotUtf8),
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
        };
        let mut encoded = [first, 0, 0, 0];
        for byte in encoded.iter_mut().take(length).skip(1) {
            *byte = bytes.next().ok_or(PathError::NotUtf8)?;
        }
        let character =
            encoded.get(..length).and_then(|it| std::str::from_utf8(it).ok()?.chars().next());
        let character = character.ok_or(PathError::NotUtf8)?;
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            return Err(PathError::EscapedControl);
        }
        if is_delimiter_alias(character) {
            return Err(PathError::DelimiterAlias);
        }
        trimmed = trimmed && (character.is_whitespace() || is_ignorable(character));
    }
    if trimmed { Err(PathError::TrimmedSegment) } else { Ok(()) }
}

/// The bytes of a segment, escapes decoded. They have been checked: two hexadecimal digits follow
/// each `%`.
struct Unescaped<'a>(std::slice::Iter<'a, u8>);

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let byte = *self.0.next()?;
        if byte != b'%' {
            return Some(byte);
        }
        unescape([*self.0.next()?, *self.0.next()?])
    }
}

/// Whether some software turns this character into `.`, `/`, `\`, `%`, `;`, `?` or `#`, alone or
/// among others:
///
/// - the Windows ANSI code pages by best fit (Unicode's `WindowsBestFit` tables of 874, 932, 949
///   and 1250 to 1258);
/// - the C library's transliteration to ASCII (`iconv -t ASCII//TRANSLIT` of glibc), as far as it
///   yields `/` or `\`;
/// - IDNA (RFC 3490 3.1), whose label separators are read as `.`;
/// - NFKC (Unicode Standard Annex 15), where its result has one of the seven or one of the
///   characters above. A test compares this part with NFKC itself.
const fn is_delimiter_alias(character: char) -> bool {
    matches!(character,
        '\u{a5}' | '\u{b4}' | '\u{bc}'..='\u{be}' | '\u{f7}' | '\u{37e}' | '\u{66a}'
        | '\u{2024}'..='\u{2026}' | '\u{2044}' | '\u{2047}'..='\u{2049}' | '\u{20a9}'
        | '\u{2100}' | '\u{2101}' | '\u{2105}' | '\u{2106}' | '\u{2150}'..='\u{215f}' | '\u{2189}'
        | '\u{2215}' | '\u{2216}' | '\u{2488}'..='\u{249b}' | '\u{2571}' | '\u{2572}'
        | '\u{27cb}' | '\u{27cd}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' | '\u{3002}'
        | '\u{33a7}' | '\u{33a8}' | '\u{33ae}' | '\u{33af}' | '\u{33c2}' | '\u{33c6}' | '\u{33c7}' | '\u{33d8}'
        | '\u{33de}' | '\u{33df}' | '\u{fe12}' | '\u{fe14}' | '\u{fe16}' | '\u{fe19}' | '\u{fe30}' | '\u{fe52}'
        | '\u{fe54}' | '\u{fe56}' | '\u{fe5f}' | '\u{fe68}' | '\u{fe6a}' | '\u{ff03}' | '\u{ff05}'
        | '\u{ff0e}' | '\u{ff0f}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff3c}' | '\u{ff61}' | '\u{ffe5}' | '\u{ffe6}'
        | '\u{1f100}')
}

/// Whether this character is invisible, so that some software drops it before it compares
/// (`Default_Ignorable_Code_Point` of Unicode).
const fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The byte that two hexadecimal digits stand for.
fn unescape(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

fn check_escape(high: Option<&u8>, low: Option<&u8>) -> Result<(), PathError> {
    let byte = high
        .zip(low)
        .and_then(|(high, low)| unescape([*high, *low]))
        .ok_or(PathError::BadEscape)?;
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
    let sub_delim =
        matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=');
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
            ("/.well-known/..a", "/.well-known/..a"),
            ("/a%20b/%20c/d%20", "/a%20b/%20c/d%20"),
            ("/caf%C3%A9/%F0%9F%98%80/%E2%82%AC", "/caf%C3%A9/%F0%9F%98%80/%E2%82%AC"),
            // precomposed letters and ligatures are not delimiters
            (
                "/cafe%CC%81/col%C2%B7lecci%C3%B3/%E3%83%8E",
                "/cafe%CC%81/col%C2%B7lecci%C3%B3/%E3%83%8E",
            ),
            ("/a%E2%80%8Db/.a%20/%20a.", "/a%E2%80%8Db/.a%20/%20a."),
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
            ("/...", TrimmedSegment),
            ("/a/..../b", TrimmedSegment),
            ("/%20", TrimmedSegment),
            ("/a/..%20/b", TrimmedSegment),
            ("/a/%20..?x", TrimmedSegment),
            ("/a/.%20./b", TrimmedSegment),
            ("/a/%20.%20/b", TrimmedSegment),
            ("/a/..%c2%a0/b", TrimmedSegment),
            ("/a/%E3%80%80..", TrimmedSegment),
            ("/a/..%e2%80%8b", TrimmedSegment),
            ("/a/.%ef%bb%bf.", TrimmedSegment),
            ("/a/.%c2%ad./b", TrimmedSegment),
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
            ("/a%c2%85b", EscapedControl),
            ("/a%e2%80%a8b", EscapedControl),
            ("/%ff", NotUtf8),
            ("/%c3", NotUtf8),
            ("/%c3a", NotUtf8),
            ("/%c3/%a9", NotUtf8),
            ("/%c3%a9%a9", NotUtf8),
            ("/a/..%c0%af", NotUtf8),
            ("/a/%c0%ae%c0%ae/b", NotUtf8),
            ("/%c1%9c", NotUtf8),
            ("/%e0%80%af", NotUtf8),
            ("/%f0%80%80%af", NotUtf8),
            ("/%f8%80%80%80%af", NotUtf8),
            ("/%ed%a0%80", NotUtf8),
            ("/%f4%90%80%80", NotUtf8),
            ("/a/..%ef%bc%8f", DelimiterAlias),
            ("/a/%ef%bc%8e%ef%bc%8e/b", DelimiterAlias),
            ("/a%ef%bc%bcb", DelimiterAlias),
            ("/a%e3%80%82b", DelimiterAlias),
            ("/a%e2%88%95b", DelimiterAlias),
            ("/a%e2%81%84b", DelimiterAlias),
            ("/a%e2%a7%b8b", DelimiterAlias),
            ("/a%cd%beb", DelimiterAlias),
            ("/a%c2%a5b", DelimiterAlias),
        ] {
            assert_eq!(CanonicalPath::parse(target.as_bytes()), Err(error), "{target}");
        }
    }

    #[test]
    fn a_path_of_over_4096_bytes_is_refused_however_long_its_query_may_be() {
        let path = |bytes: usize| "/".to_owned() + &"a".repeat(bytes - 1);
        for (target, expected) in [
            (path(4096), None),
            (path(4096) + "?" + &path(4096), None),
            (path(4097), Some(PathError::TooLong)),
            (path(4097) + "?x", Some(PathError::TooLong)),
            // nothing behind the bound is read
            (path(4096) + "//", Some(PathError::TooLong)),
        ] {
            assert_eq!(
                CanonicalPath::parse(target.as_bytes()).err(),
                expected,
                "{} bytes",
                target.len()
            );
        }
    }

    /// The characters that are listed because of another source than NFKC.
    #[cfg(not(target_family = "wasm"))]
    const BEYOND_NFKC: [char; 17] = [
        // best fit
        '\u{a5}', '\u{b4}', '\u{37e}', '\u{66a}', '\u{2044}', '\u{20a9}', '\u{2215}', '\u{2216}',
        // transliteration
        '\u{f7}', '\u{2571}', '\u{2572}', '\u{27cb}', '\u{27cd}', '\u{29f5}', '\u{29f8}',
        '\u{29f9}', // IDNA, whose other two are U+FF0E and U+FF61
        '\u{3002}',
    ];

    /// Every character for which a list of ours does not say what it should.
    #[cfg(not(target_family = "wasm"))]
    fn wrongly_listed(listed: fn(char) -> bool, expected: impl Fn(char) -> bool) -> Vec<String> {
        let wrong = ('\u{80}'..=char::MAX).filter(|c| listed(*c) != expected(*c));
        wrong.map(|c| format!("U+{:04X}", u32::from(c))).collect()
    }

    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn the_aliases_of_delimiters_are_those_of_nfkc_and_of_the_sources_named() {
        let nfkc = icu_normalizer::ComposingNormalizerBorrowed::new_nfkc();
        let is_source = |c: char| r"./\%;?#".contains(c) || BEYOND_NFKC.contains(&c);
        let expected = |c: char| {
            is_source(c) || nfkc.normalize(c.encode_utf8(&mut [0; 4])).contains(is_source)
        };
        assert_eq!(wrongly_listed(is_delimiter_alias, expected), [""; 0]);
    }

    #[cfg(not(target_family = "wasm"))]
    #[test]
    fn the_ignorable_characters_are_those_of_unicode() {
        use icu_properties::props::{BinaryProperty as _, DefaultIgnorableCodePoint};
        assert_eq!(wrongly_listed(is_ignorable, DefaultIgnorableCodePoint::for_char), [""; 0]);
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
