//! The one decision function: allow, refuse or wait. The [`DecisionTrace`] says what it saw; logs,
//! metrics and `explain` are made from it, so they cannot differ from the decision.

use std::rc::Rc;

use jsonwebtoken::crypto::CryptoProvider;
use portcullis_principal::SigningKey;

use crate::authn::caller::Caller;
use crate::authn::credentials::{Credential, credential};
use crate::authn::key_store::{KeyStore, PendingKeys};
use crate::authn::token_cache::TokenCache;
use crate::authn::{Authentication, AuthnError, AuthnTrace};
use crate::authz::path::CanonicalPath;
use crate::authz::roles::Requirement;
use crate::clock::Clocks;
use crate::handoff::{Assertions, Endpoint, HandoffError, IdentityHeaders, identity_headers};
use crate::header_strip::Verified;
use crate::model::{Found, Mode, Policy, ProviderId, Row, RowId, Service, ServiceId};
use crate::reason::Reason;
use crate::reply::Level;
use crate::request::{Connection, Headers, Request};
use crate::request::{SourceId, TokenSource};

/// Decides the requests of one worker: a policy, the keys of its providers, and the token cache.
#[derive(Debug)]
pub struct Authorizer {
    policy: Rc<Policy>,
    key_store: KeyStore,
    cache: TokenCache,
    assertions: Assertions,
}

/// A decision.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The request goes on; identity headers come from the permit.
    Allow(Permit),
    /// The request ends.
    Refuse(Reason),
    /// The request waits for keys, and is decided again from the beginning.
    Wait(ProviderId, PendingKeys),
}

/// A decision and its trace.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// What the decision saw.
    pub trace: DecisionTrace,
}

/// What a decision saw.
#[derive(Clone, Debug, Default)]
pub struct DecisionTrace {
    /// The service of the host.
    pub service: Option<ServiceId>,
    /// The row of the method and the path.
    pub row: Option<RowId>,
    /// The path has a row, but not for this method.
    pub path_known: bool,
    /// The request is a CORS preflight of a declared endpoint, which needs no token.
    pub preflight: bool,
    /// Where the token was found.
    pub source: Option<SourceId>,
    /// What level 1 saw.
    pub authn: AuthnTrace,
    /// Why the request is refused, or would be without shadow mode.
    pub reason: Option<Reason>,
}

impl DecisionTrace {
    /// The name of the service, if one has the request's host.
    pub fn service_name<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        policy.service(self.service?).map(Service::name)
    }

    /// Method and path template of the row, if there is one.
    pub fn row_name(&self, policy: &Policy) -> Option<String> {
        let (_, row) = policy.row(self.row?)?;
        Some([&*row.method, " ", row.template.as_str()].concat())
    }

    /// The name of the provider that the token names, if it is known.
    pub fn provider_name<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        Some(&*policy.provider(self.authn.provider?)?.name)
    }
}

impl Authorizer {
    /// An authorizer with the inline keys only.
    pub fn new(policy: Rc<Policy>, crypto: &'static CryptoProvider) -> Self {
        let key_store = KeyStore::new(&policy, crypto);
        let cache = TokenCache::new(policy.cache());
        let assertions = Assertions::new(policy.cache().assertions);
        Self { policy, key_store, cache, assertions }
    }

    /// The policy.
    pub fn policy(&self) -> &Rc<Policy> {
        &self.policy
    }

    /// The keys.
    pub fn key_store(&self) -> &KeyStore {
        &self.key_store
    }

    /// The keys, to install fetched ones.
    pub fn key_store_mut(&mut self) -> &mut KeyStore {
        &mut self.key_store
    }

    /// The token cache.
    pub fn cache(&self) -> &TokenCache {
        &self.cache
    }

    /// The token cache, to take its counts.
    pub fn cache_mut(&mut self) -> &mut TokenCache {
        &mut self.cache
    }

    /// The cache of assertions.
    pub fn assertions_mut(&mut self) -> &mut Assertions {
        &mut self.assertions
    }

