//! A token as it came: three base64url parts (RFC 7515 3.1, 7.1), and the header that says how it
//! is signed.

use std::rc::Rc;

use base64_simd::URL_SAFE_NO_PAD;
use memchr::{memchr, memrchr};

use crate::jose::json::{Json, Object};
use crate::jose::signature::Algorithm;
use crate::reason::Reason;

/// Of a header, in bytes: more than any needs, a certificate chain that nobody reads included.
const MAX_HEADER: usize = 8 * 1024;
/// JSON values of a header: RFC 7515 registers eleven parameters, and a certificate chain has a
/// handful.
const MAX_VALUES: usize = 64;
/// Of a key id, in bytes.
const MAX_KID: usize = 256;
/// How many headers are kept: as many as a worker's providers have keys in use, mostly.
const LATELY: usize = 8;

/// A token, and the two dots between its parts, of which the first is the token's first. Nothing in
/// it has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    text: &'a [u8],
    dots: [usize; 2],
}

impl<'a> Token<'a> {
    /// Splits: three parts at least. That there is no fourth is seen when they are decoded.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`].
    pub(crate) fn split(text: &'a [u8]) -> Result<Self, Reason> {
        match (memchr(b'.', text), memrchr(b'.', text)) {
            (Some(first), Some(second)) if first < second => {
                Ok(Self { text, dots: [first, second] })
            }
            _ => Err(Reason::TokenMalformed),
        }
    }

    /// What is signed: the first two parts, as they came.
    pub(crate) fn signed(self) -> &'a [u8] {
        self.text.get(..self.dots[1]).unwrap_or_default()
    }

    /// The first part, as it came.
    pub(crate) fn header(self) -> &'a [u8] {
        self.text.get(..self.dots[0]).unwrap_or_default()
    }

    /// The second part, decoded: no padding, no stray bits, and no third dot, which would stand
    /// here, where base64url has none.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`].
    pub(crate) fn payload(self) -> Result<Vec<u8>, Reason> {
        let [first, second] = self.dots;
        self.text.get(first + 1..second).ok_or(Reason::TokenMalformed).and_then(decode)
    }

    /// The last part, decoded likewise.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`].
    pub(crate) fn signature(self) -> Result<Vec<u8>, Reason> {
        decode(self.signature_text())
    }

    fn signature_text(self) -> &'a [u8] {
        self.text.get(self.dots[1] + 1..).unwrap_or_default()
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, Reason> {
    decode_base64url(part).ok_or(Reason::TokenMalformed)
}

/// What is read of the JOSE header. `jku`, `jwk`, `x5u` and `x5c` are never even looked at (RFC
/// 8725 3.10).
#[derive(Debug)]
pub(crate) struct Header {
    /// `None`: it names one that is not known here.
    algorithm: Option<Algorithm>,
    /// In the normal form of RFC 7515 4.1.9: lower case (media types are case-insensitive), without
    /// `application/`.
    typ: Option<Box<str>>,
    kid: Option<Box<str>>,
}

/// The headers of the last tokens that were verified, each once: all tokens of a key mostly have
/// the same, and so long a signature.
#[derive(Debug, Default)]
pub(crate) struct HeaderCache(Vec<Known>);

/// The header of a token that was verified.
#[derive(Debug)]
struct Known {
    /// As it came.
    text: Box<[u8]>,
    /// The length of the signature behind it, as it came: that of all signatures of one key.
    signature: usize,
    header: Rc<Header>,
}

impl Known {
    /// The two dots of a token that has this header, and a signature of this length.
    fn dots(&self, token: &[u8]) -> Option<[usize; 2]> {
        let (first, second) = (self.text.len(), token.len().checked_sub(self.signature + 1)?);
        let (header, rest) = token.split_at_checked(first)?;
        let are_dots =
            rest.first() == Some(&b'.') && first < second && token.get(second) == Some(&b'.');
        (are_dots && is_equal(&self.text, header)).then_some([first, second])
    }
}

impl HeaderCache {
    /// A token in its parts, and its header, read at most once.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`], and those of [`Header::parse`].
    pub(crate) fn split<'t>(&self, token: &'t [u8]) -> Result<(Token<'t>, Rc<Header>), Reason> {
        if let Some((known, dots)) =
            self.0.iter().find_map(|known| Some((known, known.dots(token)?)))
        {
            return Ok((Token { text: token, dots }, Rc::clone(&known.header)));
        }
        let token = Token::split(token)?;
        let header = Header::parse(&decode(token.header())?)?;
        Ok((token, Rc::new(header)))
    }

    /// Keeps the header of a token that was verified: what nobody has signed takes no place.
    pub(crate) fn keep(&mut self, token: Token<'_>, header: &Rc<Header>) {
        if self.0.iter().any(|known| Rc::ptr_eq(&known.header, header)) {
            return;
        }
        if self.0.len() == LATELY {
            self.0.remove(0);
        }
        let signature = token.signature_text().len();
        self.0.push(Known { text: token.header().into(), signature, header: Rc::clone(header) });
    }
}

