//! The claims of a token: read strictly, compared with the provider's rules, and verified only with
//! the proof of a signature. What depends on the clock, the service or the connection is not judged
//! here but at every request: see [`TokenValidity`].

use std::borrow::Cow;

use serde::Deserialize;

use crate::authz::roles::{RoleRules, Roles};
use crate::clock::UnixTime;
use crate::jose::json::{Json, Object};
use crate::jose::signature::Proof;
use crate::jose::token::decode_base64url;
use crate::model::Provider;
use crate::reason::Reason;

/// Of a subject or a token id, in bytes (OpenID Connect Core 2 allows a subject of 255).
const MAX_NAME: usize = 256;
/// Of a payload, in bytes, however large a token may be.
const MAX_PAYLOAD: usize = 64 * 1024;
/// JSON values of a payload: every entry of a list of roles or groups is one.
const MAX_VALUES: usize = 1024;
/// Later than any date: year 9999.
const MAX_DATE: f64 = 253_402_300_799.0;

/// A payload whose signature is not verified. Only `iss` is read of it, which says whose key may
/// verify it: until then, its other members cost their bytes and no more.
#[derive(Debug)]
pub(crate) struct UnverifiedClaims<'a> {
    payload: &'a [u8],
    issuer: Cow<'a, str>,
}

/// The one claim that is read before the signature is verified; serde skips the others, and refuses
/// `iss` twice.
#[derive(Deserialize)]
struct Issuer<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
}

/// Claims whose signature is verified and which meet their provider's rules. Roles are read from
/// nothing else.
#[derive(Debug)]
pub struct VerifiedClaims<'a> {
    object: Object<'a>,
    subject: Box<str>,
    token_id: Option<Box<str>>,
}

/// What is judged anew at every request, for a cached token as for a fresh one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenValidity {
    expires: UnixTime,
    not_before: Option<UnixTime>,
    issued_at: Option<UnixTime>,
    /// Those of its audiences that the provider's policy lists; none if it has all of these, as
    /// most tokens have.
    audiences: Option<Box<[Box<str>]>>,
    /// What the token is bound to.
    pub(crate) binding: Binding,
}

/// RFC 7800 3.1: what a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// A plain bearer token, or the policy ignores it.
    None,
    /// RFC 8705 3.1: the client's certificate, by its SHA-256.
    Certificate(Box<[u8; 32]>),
    /// Something that cannot be compared here.
    Other,
}

impl<'a> UnverifiedClaims<'a> {
    /// Reads the issuer.
    ///
    /// # Errors
    /// [`Reason::ClaimsMalformed`] if the payload is too large or not a JSON object with one `iss`,
    /// a string.
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Self, Reason> {
        let Issuer { iss } = Some(payload)
            .filter(|it| it.len() <= MAX_PAYLOAD)
            // serde would read a list as the members in their order
            .filter(|it| it.trim_ascii_start().first() == Some(&b'{'))
            .and_then(|it| serde_json::from_str(std::str::from_utf8(it).ok()?).ok())
            .ok_or(Reason::ClaimsMalformed)?;
        Ok(Self { payload, issuer: iss })
    }