    /// Decides a request, as if it had come at `now`.
    pub fn decide(
        &mut self,
        request: &Request<'_>,
        connection: &dyn Connection,
        now: Clocks,
    ) -> Verdict {
        // built in place: moving it would cost more than building it
        let mut verdict = Verdict {
            decision: Decision::Refuse(Reason::HandoffFailed),
            trace: DecisionTrace::default(),
        };
        let policy = Rc::clone(&self.policy);
        let trace = &mut verdict.trace;
        verdict.decision = match self.evaluate(&policy, request, connection, now, trace) {
            Ok(()) => Decision::Allow(Permit::of(trace, None)),
            Err(AuthnError::Wait(provider, missing)) => Decision::Wait(provider, missing),
            Err(AuthnError::Refused(reason)) => apply_mode(&policy, trace, reason, now),
        };
        verdict
    }

    /// Level 1, then level 2.
    fn evaluate(
        &mut self,
        policy: &Policy,
        request: &Request<'_>,
        connection: &dyn Connection,
        now: Clocks,
        trace: &mut DecisionTrace,
    ) -> Result<(), AuthnError> {
        trace.service = policy.service_of_host(request.authority);
        let service = trace.service.and_then(|id| policy.service(id));
        let Ok(path) = CanonicalPath::parse(request.target) else {
            return Err(Reason::PathAmbiguous.into());
        };
        let row = service.and_then(|service| find(service, request, path, trace));
        let public = trace.preflight || row.is_some_and(|row| row.requirement.is_public());

        let caller = match take_token(policy, service, request.headers)? {
            None if public => None,
            None => return Err(Reason::TokenMissing.into()),
            Some(credential) => {
                trace.source = Some(credential.source);
                judge_origin(policy, credential, request)?;
                let (key_store, cache) = (&self.key_store, &mut self.cache);
                let arrived = request.arrived.unwrap_or(now.monotonic);
                let mut authentication =
                    Authentication { policy, key_store, cache, service, connection, now, arrived };
                Some(authentication.authenticate(credential, &mut trace.authn)?)
            }
        };
        judge_route(service, connection)?;
        if public {
            return Ok(());
        }
        // a request without a token was refused above
        let row = row.ok_or(Reason::RouteUndeclared)?;
        let met = match (&row.requirement, &caller) {
            (Requirement::Public, _) => true,
            (requirement, Some(caller)) => requirement.is_satisfied_by(&caller.roles.bits),
            (_, None) => false,
        };
        if met { Ok(()) } else { Err(Reason::RoleMissing.into()) }
    }
}

/// Applies the mode to a refusal: a shadow mode that has not ended lets the request pass, marked.
/// A request that cannot be read in one way only is always refused, and so is one whose hand-off
/// failed.
pub fn apply_mode(
    policy: &Policy,
    trace: &mut DecisionTrace,
    reason: Reason,
    now: Clocks,
) -> Decision {
    trace.reason = Some(reason);
    let row = trace.row.and_then(|id| policy.row(id)).map(|(_, row)| row.mode);
    let service = || trace.service.and_then(|id| policy.service(id)).map(Service::mode);
    let mode: Mode = row.or_else(service).unwrap_or_else(|| policy.mode());
    let readable = reason.terms().level != Level::Request || reason == Reason::OriginNotAllowed;
    if readable && reason != Reason::HandoffFailed && mode.shadows(now.wall) {
        Decision::Allow(Permit::of(trace, Some(reason)))
    } else {
        Decision::Refuse(reason)
    }
}

/// The row of a request, or of the request that a preflight asks for.
fn find<'p>(
    service: &'p Service,
    request: &Request<'_>,
    path: CanonicalPath<'_>,
    trace: &mut DecisionTrace,
) -> Option<&'p Row> {
    match service.find(request.method, path) {
        Found::Row(row) => {
            trace.row = Some(row.id);
            return Some(row);
        }
        Found::PathKnown => trace.path_known = true,
        Found::Nothing => {}
    }
    trace.preflight = service.preflight()
        && preflight(request)
            .is_some_and(|method| matches!(service.find(method, path), Found::Row(_)));
    None
}

/// The method that a CORS preflight asks for (Fetch 4.8): `OPTIONS` with one `Origin` and one
/// method.
fn preflight<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.headers.only("origin").filter(|_| request.method == "OPTIONS")?;
    std::str::from_utf8(request.headers.only("access-control-request-method")?).ok()
}

