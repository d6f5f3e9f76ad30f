//! What the service is told about the caller: plain headers to read and log, and the signed assertion to trust. Both can
//! only be written for a [`Caller`], and a caller comes only from verified claims.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::rc::Rc;

use lru::LruCache;
use portcullis_principal::{Assertion, MintError, SigningKey};
use thiserror::Error;

use crate::authn::claims::VerifiedClaims;
use crate::authz::roles::{RoleBits, Roles};
use crate::clock::UnixTime;
use crate::policy::{Policy, Provider, ProviderId, RowId, ServiceId};

/// A verified client: who it is, and its roles. Cached with its token.
#[derive(Debug)]
pub struct Caller {
    /// Tells this caller from every other of the same gate, also from one with the same subject.
    number: u64,
    /// Whose token it was; its issuer is the token's.
    pub provider: ProviderId,
    /// The subject, unique within the issuer only.
    pub subject: Box<str>,
    /// The plain list of roles.
    pub roles: Rc<RoleSet>,
    token_id: Option<Box<str>>,
    /// The token's `exp`.
    ends: UnixTime,
    /// As the header has it, if that is not the subject itself.
    subject_header: Option<Box<str>>,
}

/// The endpoint that an assertion is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    /// The service; its audience is the assertion's.
    pub(crate) service: ServiceId,
    /// The row; without one, no assertion is made.
    pub(crate) row: Option<RowId>,
    /// The request's method as sent.
    pub(crate) method: &'a str,
}

/// Assertions in use, bounded: a caller who comes again to the same endpoint gets the same one until half of its life.
#[derive(Debug)]
pub struct Assertions(Option<LruCache<Use, Minted>>);

/// What an assertion is for: the caller's number, and the endpoint.
type Use = (u64, ServiceId, RowId, Method);

/// An assertion in use.
#[derive(Debug)]
struct Minted {
    /// Half of its life: from then on a new one is minted.
    renew: UnixTime,
    jws: Rc<str>,
}

/// A method of at most 16 bytes; assertions for longer ones are not kept.
type Method = [u8; 16];

/// Why there is no hand-off. The request must not go on without it.
#[derive(Debug, Error)]
pub enum HandoffError {
    /// The policy wants an assertion and there is no key to sign it with.
    #[error("there is no signing key")]
    KeyLookupError,
    /// Provider or service are not this policy's.
    #[error("the caller is of another policy")]
    OtherPolicy,
    /// It cannot be minted.
    #[error(transparent)]
    Mint(#[from] MintError),
}

/// Headers to write; none without a verified client.
#[derive(Clone, Debug, Default)]
pub struct IdentityHeaders<'a> {
    /// Subject, roles and issuer.
    plain: Option<[(&'a str, &'a str); 3]>,
    assertion: Option<(&'a str, Rc<str>)>,
}

impl IdentityHeaders<'_> {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let assertion = self.assertion.iter().map(|(name, jws)| (*name, &**jws));
        self.plain.iter().flatten().copied().chain(assertion)
    }
}

impl Caller {
    /// The client that these claims are about, whose token `ends` then. `number` is nobody else's; `lately` is what others
    /// were granted.
    pub(crate) fn new(
        policy: &Policy,
        (id, provider): (ProviderId, &Provider),
        claims: VerifiedClaims<'_>,
        ends: UnixTime,
        number: u64,
        lately: &mut RoleSetCache,
    ) -> Self {
        let subject_header = match header_value(claims.subject()) {
            Cow::Borrowed(_) => None,
            Cow::Owned(encoded) => Some(encoded.into()),
        };
        let roles = lately.share(policy, &provider.roles.roles(&claims));
        let (subject, token_id) = claims.into_names();
        Self { number, provider: id, subject, roles, token_id, ends, subject_header }
    }

    /// Bytes on the heap, about.
    pub(crate) fn bytes(&self) -> usize {
        let of = |text: &Option<Box<str>>| text.as_ref().map_or(0, |it| it.len());
        self.subject.len() + of(&self.subject_header) + self.roles.bytes() + of(&self.token_id)
    }

    /// The identity headers for an endpoint, and the assertion if the policy wants one and has a row for the endpoint. Without a
    /// row (in shadow mode, or for a preflight) there is nothing to bind an assertion to: one for any endpoint would open those
    /// that the policy refuses.
    pub(crate) fn headers<'a>(
        &'a self,
        policy: &'a Policy,
        (assertions, key): (&mut Assertions, Option<&SigningKey>),
        endpoint: Endpoint<'_>,
        now: UnixTime,
    ) -> Result<IdentityHeaders<'a>, HandoffError> {
        let provider = policy.provider(self.provider).ok_or(HandoffError::OtherPolicy)?;
        let identity = policy.identity();
        let plain = [
            (&*identity.subject_header, &**self.subject_header.as_ref().unwrap_or(&self.subject)),
            (&*identity.roles_header, &*self.roles.header),
            (&*identity.issuer_header, &*provider.issuer_header),
        ];
        let mut headers = IdentityHeaders { plain: Some(plain), assertion: None };
        if !identity.assertion.omitted {
            let key = key.ok_or(HandoffError::KeyLookupError)?;
            if let Some(row) = endpoint.row {
                let mint = || self.mint(policy, provider, key, (endpoint, row), now);
                let jws = assertions.of(self, (endpoint, row), now, mint)?;
                headers.assertion = Some((&identity.assertion.header, jws));
            }
        }
        Ok(headers)
    }

    /// A new assertion, and when it ends.
    fn mint(
        &self,
        policy: &Policy,
        provider: &Provider,
        key: &SigningKey,
        (endpoint, row): (Endpoint<'_>, RowId),
        now: UnixTime,
    ) -> Result<(String, UnixTime), HandoffError> {
        let terms = &policy.identity().assertion;
        let service = policy.service(endpoint.service).ok_or(HandoffError::OtherPolicy)?;
        let (_, row) = policy.row(row).ok_or(HandoffError::OtherPolicy)?;
        // it ends with the token; one that lives on by the leeway still needs a moment
        let ends = now.plus(terms.ttl.as_secs()).min(self.ends.max(now.plus(1)));
        let assertion = Assertion {
            issuer: &terms.issuer,
            audience: service.assertion_audience(),
            issued_at: now.0,
            expires_at: ends.0,
            subject: &self.subject,
            subject_issuer: &provider.issuer,
            roles: &self.roles,
            token_id: self.token_id.as_deref(),
            method: endpoint.method,
            row: row.template.as_str(),
        };
        Ok((assertion.mint(key)?, ends))
    }
}