impl Header {
    /// Reads it strictly.
    ///
    /// # Errors
    /// [`Reason::HeaderMalformed`], or [`Reason::CriticalHeader`]: no extension is understood here,
    /// so none may be critical.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Reason> {
        let json = Some(json).filter(|it| it.len() <= MAX_HEADER);
        let object =
            json.and_then(|it| Object::parse(it, MAX_VALUES)).ok_or(Reason::HeaderMalformed)?;
        if object.get("crit").is_some() || object.get("b64").is_some() {
            return Err(Reason::CriticalHeader);
        }
        text(&object, "cty")?;
        let alg = text(&object, "alg")?.ok_or(Reason::HeaderMalformed)?;
        let (typ, kid) = (text(&object, "typ")?, text(&object, "kid")?);
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID) {
            return Err(Reason::HeaderMalformed);
        }
        let typ = typ.map(|typ| normal(typ).to_ascii_lowercase().into());
        Ok(Self { algorithm: Algorithm::from_name(alg), typ, kid: kid.map(Box::from) })
    }

    /// What `alg` names, if it is known.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether `typ` is one of `accepted`, which are in normal form too. `None` accepts a header
    /// without `typ`.
    pub(crate) fn is_of_type(&self, accepted: &[Option<Box<str>>]) -> bool {
        accepted.contains(&self.typ)
    }

    /// Whether it says that it is an access token by RFC 9068.
    pub(crate) fn is_access_token(&self) -> bool {
        self.typ.as_deref() == Some("at+jwt")
    }
}

/// The member of that name, if it is there.
fn text<'o>(object: &'o Object<'_>, name: &str) -> Result<Option<&'o str>, Reason> {
    match object.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::HeaderMalformed),
    }
}

/// A media type without `application/`, if no other slash follows.
fn normal(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

/// Decodes base64url without padding (RFC 4648 5, RFC 7515 2). Only one text decodes to given bytes:
/// padding, stray bits and white space are errors. It decodes sixteen characters at a time where the
/// processor or the sandbox can.
pub(crate) fn decode_base64url(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text.as_ref()).ok()
}

/// Bytes that are compared between two branches. WebAssembly has neither `memcmp` nor `memchr`, and
/// the loops that replace them take one byte after the other: for a cached token they cost more than
/// the rest of its decision. The words are named one by one, since the compiler unrolls no loop when
/// it optimises for size, and a loop takes twice as long.
type Block = [[u8; 8]; 4];

/// All blocks, and what is left.
fn blocks(bytes: &[u8]) -> (&[Block], &[u8]) {
    let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % size_of::<Block>());
    (whole.as_chunks().0.as_chunks().0, rest)
}

/// A word with this byte everywhere.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Whether both hold the same bytes.
pub(crate) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let ((ones, rest), (others, other_rest)) = (blocks(one), blocks(other));
    let differ = |(one, other): (&Block, &Block)| {
        let [o0, o1, o2, o3] = one.map(u64::from_ne_bytes);
        let [p0, p1, p2, p3] = other.map(u64::from_ne_bytes);
        (o0 ^ p0) | (o1 ^ p1) | (o2 ^ p2) | (o3 ^ p3) != 0
    };
    rest == other_rest && ones.len() == others.len() && !ones.iter().zip(others).any(differ)
}