    /// The issuer that it names.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Reads all claims and takes them for true: the signature is verified. What must be judged at
    /// every request comes with them. `access_token`: the header says so by RFC 9068.
    ///
    /// # Errors
    /// [`Reason::ClaimsMalformed`], or the first of the provider's rules that they do not meet.
    pub(crate) fn verified(
        self,
        _: Proof,
        provider: &Provider,
        access_token: bool,
    ) -> Result<(VerifiedClaims<'a>, TokenValidity), Reason> {
        let object = Object::parse(self.payload, MAX_VALUES).ok_or(Reason::ClaimsMalformed)?;
        let (mut exp, mut nbf, mut iat, mut jti, mut cnf) = (None, None, None, None, None);
        // all of them at once: every new token is asked for each
        for (name, value) in object.members() {
            let claim = match name {
                "exp" => &mut exp,
                "nbf" => &mut nbf,
                "iat" => &mut iat,
                "jti" => &mut jti,
                "cnf" => &mut cnf,
                _ => continue,
            };
            *claim = Some(value);
        }
        let expires = date(exp)?.map(|(floor, _)| floor).ok_or(Reason::ClaimsMalformed)?;
        let not_before = date(nbf)?.map(|(_, ceiling)| ceiling);
        let issued_at = date(iat)?.map(|(_, ceiling)| ceiling);
        let audiences = audiences(&object, provider)?;
        let binding = binding(cnf.filter(|_| !provider.ignore_binding))?;
        let token_id = match jti.map(Json::as_str) {
            None => None,
            Some(Some(id)) if is_name(id) => Some(id.into()),
            Some(_) => return Err(Reason::ClaimsMalformed),
        };
        let subject = object.at(&provider.subject).and_then(Json::as_str).filter(|it| is_name(it));
        let subject = subject.ok_or(Reason::SubjectInvalid)?.into();
        // RFC 9068 2.2, whatever else the policy calls subject and audience; `iss` and `exp` are
        // required of every token
        let complete = || {
            ["sub", "client_id", "jti"].iter().all(|name| text(&object, name).is_some_and(is_name))
                && ["aud", "iat"].iter().all(|name| object.get(name).is_some())
        };
        let required =
            provider.required_claims.iter().all(|rule| has(&object, &rule.path, &rule.one_of));
        if !required || access_token && !complete() {
            return Err(Reason::ClaimMismatch);
        }
        // written where they are returned
        Ok((
            VerifiedClaims { object, subject, token_id },
            TokenValidity { expires, not_before, issued_at, audiences, binding },
        ))
    }
}

impl VerifiedClaims<'_> {
    /// Whom it is about, within that issuer.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The roles that these rules read from the claims.
    pub fn roles<'a>(&'a self, rules: &'a RoleRules) -> Roles<'a> {
        rules.collect(|path| self.at(path))
    }

    /// The claim at a literal path.
    pub(crate) fn at(&self, path: &[Box<str>]) -> Option<&Json<'_>> {
        self.object.at(path)
    }

    /// The subject, and the token's own id if it has one.
    pub(crate) fn into_names(self) -> (Box<str>, Option<Box<str>>) {
        (self.subject, self.token_id)
    }
}

impl TokenValidity {
    /// When the token ends, without leeway.
    pub(crate) const fn expires(&self) -> UnixTime {
        self.expires
    }

    /// Judges the times: `now >= exp + leeway` is expired.
    ///
    /// # Errors
    /// Which of them is wrong.
    pub(crate) fn judge_times(&self, provider: &Provider, now: UnixTime) -> Result<(), Reason> {
        let leeway = provider.leeway;
        if now >= self.expires.plus(leeway) {
            return Err(Reason::TokenExpired);
        }
        if self.not_before.is_some_and(|begin| now.plus(leeway) < begin) {
            return Err(Reason::TokenNotYetValid);
        }
        if self.issued_at.is_some_and(|issued| now.plus(leeway) < issued) {
            return Err(Reason::TokenIssuedInFuture);
        }
        if let Some(max_age) = provider.max_age {
            // without an age it may have any
            let issued = self.issued_at.ok_or(Reason::TokenTooOld)?;
            if now >= issued.plus(max_age).plus(leeway) {
                return Err(Reason::TokenTooOld);
            }
        }
        Ok(())
    }

    /// Judges the service's own audiences, if it has any: one of them must be among the token's
    /// that the provider's policy lists too.
    ///
    /// # Errors
    /// [`Reason::AudienceMismatch`].
    pub(crate) fn judge_audience(
        &self,
        provider: &Provider,
        service: Option<&[Box<str>]>,
    ) -> Result<(), Reason> {
        let own = self.audiences.as_ref().unwrap_or(&provider.audiences);
        let met =
            service.is_none_or(|service| own.iter().any(|audience| service.contains(audience)));
        if met { Ok(()) } else { Err(Reason::AudienceMismatch) }
    }

    /// Bytes on the heap, about.
    pub(crate) fn bytes(&self) -> usize {
        self.audiences.iter().flatten().map(|audience| audience.len() + 24).sum()
    }
}

/// `NumericDate` (RFC 7519 2), rounded down and up: fractions never help a token.
fn date(claim: Option<&Json<'_>>) -> Result<Option<(UnixTime, UnixTime)>, Reason> {
    match claim {
        None => Ok(None),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range
        Some(Json::Number(date)) if (0.0..=MAX_DATE).contains(date) => {
            Ok(Some((UnixTime(date.floor() as u64), UnixTime(date.ceil() as u64))))
        }
        Some(_) => Err(Reason::ClaimsMalformed),
    }
}

