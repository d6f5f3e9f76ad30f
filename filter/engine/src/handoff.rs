//! What the service is told about the caller: plain headers to read and log, and the signed assertion to trust. Both can
//! only be written for a [`Caller`], and a caller comes only from verified claims.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write as _;

use portcullis_principal::{Assertion, MintError, SigningKey};
use thiserror::Error;

use crate::authn::claims::VerifiedClaims;
use crate::authz::requirement::RoleBits;
use crate::policy::{Policy, Provider, ProviderId, RowId, ServiceId};
use crate::time::UnixTime;

/// A verified client: who it is, its roles, and the assertions minted for it so far. Cached with its token.
#[derive(Debug)]
pub struct Caller {
    /// Whose token it was; its issuer is the token's.
    pub provider: ProviderId,
    /// The subject, unique within the issuer only.
    pub subject: Box<str>,
    /// The plain list of roles.
    pub roles: Box<[String]>,
    /// Those of the roles that some row names.
    pub role_bits: RoleBits,
    token_id: Option<Box<str>>,
    /// The token's `exp`.
    ends: UnixTime,
    subject_header: Box<str>,
    roles_header: Box<str>,
    minted: RefCell<Vec<Minted>>,
}

/// An assertion in use.
#[derive(Debug)]
struct Minted {
    service: ServiceId,
    row: Option<RowId>,
    method: Box<str>,
    /// Half of its life: from then on a new one is minted.
    renew: UnixTime,
    jws: Box<str>,
}

/// For how many endpoints assertions are kept with one token; beyond it the oldest goes.
const KEPT: usize = 4;

/// The endpoint that an assertion is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    /// The service; its audience is the assertion's.
    pub(crate) service: ServiceId,
    /// The row, if there is one.
    pub(crate) row: Option<RowId>,
    /// The row's path template.
    pub(crate) template: &'a str,
    /// The request's method as sent.
    pub(crate) method: &'a str,
}

/// Why there is no hand-off. The request must not go on without it.
#[derive(Debug, Error)]
pub enum HandoffError {
    /// The policy wants an assertion and there is no key to sign it with.
    #[error("there is no signing key")]
    NoKey,
    /// Provider or service are not this policy's.
    #[error("the caller is of another policy")]
    OtherPolicy,
    /// It cannot be minted.
    #[error(transparent)]
    Mint(#[from] MintError),
}

/// Headers to write: name and value.
pub type IdentityHeaders<'a> = Vec<(&'a str, Cow<'a, str>)>;

impl Caller {
    /// The client that these claims are about.
    pub(crate) fn new(
        policy: &Policy,
        id: ProviderId,
        provider: &Provider,
        claims: &VerifiedClaims<'_>,
    ) -> Self {
        let roles = provider.roles.roles(claims);
        Self {
            provider: id,
            subject: claims.subject().into(),
            role_bits: policy.role_bits(&roles),
            token_id: claims.token_id().map(Box::from),
            ends: claims.expires(),
            subject_header: header_value(claims.subject()).into(),
            roles_header: roles_header(roles.iter()).into(),
            roles: roles.iter().map(str::to_owned).collect(),
            minted: RefCell::default(),
        }
    }

    /// Bytes on the heap, about; without the assertions, which are bounded.
    pub(crate) fn bytes(&self) -> usize {
        let roles: usize = self.roles.iter().map(|role| role.len() + 24).sum();
        let token_id = self.token_id.as_ref().map_or(0, |id| id.len());
        self.subject.len() + self.subject_header.len() + self.roles_header.len() + roles + token_id
    }

    /// The identity headers for an endpoint, and the assertion if the policy wants one.
    pub(crate) fn headers<'a>(
        &'a self,
        policy: &'a Policy,
        key: Option<&SigningKey>,
        endpoint: Endpoint<'_>,
        now: UnixTime,
    ) -> Result<IdentityHeaders<'a>, HandoffError> {
        let provider = policy.provider(self.provider).ok_or(HandoffError::OtherPolicy)?;
        let identity = policy.identity();
        let mut headers = Vec::with_capacity(4);
        headers.push((&*identity.subject_header, Cow::Borrowed(&*self.subject_header)));
        headers.push((&*identity.roles_header, Cow::Borrowed(&*self.roles_header)));
        headers.push((&*identity.issuer_header, header_value(&provider.issuer)));
        if !identity.assertion.omitted {
            let jws = self.assertion(policy, provider, key.ok_or(HandoffError::NoKey)?, endpoint, now)?;
            headers.push((&*identity.assertion.header, Cow::Owned(jws)));
        }
        Ok(headers)
    }

    /// The assertion for an endpoint: the one in use, or a new one if that has lived half of its life.
    fn assertion(
        &self,
        policy: &Policy,
        provider: &Provider,
        key: &SigningKey,
        endpoint: Endpoint<'_>,
        now: UnixTime,
    ) -> Result<String, HandoffError> {
        let terms = &policy.identity().assertion;
        let service = policy.service(endpoint.service).ok_or(HandoffError::OtherPolicy)?;
        let mut minted = self.minted.borrow_mut();
        let same = |m: &Minted| {
            m.row == endpoint.row && m.service == endpoint.service && *m.method == *endpoint.method
        };
        if let Some(kept) = minted.iter().find(|m| same(m) && now < m.renew) {
            return Ok(kept.jws.to_string());
        }
        minted.retain(|m| !same(m) && now < m.renew);
        if minted.len() >= KEPT {
            minted.remove(0);
        }
        // it ends with the token; one that lives on by the leeway still needs a moment
        let ends = now.plus(terms.ttl.as_secs()).min(self.ends.max(now.plus(1)));
        let jws = Assertion {
            issuer: &terms.issuer,
            audience: service.assertion_audience(),
            issued_at: now.0,
            expires_at: ends.0,
            subject: &self.subject,
            subject_issuer: &provider.issuer,
            roles: &self.roles,
            token_id: self.token_id.as_deref(),
            method: endpoint.method,
            row: endpoint.template,
        }
        .mint(key)?;
        minted.push(Minted {
            service: endpoint.service,
            row: endpoint.row,
            method: endpoint.method.into(),
            renew: now.plus(ends.0.saturating_sub(now.0) / 2),
            jws: jws.as_str().into(),
        });
        Ok(jws)
    }
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
