//! Requests to one gate, one after the other: what is in the first one's cache, the second one
//! meets.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::fixture::{self, CERTIFICATE, Peer, at, headers};
use crate::oracle::{self, Tokens};

pub(crate) const HOSTS: [&str; 7] = [
    "main.example",
    "reports.example",
    "a.reports.example",
    "partners.example",
    "browsers.example",
    "trial.example",
    "nowhere.example",
];
pub(crate) const METHODS: [&str; 8] =
    ["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "get", ""];
pub(crate) const TARGETS: [&str; 12] = [
    "/me",
    "/public",
    "/orders",
    "/orders/1",
    "/orders/export",
    "/refunds",
    "/write-offs",
    "/files/a/b",
    "/files/upload",
    "/partner",
    "/heads",
    "/shop.v1.Orders/Get",
];
const NAMES: [&str; 10] = [
    "authorization",
    "x-proxy-token",
    "cookie",
    "origin",
    "access-control-request-method",
    "upgrade",
    "x-auth-subject",
    "x_auth_principal",
    ":path",
    "x-other",
];
/// What stands before a token.
const BEFORE: [&str; 8] =
    ["Bearer ", "bearer  ", "jwt ", "__Host-token=", "a=b; __Host-token=", "Basic ", "", "Bearer"];

/// What is asked, one after the other.
#[derive(Debug)]
struct Story(Vec<Asked>);

/// One request.
#[derive(Debug)]
struct Asked {
    host: Vec<u8>,
    method: Vec<u8>,
    target: Vec<u8>,
    /// From the moment of issue.
    seconds: i64,
    certificate: Option<[u8; 32]>,
    headers: Vec<(String, Value)>,
}

/// A header's value.
#[derive(Debug)]
enum Value {
    Written(Vec<u8>),
    /// A token of the corpus, changed.
    Token {
        before: &'static str,
        number: u16,
        changes: Vec<Change>,
    },
}

/// A change of a token, where it is as long as that.
#[derive(Debug)]
enum Change {
    Replace(u16, u8),
    Flip(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    Cut(u16),
    /// A part of it (0 to 2) becomes another token's.
    Graft(u8, u16),
    Repeat,
}

impl<'a> Arbitrary<'a> for Story {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut story = Vec::new();
        while !u.is_empty() && story.len() < 4 {
            story.push(u.arbitrary()?);
        }
        Ok(Self(story))
    }
}

impl<'a> Arbitrary<'a> for Asked {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            host: one_of(u, &HOSTS)?,
            method: one_of(u, &METHODS)?,
            target: one_of(u, &TARGETS)?,
            seconds: i64::from(u.arbitrary::<i16>()?),
            certificate: match u.arbitrary::<u8>()? {
                1 => Some(CERTIFICATE),
                2 => Some([0; 32]),
                _ => None,
            },
            headers: several(u, 5, |u| Ok((name(u)?, u.arbitrary()?)))?,
        })
    }
}

impl<'a> Arbitrary<'a> for Value {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let kind = u.arbitrary::<u8>()?;
        if kind == u8::MAX {
            return written(u).map(Self::Written);
        }
        let before = BEFORE[usize::from(kind) % BEFORE.len()];
        Ok(Self::Token {
            before,
            number: u.arbitrary()?,
            changes: several(u, 3, Unstructured::arbitrary)?,
        })
    }
}

impl<'a> Arbitrary<'a> for Change {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? % 7 {
            0 => Self::Replace(u.arbitrary()?, u.arbitrary()?),
            1 => Self::Flip(u.arbitrary()?, u.arbitrary()?),
            2 => Self::Insert(u.arbitrary()?, u.arbitrary()?),
            3 => Self::Remove(u.arbitrary()?),
            4 => Self::Cut(u.arbitrary()?),
            5 => Self::Graft(u.arbitrary()?, u.arbitrary()?),
            _ => Self::Repeat,
        })
    }
}

/// Everything is read from the front, so that seeds can be written down.
fn several<'a, T>(
    u: &mut Unstructured<'a>,
    at_most: u8,
    mut one: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = u.arbitrary::<u8>()? % (at_most + 1);
    (0..count).map(|_| one(u)).collect()
}

fn written(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
    Ok(u.bytes(length)?.to_vec())
}

fn one_of(u: &mut Unstructured<'_>, known: &[&str]) -> Result<Vec<u8>> {
    match u.arbitrary::<u8>()? {
        u8::MAX => written(u),
        number => Ok(known[usize::from(number) % known.len()].as_bytes().to_vec()),
    }
}

/// Envoy makes names lower case, and has refused what is no name.
fn name(u: &mut Unstructured<'_>) -> Result<String> {
    let name = one_of(u, &NAMES)?;
    let name =
        name.iter().filter(|b| b.is_ascii_graphic()).map(|b| char::from(b.to_ascii_lowercase()));
    Ok(name.collect())
}

impl Value {
    fn bytes(&self, tokens: &[String]) -> Vec<u8> {
        match self {
            Self::Written(bytes) => bytes.clone(),
            Self::Token { before, number, changes } => {
                let mut token = chosen(tokens, *number).to_vec();
                for change in changes {
                    change.make(&mut token, tokens);
                }
                [before.as_bytes(), &token].concat()
            }
        }
    }
}

fn chosen(tokens: &[String], number: u16) -> &[u8] {
    tokens[usize::from(number) % tokens.len()].as_bytes()
}

impl Change {
    fn make(&self, token: &mut Vec<u8>, tokens: &[String]) {
        let place = |at: u16| usize::from(at) % token.len().max(1);
        match *self {
            Self::Replace(at, byte) => {
                let at = place(at);
                token.get_mut(at).into_iter().for_each(|it| *it = byte);
            }
            Self::Flip(at, bit) => {
                let at = place(at);
                token.get_mut(at).into_iter().for_each(|it| *it ^= 1 << (bit % 8));
            }
            Self::Insert(at, byte) => token.insert(place(at).min(token.len()), byte),
            Self::Remove(at) => {
                let at = place(at);
                token.drain(at..(at + 1).min(token.len()));
            }
            Self::Cut(at) => token.truncate(place(at)),
            Self::Graft(part, number) => graft(token, part, chosen(tokens, number)),
            Self::Repeat => {
                let again = token.clone();
                token.push(b',');
                token.extend(again);
            }
        }
    }
}

fn graft(token: &mut Vec<u8>, part: u8, other: &[u8]) {
    let part = usize::from(part % 3);
    let mut parts: Vec<_> = token.split(|b| *b == b'.').map(<[u8]>::to_vec).collect();
    if let (Some(to), Some(from)) = (parts.get_mut(part), other.split(|b| *b == b'.').nth(part)) {
        *to = from.to_vec();
    }
    *token = parts.join(&b'.');
}

/// Whatever is asked and in whatever order: what passes with a caller carries a token that was
/// issued, byte for byte.
pub fn request(input: &[u8]) {
    let Ok(Story(story)) = Story::arbitrary(&mut Unstructured::new(input)) else { return };
    fixture::with(|fixture| {
        let mut authorizer = fixture.authorizer();
        for asked in &story {
            let others = asked
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.bytes(&fixture.tokens)));
            let headers = headers(&asked.method, &asked.target, &asked.host, others);
            let peer = Peer(asked.certificate);
            oracle::decide(
                fixture,
                &mut authorizer,
                &headers,
                &peer,
                at(asked.seconds),
                Tokens::Issued,
            );
        }
    });
}
