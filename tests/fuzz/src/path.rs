//! A request target, against a table of many rows.

use std::rc::Rc;

use corpus::Paths;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{BinaryProperty as _, DefaultIgnorableCodePoint, WhiteSpace};
use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::policy::{Found, Policy, Row};

use crate::fixture::load;

/// An ambiguous path is refused, every other path is accepted, and the most specific row that
/// matches decides.
pub fn path(input: &[u8]) {
    thread_local! {
        static POLICY: Rc<Policy> = load(&Paths::load().policy());
    }
    let (read, shown) = (read(input), input.escape_ascii());
    let parsed = CanonicalPath::parse(input);
    assert_eq!(
        parsed.map(CanonicalPath::as_str).ok(),
        read.as_ref().map(|it| it.text.as_str()),
        "{shown}"
    );
    let (Ok(path), Some(read)) = (parsed, read) else { return };
    POLICY.with(|policy| {
        let service = &policy.services()[0];
        let best = |segments: &[String]| {
            let rows = service.rows().iter();
            let (kinds, empty_rest, id) = rows
                .filter_map(|row| kinds(row, segments).map(|(kinds, empty)| (kinds, empty, row.id)))
                .min()?;
            (!empty_rest).then_some((kinds, id))
        };
        let raw: Vec<_> = read.text[1..].split('/').map(str::to_owned).collect();
        // a service that decodes before it routes must come to the same row
        let expected =
            best(&raw).filter(|best_of_raw| best(&read.respelled).as_ref() == Some(best_of_raw));
        let found = match service.find("GET", path) {
            Found::Row(row) => Some(row.id),
            Found::PathKnown => panic!("every row is for GET"),
            Found::Nothing => None,
        };
        assert_eq!(found, expected.map(|(_, id)| id), "{shown}");
        assert!(!matches!(service.find("POST", path), Found::Row(_)), "{shown}");
    });
}

/// A path that can be read in one way only.
struct Read {
    text: String,
    /// Its segments in the spelling of templates: decoded, then escaped where RFC 3986 wants an
    /// escape.
    respelled: Vec<String>,
}

/// Reads a target by RFC 3986 3.3 and Unicode's data, with none of the engine's code; `None` if it
/// is ambiguous.
fn read(target: &[u8]) -> Option<Read> {
    if target.contains(&b'#') {
        return None;
    }
    let text = target.split(|byte| *byte == b'?').next().filter(|path| path.len() <= 4096)?;
    let segments: Vec<_> = text.strip_prefix(b"/")?.split(|byte| *byte == b'/').collect();
    let respelled = segments.iter().enumerate().map(|(at, segment)| {
        if segment.is_empty() {
            // after a trailing slash only
            return (at + 1 == segments.len()).then(String::new);
        }
        let decoded = decode(segment)?;
        let visible = |c: char| {
            c != '.' && !WhiteSpace::for_char(c) && !DefaultIgnorableCodePoint::for_char(c)
        };
        decoded.contains(visible).then(|| decoded.bytes().map(respell).collect())
    });
    let respelled = respelled.collect::<Option<_>>()?;
    Some(Read { text: String::from_utf8(text.to_vec()).ok()?, respelled })
}

/// The decoded segment, if every decoder reads it alike, however often it decodes.
fn decode(segment: &[u8]) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), segment);
    while let [first, after @ ..] = rest {
        let (byte, after) = if *first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            let digits = str::from_utf8(digits)
                .ok()
                .filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
            let byte = u8::from_str_radix(digits, 16).ok()?;
            // RFC 3986 2.3: what needs no escape must have none
            if unreserved(byte) || b"/\\%;?#".contains(&byte) {
                return None;
            }
            (byte, after)
        } else if pchar(*first) {
            (*first, after)
        } else {
            return None;
        };
        bytes.push(byte);
        rest = after;
    }
    let decoded = String::from_utf8(bytes).ok()?;
    let harmless = |c: char| {
        let line_end = matches!(c, '\u{2028}' | '\u{2029}');
        !c.is_control()
            && !line_end
            && (c.is_ascii() || !folded(c).contains(|c| r"./\%;?#".contains(c)))
    };
    decoded.chars().all(harmless).then_some(decoded)
}

/// The widest that a character is known to be folded to ASCII: compatibility, then best fit,
/// transliteration and the label separators of domain names.
fn folded(c: char) -> String {
    let ascii = |c: char| match c {
        '÷' | '´' | '⁄' | '∕' | '╱' | '⟋' | '⧸' => '/',
        '¥' | '₩' | '∖' | '╲' | '⟍' | '⧵' | '⧹' => '\\',
        '٪' => '%',
        '\u{37e}' => ';',
        '。' => '.',
        other => other,
    };
    let once = ascii(c).to_string();
    ComposingNormalizerBorrowed::new_nfkc().normalize(&once).chars().map(ascii).collect()
}

/// A byte in the spelling of templates.
fn respell(byte: u8) -> String {
    if pchar(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// RFC 3986 2.3.
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986 3.3, but for `;`, which some cut a segment at.
fn pchar(byte: u8) -> bool {
    unreserved(byte) || b"!$&'()*+,=:@".contains(&byte)
}

/// How specific the row is for a path: for each segment, 0 is a literal, 1 any one, 2 all that is
/// left; and whether nothing is left, which some routers match and some do not. `None`: no match in
/// any router.
fn kinds(row: &Row, path: &[String]) -> Option<(Vec<u8>, bool)> {
    let mut kinds = Vec::new();
    let mut segments = path.iter();
    for part in row.template.as_str()[1..].split('/') {
        if part.starts_with("{*") {
            kinds.push(2);
            return Some((kinds, segments.all(String::is_empty)));
        }
        let segment = segments.next()?;
        let any = part.starts_with('{');
        kinds.push(u8::from(any));
        if any && segment.is_empty() || !any && part != segment {
            return None;
        }
    }
    segments.next().is_none().then_some((kinds, false))
}

#[cfg(test)]
mod tests {
    /// The longest input that libFuzzer makes has 8 KiB.
    #[test]
    fn the_oracle_knows_the_maximum_length_of_a_path() {
        for length in [4095, 4096, 4097, 8192] {
            let path = "/".to_owned() + &"a".repeat(length - 1);
            super::path(path.as_bytes());
            super::path((path + "?x").as_bytes());
        }
    }
}
