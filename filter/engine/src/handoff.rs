//! Identity headers for the service: plain headers to read and log, and the signed assertion to
//! trust. Both need a [`Caller`], which only verified claims make.

use std::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;
use portcullis_principal::{Assertion, MintError, SigningKey};
use thiserror::Error;

use crate::authn::caller::Caller;
use crate::clock::UnixTime;
use crate::model::{Policy, Provider, RowId, ServiceId};

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

/// Bounded cache of assertions: requests of one caller to one endpoint share an assertion for half
/// of its lifetime.
#[derive(Debug)]
pub struct Assertions(Option<LruCache<AssertionKey, CachedAssertion>>);

/// Cache key: the caller's number, and the endpoint.
type AssertionKey = (u64, ServiceId, RowId, Method);

#[derive(Debug)]
struct CachedAssertion {
    /// Half of its lifetime: from then on a new assertion is minted.
    renew_at: UnixTime,
    jws: Rc<str>,
}

/// A method of at most 16 bytes, padded with zeros; assertions for longer methods are not cached.
type Method = [u8; 16];

/// Why no identity headers can be written. The request must not go on without them.
#[derive(Debug, Error)]
pub enum HandoffError {
    /// The policy asks for an assertion, and the worker has no signing key.
    #[error("there is no signing key")]
    NoSigningKey,
    /// The caller's provider or service does not exist in this policy.
    #[error("the caller is of another policy")]
    OtherPolicy,
    /// The assertion cannot be minted.
    #[error(transparent)]
    Mint(#[from] MintError),
}

/// Headers to add; none without a verified client.
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

/// The identity headers for an endpoint, with an assertion if the policy asks for one and the
/// endpoint has a row. Without a row (in shadow mode, or for a preflight) there is no assertion,
/// since one that is not bound to an endpoint would be accepted by endpoints that the policy
/// refuses.
pub(crate) fn identity_headers<'a>(
    caller: &'a Caller,
    policy: &'a Policy,
    (assertions, key): (&mut Assertions, Option<&SigningKey>),
    endpoint: Endpoint<'_>,
    now: UnixTime,
) -> Result<IdentityHeaders<'a>, HandoffError> {
    let provider = policy.provider(caller.provider).ok_or(HandoffError::OtherPolicy)?;
    let identity = policy.identity();
    let plain = [
        (&*identity.subject_header, &**caller.subject_header.as_ref().unwrap_or(&caller.subject)),
        (&*identity.roles_header, &*caller.roles.header),
        (&*identity.issuer_header, &*provider.issuer_header),
    ];
    let mut headers = IdentityHeaders { plain: Some(plain), assertion: None };
    if !identity.assertion.omitted {
        let key = key.ok_or(HandoffError::NoSigningKey)?;
        if let Some(row) = endpoint.row {
            let mint = || mint(caller, policy, provider, key, (endpoint, row), now);
            let jws = assertions.get_or_mint(caller, (endpoint, row), now, mint)?;
            headers.assertion = Some((&identity.assertion.header, jws));
        }
    }
    Ok(headers)
}

/// Mints an assertion; returns it with its expiry.
fn mint(
    caller: &Caller,
    policy: &Policy,
    provider: &Provider,
    key: &SigningKey,
    (endpoint, row): (Endpoint<'_>, RowId),
    now: UnixTime,
) -> Result<(String, UnixTime), HandoffError> {
    let terms = &policy.identity().assertion;
    let service = policy.service(endpoint.service).ok_or(HandoffError::OtherPolicy)?;
    let (_, row) = policy.row(row).ok_or(HandoffError::OtherPolicy)?;
    // it expires with the token, but not before the next second: the leeway may accept an expired
    // token
    let ends = now.plus(terms.ttl.as_secs()).min(caller.expires.max(now.plus(1)));
    let assertion = Assertion {
        issuer: &terms.issuer,
        audience: service.assertion_audience(),
        issued_at: now.0,
        expires_at: ends.0,
        subject: &caller.subject,
        subject_issuer: &provider.issuer,
        roles: &caller.roles,
        token_id: caller.token_id.as_deref(),
        method: endpoint.method,
        row: row.template.as_str(),
    };
    Ok((assertion.mint(key)?, ends))
}

impl Assertions {
    /// An empty cache of at most `bound` assertions.
    pub fn new(bound: usize) -> Self {
        Self(NonZeroUsize::new(bound).map(LruCache::new))
    }

    /// The cached assertion, or a new one after half of its lifetime.
    fn get_or_mint(
        &mut self,
        caller: &Caller,
        (endpoint, row): (Endpoint<'_>, RowId),
        now: UnixTime,
        mint: impl FnOnce() -> Result<(String, UnixTime), HandoffError>,
    ) -> Result<Rc<str>, HandoffError> {
        let key =
            fixed(endpoint.method).map(|method| (caller.number, endpoint.service, row, method));
        let kept = self.0.as_mut().zip(key).and_then(|(all, key)| all.get(&key));
        if let Some(kept) = kept.filter(|kept| now < kept.renew_at) {
            return Ok(Rc::clone(&kept.jws));
        }
        let (jws, ends) = mint()?;
        let jws = Rc::<str>::from(jws);
        if let Some((all, key)) = self.0.as_mut().zip(key) {
            let renew_at = now.plus(ends.0.saturating_sub(now.0) / 2);
            all.put(key, CachedAssertion { renew_at, jws: Rc::clone(&jws) });
        }
        Ok(jws)
    }
}

/// Pads a method; `None` if it is too long, or contains the padding byte.
fn fixed(method: &str) -> Option<Method> {
    if method.as_bytes().contains(&0) {
        return None;
    }
    let mut fixed = Method::default();
    fixed.get_mut(..method.len())?.copy_from_slice(method.as_bytes());
    Some(fixed)
}