/// Those of the token's audiences that the provider accepts (RFC 7519 4.1.3: a string, or a list of
/// strings).
fn audiences(object: &Object<'_>, provider: &Provider) -> Result<Option<Box<[Box<str>]>>, Reason> {
    let named = match object.at(&provider.audience_claim) {
        None => return Err(Reason::AudienceMismatch),
        Some(Json::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
    };
    if named.iter().any(|it| it.as_str().is_none()) {
        return Err(Reason::ClaimsMalformed);
    }
    let accepted = || {
        let is_named = |audience: &str| named.iter().any(|it| it.as_str() == Some(audience));
        provider.audiences.iter().filter(move |audience| is_named(audience))
    };
    match accepted().count() {
        0 => Err(Reason::AudienceMismatch),
        all if all == provider.audiences.len() => Ok(None),
        _ => Ok(Some(accepted().cloned().collect())),
    }
}

fn binding(confirmation: Option<&Json<'_>>) -> Result<Binding, Reason> {
    let members = match confirmation {
        None => return Ok(Binding::None),
        Some(Json::Object(members)) => members,
        Some(_) => return Err(Reason::ClaimsMalformed),
    };
    let thumbprint = members.get("x5t#S256").and_then(Json::as_str);
    let thumbprint = thumbprint.and_then(|text| decode_base64url(text)?.try_into().ok());
    // two methods at once would both have to be proved (RFC 7800 3.1)
    let alone =
        ["jwk", "jwe", "kid", "jku", "jkt"].iter().all(|other| members.get(other).is_none());
    Ok(thumbprint.filter(|_| alone).map_or(Binding::Other, |it| Binding::Certificate(Box::new(it))))
}

/// Whether the claim is one of these strings, or a list that holds one of them.
fn has(object: &Object<'_>, path: &[Box<str>], one_of: &[Box<str>]) -> bool {
    let is_one = |value: &Json<'_>| {
        value.as_str().is_some_and(|text| one_of.iter().any(|one| **one == *text))
    };
    match object.at(path) {
        Some(Json::Array(items)) => items.iter().any(is_one),
        Some(value) => is_one(value),
        None => false,
    }
}

/// The string of that name.
fn text<'o>(object: &'o Object<'_>, name: &str) -> Option<&'o str> {
    object.get(name).and_then(Json::as_str)
}

/// Not empty, bounded, and nothing that a log or a header could read as more than a name, or show
/// as another one.
fn is_name(text: &str) -> bool {
    // nearly all names are ASCII, which needs no decoding
    let is_plain = || text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    !text.is_empty() && text.len() <= MAX_NAME && (is_plain() || !text.chars().any(hides))
}

/// What is not printed: control characters, line and paragraph separators, and what turns the
/// direction of a text (UAX 9 2).
fn hides(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_issuer_is_read_before_the_signature_is_verified() {
        let issuer =
            |payload: &[u8]| UnverifiedClaims::parse(payload).ok().map(|it| it.issuer().to_owned());
        for (text, expected) in [
            (r#"{"iss":"a"}"#, Some("a")),
            (r#" {"a":[{"iss":"no"}],"\u0069ss":"a\u0062","z":{}} "#, Some("ab")),
            (r#"{"a":1e999,"a":"twice","iss":"b"}"#, Some("b")),
            (r#"{"iss":"a","iss":"a"}"#, None),
            (r#"{"iss":1}"#, None),
            (r#"{"iss":null}"#, None),
            (r#"{"ISS":"a"}"#, None),
            (r#"["iss","a"]"#, None),
            (r#"{"iss":"a"}{}"#, None),
            (r#"{"iss":"a","b":}"#, None),
            (r#"{"iss":"a""#, None),
            ("", None),
        ] {
            assert_eq!(issuer(text.as_bytes()).as_deref(), expected, "{text}");
        }
        assert_eq!(issuer(b"{\"iss\":\"a\",\"b\":\"\xff\"}"), None);
        let deep = format!(r#"{{"a":{}{},"iss":"a"}}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert_eq!(issuer(deep.as_bytes()).as_deref(), Some("a"));
    }
}