/// Whether one of these may stand between two tokens: a space, a control character, a comma.
pub(crate) fn has_separator(bytes: &[u8]) -> bool {
    let is_one = |byte: &u8| *byte <= b' ' || *byte == b',';
    // the lowest byte that borrows from its highest bit is below what was taken away (Warren,
    // Hacker's Delight, 6-1); none of a token's alphabet is below `-`
    let low = |word: u64| word.wrapping_sub(all(b'-')) & !word;
    let has_one = |block: &Block| {
        let [w0, w1, w2, w3] = block.map(u64::from_ne_bytes);
        (low(w0) | low(w1) | low(w2) | low(w3)) & all(0x80) != 0
            && block.as_flattened().iter().any(is_one)
    };
    let (blocks, rest) = blocks(bytes);
    blocks.iter().any(has_one) || rest.iter().any(is_one)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    use proptest::prelude::*;

    use super::*;

    /// Everything that a token holds, decoded.
    fn parts(token: Token<'_>) -> Result<[Vec<u8>; 3], Reason> {
        Ok([decode(token.header())?, token.payload()?, token.signature()?])
    }

    #[test]
    fn a_token_is_exactly_three_parts_without_padding_or_stray_bits() {
        for (token, good) in [
            ("e30.e30.e30", true),
            ("..", true),
            ("e30.e30.", true),
            ("", false),
            ("e30", false),
            ("e30.e30", false),
            ("e30.e30.e30.e30", false),
            ("e30.e30.e30.", false),
            ("e30=.e30.e30", false),
            ("e31.e31.e31", false),
            ("e3.e3.e3", false),
            ("e.e.e", false),
            ("e3+.e30.e30", false),
            ("e30 .e30.e30", false),
            ("é.e30.e30", false),
        ] {
            let read = Token::split(token.as_bytes()).and_then(parts);
            assert_eq!(read.is_ok(), good, "{token}");
            assert!(read.is_ok() || read.is_err_and(|reason| reason == Reason::TokenMalformed));
        }
    }

    #[test]
    fn a_header_is_strict_and_nothing_in_it_may_be_critical() {
        use Reason::{CriticalHeader, HeaderMalformed};
        for (json, expected) in [
            (r#"{"alg":"RS256"}"#, None),
            (r#"{"alg":"RS256","typ":"JWT","kid":"a","jku":"https://evil.example","x":{}}"#, None),
            (r#"{"alg":"RS256","crit":["exp"],"exp":1}"#, Some(CriticalHeader)),
            (r#"{"alg":"RS256","crit":[]}"#, Some(CriticalHeader)),
            (r#"{"alg":"RS256","crit":null}"#, Some(CriticalHeader)),
            (r#"{"alg":"RS256","b64":true}"#, Some(CriticalHeader)),
            (r"{}", Some(HeaderMalformed)),
            (r#"{"alg":1}"#, Some(HeaderMalformed)),
            (r#"{"alg":null}"#, Some(HeaderMalformed)),
            (r#"{"alg":"RS256","typ":7}"#, Some(HeaderMalformed)),
            (r#"{"alg":"RS256","kid":7}"#, Some(HeaderMalformed)),
            (r#"{"alg":"RS256","kid":""}"#, Some(HeaderMalformed)),
            (r#"{"alg":"RS256","alg":"none"}"#, Some(HeaderMalformed)),
            (r#"["RS256"]"#, Some(HeaderMalformed)),
            ("", Some(HeaderMalformed)),
        ] {
            assert_eq!(Header::parse(json.as_bytes()).err(), expected, "{json}");
        }
        for (members, expected) in [(MAX_VALUES - 2, None), (MAX_VALUES - 1, Some(HeaderMalformed))]
        {
            let others: Vec<_> = (0..members).map(|n| format!(r#","x{n}":0"#)).collect();
            let others = others.concat();
            let many = format!(r#"{{"alg":"RS256"{others}}}"#);
            assert_eq!(
                Header::parse(many.as_bytes()).err(),
                expected,
                "{members} unknown parameters"
            );
        }
        for (padding, expected) in
            [(MAX_HEADER - 22, None), (MAX_HEADER - 21, Some(HeaderMalformed))]
        {
            let padded = format!(r#"{{"alg":"RS256","x":"{}"}}"#, "x".repeat(padding));
            assert_eq!(Header::parse(padded.as_bytes()).err(), expected, "{} bytes", padded.len());
        }
        let long = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(MAX_KID + 1));
        assert_eq!(Header::parse(long.as_bytes()).err(), Some(HeaderMalformed));
    }

    #[test]
    fn a_header_that_was_verified_is_not_read_again_and_another_is() {
        let text = |kid: usize| {
            format!("{}.e30.e30", BASE64URL.encode(format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#)))
        };
        let mut lately = HeaderCache::default();
        for kid in 0..=LATELY {
            let text = text(kid);
            let (token, unverified) = lately.split(text.as_bytes()).unwrap();
            assert!(
                !Rc::ptr_eq(&unverified, &lately.split(text.as_bytes()).unwrap().1),
                "nobody has signed it"
            );
            lately.keep(token, &unverified);
            let (_, verified) = lately.split(text.as_bytes()).unwrap();
            assert!(Rc::ptr_eq(&unverified, &verified));
            lately.keep(token, &verified);
            assert_eq!(verified.kid(), Some(&*kid.to_string()));
            assert_eq!(lately.0.len(), (kid + 1).min(LATELY), "bounded, and each once");
        }
        for bad in ["e31.e30.e30", "bm8.e30.e30", "e30.e30.e30"] {
            assert!(lately.split(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_are_compared_as_media_types_are() {
        let accepts = |json: &str, accepted: &[Option<&str>]| {
            let accepted: Vec<_> = accepted.iter().map(|it| it.map(Box::from)).collect();
            Header::parse(json.as_bytes()).unwrap().is_of_type(&accepted)
        };
        for (typ, expected) in [
            ("at+jwt", true),
            ("AT+JWT", true),
            ("application/at+jwt", true),
            ("Application/AT+jwt", true),
            ("jwt", true),
            ("application/x/at+jwt", false),
            ("text/at+jwt", false),
            ("at", false),
            ("", false),
        ] {
            let json = format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#);
            assert_eq!(accepts(&json, &[Some("jwt"), Some("at+jwt")]), expected, "{typ}");
        }
        assert!(!accepts(r#"{"alg":"RS256"}"#, &[Some("jwt")]));
        assert!(accepts(r#"{"alg":"RS256"}"#, &[None]));
        assert!(!accepts(r#"{"alg":"RS256","typ":"JWT"}"#, &[None]));
    }

    proptest! {
        #[test]
        fn splitting_and_joining_is_the_identity(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
            let encoded = [&header, &payload, &signature].map(|part| BASE64URL.encode(part));
            let joined = encoded.join(".");
            let token = Token::split(joined.as_bytes()).unwrap();
            let signed = [&*encoded[0], &*encoded[1]].join(".");
            prop_assert_eq!(token.signed(), signed.as_bytes());
            prop_assert_eq!(parts(token).unwrap(), [header, payload, signature]);
        }

        #[test]
        fn a_token_whose_header_is_known_is_split_as_any_other(rest in "[.]?[A-Za-z0-9_=-]{0,9}[.]?[A-Za-z0-9_=.-]{0,9}") {
            let header = BASE64URL.encode(r#"{"alg":"RS256"}"#);
            let mut lately = HeaderCache::default();
            for signature in ["e30", "e30e", ""] {
                let known = format!("{header}.e30.{signature}");
                let (token, header) = lately.split(known.as_bytes()).unwrap();
                lately.keep(token, &header);
            }
            let text = format!("{header}{rest}");
            let read = |lately: &HeaderCache| {
                let (token, header) = lately.split(text.as_bytes())?;
                parts(token).map(|parts| (parts, token.signed(), format!("{header:?}")))
            };
            prop_assert_eq!(read(&lately), read(&HeaderCache::default()));
        }

        #[test]
        fn no_two_texts_split_to_the_same_parts(text in "[A-Za-z0-9_-]{2,12}(\\.[A-Za-z0-9_-]{2,12}){2}") {
            if let Ok(parts) = Token::split(text.as_bytes()).and_then(parts) {
                prop_assert_eq!(parts.map(|part| BASE64URL.encode(part)).join("."), text);
            }
        }
    }

    #[test]
    fn base64url_is_read_as_another_library_reads_it_whatever_byte_stands_where() {
        for length in 0..70 {
            for at in 0..=length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'A'; length];
                    text.splice(at..(at + 1).min(length), [byte]);
                    assert_eq!(
                        decode_base64url(&text),
                        BASE64URL.decode(&text).ok(),
                        "{byte:#x} at {at} of {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_separator_is_found_wherever_it_stands() {
        for length in 0..70 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'e'; length];
                    bytes[at] = byte;
                    let is_one = byte <= b' ' || byte == b',';
                    assert_eq!(has_separator(&bytes), is_one, "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn separators_are_found_as_byte_by_byte(bytes: Vec<u8>) {
            prop_assert_eq!(has_separator(&bytes), bytes.iter().any(|byte| *byte <= b' ' || *byte == b','));
        }

        #[test]
        fn a_text_is_the_same_as_itself_and_as_nothing_else(bytes: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            prop_assert!(is_equal(&bytes, &bytes.clone()));
            prop_assert!(!is_equal(&bytes, &[&*bytes, &[0]].concat()) && !is_equal(&[&*bytes, &[0]].concat(), &bytes));
            if !bytes.is_empty() {
                let mut other = bytes.clone();
                other[at.index(bytes.len())] ^= 1 << bit;
                prop_assert!(!is_equal(&bytes, &other));
            }
        }
    }
}