impl Assertions {
    /// None yet, and so many at most.
    pub fn new(bound: usize) -> Self {
        Self(NonZeroUsize::new(bound).map(LruCache::new))
    }

    /// The assertion in use, or a new one if that has lived half of its life.
    fn of(
        &mut self,
        caller: &Caller,
        (endpoint, row): (Endpoint<'_>, RowId),
        now: UnixTime,
        mint: impl FnOnce() -> Result<(String, UnixTime), HandoffError>,
    ) -> Result<Rc<str>, HandoffError> {
        let key = fixed(endpoint.method).map(|method| (caller.number, endpoint.service, row, method));
        let kept = self.0.as_mut().zip(key).and_then(|(all, key)| all.get(&key));
        if let Some(kept) = kept.filter(|kept| now < kept.renew) {
            return Ok(Rc::clone(&kept.jws));
        }
        let (jws, ends) = mint()?;
        let jws = Rc::<str>::from(jws);
        if let Some((all, key)) = self.0.as_mut().zip(key) {
            let renew = now.plus(ends.0.saturating_sub(now.0) / 2);
            all.put(key, Minted { renew, jws: Rc::clone(&jws) });
        }
        Ok(jws)
    }
}

/// `None`: it is too long, or holds the byte that pads, so that another method would have the same key.
fn fixed(method: &str) -> Option<Method> {
    if method.as_bytes().contains(&0) {
        return None;
    }
    let mut fixed = Method::default();
    fixed.get_mut(..method.len())?.copy_from_slice(method.as_bytes());
    Some(fixed)
}

/// Separated by commas, each escaped so that one role stays one.
fn roles_header<'r>(roles: impl Iterator<Item = &'r str>) -> String {
    roles.map(header_value).collect::<Vec<_>>().join(",")
}

/// A text as a header's value: what is not visible ASCII, and `%` and `,`, is percent-encoded (RFC 3986 2.1), so that no
/// text can end a header, begin another, or become two list members.
pub fn header_value(text: &str) -> Cow<'_, str> {
    let stays = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b',');
    if text.bytes().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            value.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(value, "%{byte:02X}");
        }
    }
    Cow::Owned(value)
}

// A caller's roles in every form that a request asks for: made once, and shared by the callers that have the same. Most
// tokens of a provider carry one of a few sets of roles, and a worker keeps thousands of tokens.

/// How many sets are looked through for one that is the same.
const LATELY: usize = 32;

/// A caller's roles: a list of names.
#[derive(Debug)]
pub struct RoleSet {
    names: Box<[String]>,
    /// Those of the roles that some row names.
    pub(crate) bits: RoleBits,
    /// As the header has them.
    pub(super) header: Box<str>,
}

/// The sets that were granted lately, each once.
#[derive(Debug, Default)]
pub(crate) struct RoleSetCache(Vec<Rc<RoleSet>>);

impl RoleSetCache {
    /// These roles; the very ones of an earlier caller, if one of the last few had the same in the same order.
    pub(crate) fn share(&mut self, policy: &Policy, roles: &Roles<'_>) -> Rc<RoleSet> {
        let same = |known: &&Rc<RoleSet>| known.names.iter().map(String::as_str).eq(roles.iter());
        if let Some(known) = self.0.iter().find(same) {
            return Rc::clone(known);
        }
        if self.0.len() == LATELY {
            self.0.remove(0);
        }
        let granted = Rc::new(RoleSet {
            names: roles.iter().map(str::to_owned).collect(),
            bits: policy.role_bits(roles),
            header: roles_header(roles.iter()).into(),
        });
        self.0.push(Rc::clone(&granted));
        granted
    }
}

impl RoleSet {
    /// Bytes on the heap, about: as if nobody shared them.
    pub(super) fn bytes(&self) -> usize {
        self.header.len() + self.names.iter().map(|role| role.len() + 24).sum::<usize>()
    }
}

impl Deref for RoleSet {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_with_a_comma_a_space_or_non_ascii_stays_one_role_in_the_header() {
        let roles = ["admin,customer", "a b", "käufer", "100%", "plain"];
        assert_eq!(roles_header(roles.into_iter()), "admin%2Ccustomer,a%20b,k%C3%A4ufer,100%25,plain");
    }

    #[test]
    fn no_text_can_end_a_header() {
        assert_eq!(header_value("a\r\nx-auth-roles: admin"), "a%0D%0Ax-auth-roles:%20admin");
        assert_eq!(header_value("https://idp.example/realms/shop"), "https://idp.example/realms/shop");
    }
}