/// The token, from where the service's providers have theirs; from anywhere if no service has the
/// host.
fn take_token<'a>(
    policy: &Policy,
    service: Option<&Service>,
    headers: Headers<'a>,
) -> Result<Option<Credential<'a>>, Reason> {
    let all = || (0..).map(SourceId).zip(policy.sources());
    match service {
        Some(service) => credential(
            headers,
            service.sources().iter().filter_map(|id| Some((*id, policy.source(*id)?))),
        ),
        None => credential(headers, all()),
    }
}

/// A browser sends cookies for anybody: what changes something must come from an origin that the
/// policy lists.
///
/// QUERY (RFC 10008) is safe too, but must come from a listed origin as an unsafe method must: it
/// carries a body that a service may treat as that of a POST, and browsers send `Origin` with every
/// QUERY (Fetch 3.2), so an honest page loses nothing.
fn judge_origin(
    policy: &Policy,
    credential: Credential<'_>,
    request: &Request<'_>,
) -> Result<(), Reason> {
    let Some(TokenSource::Cookie { origins, .. }) = policy.source(credential.source) else {
        return Ok(());
    };
    let safe = matches!(request.method, "GET" | "HEAD" | "OPTIONS")
        && request.headers.first("upgrade").is_none();
    let listed = || {
        let origin = request.headers.only("origin");
        origin.is_some_and(|origin| origins.iter().any(|listed| listed.as_bytes() == origin))
    };
    if safe || listed() { Ok(()) } else { Err(Reason::OriginNotAllowed) }
}

/// Envoy chooses its route by itself: where the service names its clusters, the request must be on
/// its way to one.
fn judge_route(service: Option<&Service>, connection: &dyn Connection) -> Result<(), Reason> {
    let Some(clusters) = service.and_then(Service::clusters) else { return Ok(()) };
    let chosen = connection.cluster();
    let is_one = |chosen: &[u8]| clusters.iter().any(|cluster| cluster.as_bytes() == chosen);
    if chosen.as_deref().is_some_and(is_one) { Ok(()) } else { Err(Reason::RouteElsewhere) }
}

/// That a request may go on. Identity headers can be written from it and from nothing else.
#[derive(Clone, Debug)]
pub struct Permit {
    service: Option<ServiceId>,
    row: Option<RowId>,
    source: Option<SourceId>,
    caller: Option<Rc<Caller>>,
    shadow: Option<Reason>,
}

impl Permit {
    pub(crate) fn of(trace: &DecisionTrace, shadow: Option<Reason>) -> Self {
        let DecisionTrace { service, row, source, ref authn, .. } = *trace;
        Self { service, row, source, caller: authn.caller.clone(), shadow }
    }

    /// Why the request would have been refused, if it only passes because of the shadow mode.
    pub const fn shadow(&self) -> Option<Reason> {
        self.shadow
    }

    /// The verified client, if there is one.
    pub fn caller(&self) -> Option<&Rc<Caller>> {
        self.caller.as_ref()
    }

    /// The identity headers that the service gets, and the signed assertion if the policy wants
    /// one; none without a verified client.
    ///
    /// # Errors
    /// [`Reason::HandoffFailed`] is what the request must end with.
    pub fn headers<'a>(
        &'a self,
        policy: &'a Policy,
        (assertions, key): (&mut Assertions, Option<&SigningKey>),
        method: &str,
        now: Clocks,
    ) -> Result<IdentityHeaders<'a>, HandoffError> {
        let (Some(caller), Some(service)) = (&self.caller, self.service) else {
            return Ok(IdentityHeaders::default());
        };
        let endpoint = Endpoint { service, row: self.row, method };
        identity_headers(caller, policy, (assertions, key), endpoint, now.wall)
    }

    /// Whether the service does not get a header of this name: see [`crate::header_strip`].
    pub fn removes(&self, policy: &Policy, name: &str) -> bool {
        policy.header_rules().removes(name, self.verified(policy))
    }

    /// The values of the `Cookie` headers that the service gets in place of the ones received;
    /// `None` if they stay.
    pub fn cookies_left(&self, policy: &Policy, headers: Headers<'_>) -> Option<Vec<Vec<u8>>> {
        policy.header_rules().cookies_left(headers, self.verified(policy))
    }

    /// Where the verified token is. In shadow mode a request passes with a token that was found and
    /// not verified.
    fn verified(&self, policy: &Policy) -> Verified {
        Verified {
            source: self.source.filter(|_| self.caller.is_some()),
            forwarded: policy.identity().forward_token,
        }
    }
}
