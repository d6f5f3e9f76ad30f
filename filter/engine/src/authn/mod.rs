//! Level 1: who is this client? Knows no endpoint and no resource.
//!
//! | module | purpose |
//! |---|---|
//! | [`credentials`] | the token that a request carries, or none |
//! | [`claims`] | claims, compared with the provider's rules |
//! | [`key_store`] | the keys of each provider |
//! | [`token_cache`] | verified tokens, which spare parsing and the signature |
//! | [`caller`] | the verified client, and its role set |

pub mod caller;
pub mod claims;
pub mod credentials;
pub mod key_store;
pub mod token_cache;

use std::rc::Rc;

use self::claims::{Binding, UnverifiedClaims};
use crate::authn::caller::Caller;
use crate::authn::credentials::Credential;
use crate::authn::key_store::{KeyLookupError, KeyStore, PendingKeys};
use crate::authn::token_cache::{TokenCache, Verified};
use crate::clock::{Clocks, Monotonic};
use crate::model::{Policy, Provider, ProviderId, Service};
use crate::reason::Reason;
use crate::request::Connection;

/// Level 1's part of the decision trace.
#[derive(Clone, Debug, Default)]
pub struct AuthnTrace {
    /// The provider whose issuer the token names, verified or not.
    pub provider: Option<ProviderId>,
    /// The verified client.
    pub caller: Option<Rc<Caller>>,
    /// Whether the cache spared parsing and the signature.
    pub cached: bool,
}

/// Why level 1 did not verify a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthnError {
    /// The request is refused.
    Refused(Reason),
    /// The request waits for keys of the provider.
    Wait(ProviderId, PendingKeys),
}

impl From<Reason> for AuthnError {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

/// One authentication and its inputs.
pub(crate) struct Authentication<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) key_store: &'a KeyStore,
    pub(crate) cache: &'a mut TokenCache,
    /// The service asked for, if the host is known: what it accepts narrows what the provider does.
    pub(crate) service: Option<&'a Service>,
    pub(crate) connection: &'a dyn Connection,
    pub(crate) now: Clocks,
    /// When the request arrived: before `now` if it has waited for keys.
    pub(crate) arrived: Monotonic,
}

impl<'a> Authentication<'a> {
    /// Verifies the token of a request.
    ///
    /// # Errors
    /// The request is refused, or must wait for keys.
    pub(crate) fn authenticate(
        &mut self,
        credential: Credential<'_>,
        trace: &mut AuthnTrace,
    ) -> Result<Rc<Caller>, AuthnError> {
        self.cache.note(self.now);
        let caller = match self.cache.get(credential.token) {
            Some(known) => self.check_cached(&known, credential, trace)?,
            None => self.verify_new(credential, trace)?,
        };
        trace.caller = Some(Rc::clone(&caller));
        Ok(caller)
    }

    /// A token that was verified before.
    fn check_cached(
        &mut self,
        known: &Verified,
        credential: Credential<'_>,
        trace: &mut AuthnTrace,
    ) -> Result<Rc<Caller>, AuthnError> {
        trace.cached = true;
        trace.provider = Some(known.caller.provider);
        self.accepted(known.caller.provider, credential)?;
        let judged = self.judge(known);
        if judged == Err(AuthnError::Refused(Reason::TokenExpired)) {
            self.cache.forget(credential.token);
        }
        judged.map(|()| Rc::clone(&known.caller))
    }

    /// A token that is not in the cache; it is kept there if it is worth a place.
    fn verify_new(
        &mut self,
        credential: Credential<'_>,
        trace: &mut AuthnTrace,
    ) -> Result<Rc<Caller>, AuthnError> {
        let verified = self.verify(credential, trace)?;
        self.judge(&verified)?;
        let caller = Rc::clone(&verified.caller);
        if self.cache.admits(credential.token) {
            self.cache.insert(credential.token, verified);
        }
        Ok(caller)
    }

    /// Everything that does not depend on the moment: done once for a cached token.
    fn verify(
        &mut self,
        credential: Credential<'_>,
        trace: &mut AuthnTrace,
    ) -> Result<Verified, AuthnError> {
        if credential.token.len() > self.policy.limits().token_bytes {
            return Err(Reason::TokenTooLarge.into());
        }
        let (token, header) = self.cache.headers.split(credential.token)?;
        let (payload, signature) = (token.payload()?, token.signature()?);
        let claims = UnverifiedClaims::parse(&payload)?;
        let id = self.policy.provider_of_issuer(claims.issuer()).ok_or(Reason::IssuerUnknown)?;
        trace.provider = Some(id);
        let provider = self.accepted(id, credential)?;
        let algorithm = header.algorithm().filter(|it| provider.algorithms.contains(*it));
        let algorithm = algorithm.ok_or(Reason::AlgorithmNotAccepted)?;
        if !header.is_of_type(&provider.token_types) {
            return Err(Reason::TypeNotAccepted.into());
        }
        let wanted = (header.kid(), algorithm);
        let key = self.key_store.find(id, provider, wanted, (self.arrived, self.now.monotonic));
        let key = key.map_err(|none| match none {
            KeyLookupError::Refused(reason) => AuthnError::Refused(reason),
            KeyLookupError::Wait(missing) => AuthnError::Wait(id, missing),
        })?;
        let proof = self.key_store.verify(&key, algorithm, token.signed(), &signature);
        let proof = proof.ok_or(Reason::SignatureInvalid)?;
        self.cache.headers.keep(token, &header);
        let (claims, validity) = claims.verified(proof, provider, header.is_access_token())?;
        let (number, ends) = (self.cache.number(), validity.expires());
        let role_sets = &mut self.cache.role_sets;
        let caller =
            Rc::new(Caller::new(self.policy, (id, provider), claims, ends, number, role_sets));
        Ok(Verified { caller, validity, key })
    }

    /// The provider, if the service accepts it, and its tokens from where this one came.
    fn accepted(
        &self,
        id: ProviderId,
        credential: Credential<'_>,
    ) -> Result<&'a Provider, AuthnError> {
        let policy: &'a Policy = self.policy;
        let provider = policy.provider(id).ok_or(Reason::IssuerUnknown)?;
        let by_service = self.service.is_none_or(|service| service.accepts(id));
        if by_service && provider.source == credential.source {
            Ok(provider)
        } else {
            Err(Reason::IssuerNotAccepted.into())
        }
    }

    /// What must hold at this very moment, for this service and this connection.
    fn judge(&self, verified: &Verified) -> Result<(), AuthnError> {
        let id = verified.caller.provider;
        let provider = self.policy.provider(id).ok_or(Reason::IssuerUnknown)?;
        self.key_store.fresh(id, provider, self.now.monotonic).map_err(|none| match none {
            KeyLookupError::Refused(reason) => AuthnError::Refused(reason),
            KeyLookupError::Wait(missing) => AuthnError::Wait(id, missing),
        })?;
        verified.validity.judge_times(provider, self.now.wall)?;
        verified.validity.judge_audience(provider, self.service.and_then(Service::audiences))?;
        match &verified.validity.binding {
            Binding::None => Ok(()),
            Binding::Certificate(thumbprint)
                if self.connection.peer_certificate_sha256() == Some(**thumbprint) =>
            {
                Ok(())
            }
            Binding::Certificate(_) | Binding::Other => Err(Reason::BindingMismatch.into()),
        }
    }
}
