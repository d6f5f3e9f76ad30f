//! One worker of the gateway as a pure state machine: events in, decisions and effects out. The
//! host (`portcullis-plugin`) translates its calls into these events, executes the effects and does
//! nothing else; `tests/simulation` runs many workers over one shared store, in virtual time.
//!
//! | event | what the host calls |
//! |---|---|
//! | a request arrives | [`Worker::on_request`] |
//! | a second has passed, or an effect asked for it | [`Worker::on_tick`] |
//! | a fetch has ended | [`Worker::on_fetch_end`] |
//! | a request's wait is over ([`Effects::ready`]) | [`Worker::on_resume`] |
//! | a stream has ended | [`Worker::on_stream_end`] |

mod environment;
mod fetcher;
mod stats;
mod wait_queue;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use jsonwebtoken::crypto::CryptoProvider;
use portcullis_principal::SigningKey;

pub use self::environment::{Environment, SharedEntry};
use self::fetcher::ProviderFetcher;
pub use self::stats::{STALE_AFTER, Totals, WorkerRegistry, WorkerReport, WorkerStats};
pub use self::wait_queue::{BATCH, ReceivedRequest, StreamId};
use self::wait_queue::{WaitQueue, Waiter};
use crate::authn::key_store::PendingKeys;
use crate::authorizer::{Authorizer, Decision, DecisionTrace, Permit, Verdict, apply_mode};
use crate::clock::{Clocks, Monotonic};
use crate::handoff::{HandoffError, IdentityHeaders};
use crate::jose::jwks::JwksError;
use crate::jose::signature::Algorithm;
use crate::jwks_refresh::discovery::DiscoveryError;
use crate::jwks_refresh::shared_entry::MacKey;
use crate::model::{Endpoint, Policy, ProviderId};
use crate::reason::Reason;
use crate::request::Headers;
use crate::request::{Connection, Request};

/// A worker: a policy, the keys of its providers, the token cache, and the requests that wait.
#[derive(Debug)]
pub struct Worker {
    authorizer: Authorizer,
    signing_key: Option<SigningKey>,
    fetchers: Vec<ProviderFetcher>,
    queue: WaitQueue,
    /// Events of decisions, which the next effects return.
    events: Vec<Event>,
}

/// The outcome of a request, with its trace.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The outcome.
    pub outcome: Outcome,
    /// What the decision saw.
    pub trace: DecisionTrace,
    /// The host calls [`Worker::on_tick`] as soon as this event is over.
    pub tick_soon: bool,
}

/// What the host does with a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The request goes on; identity headers come from the permit.
    Allow(Permit),
    /// The request ends, with the seconds of `Retry-After` if a limit is the reason.
    Refuse(Reason, Option<u32>),
    /// The request waits for keys in this worker's queue.
    Wait,
}

/// What the host does after an event.
#[derive(Debug, Default)]
pub struct Effects {
    /// Fetches to begin. Every end is reported by [`Worker::on_fetch_end`], also if a fetch cannot
    /// begin.
    pub fetches: Vec<Fetch>,
    /// Requests whose wait is over, at most [`BATCH`]: each is decided again by
    /// [`Worker::on_resume`].
    pub ready: Vec<StreamId>,
    /// The host calls [`Worker::on_tick`] again as soon as possible.
    pub tick_soon: bool,
    /// Events, for metrics and the log.
    pub events: Vec<Event>,
}

/// A `GET` of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Identifies the fetch in [`Worker::on_fetch_end`].
    pub id: FetchId,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The time after which the host ends it.
    pub timeout: Duration,
}

/// Identifies a fetch of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FetchId {
    /// The provider whose keys are fetched.
    pub provider: ProviderId,
    number: u32,
}

/// The response to a fetch.
pub struct FetchResponse<'a> {
    /// Its headers, pseudo-headers included.
    pub headers: Headers<'a>,
    /// The length of the body in bytes.
    pub body_bytes: usize,
    /// Reads the body; called only if it is within `max_bytes`.
    pub body: &'a dyn Fn() -> Vec<u8>,
}

/// Why a fetch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The host has no such cluster, or no host in it.
    NoCluster(Box<str>),
    /// The host reported no response.
    Unreachable,
    /// The host did not report the end of the fetch in time.
    TimedOut,
    /// The status was not 200.
    Status(String),
    /// The body is larger than `max_bytes`; its length in bytes.
    TooLarge(usize),
    /// The discovery document names no usable `jwks_uri`.
    Discovery(DiscoveryError),
    /// The document is no JWKS with usable keys.
    Malformed(JwksError),
}

impl FetchError {
    /// The label of the metric.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::NoCluster(_) => "no-cluster",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timeout",
            Self::Status(_) => "status",
            Self::TooLarge(_) => "too-large",
            Self::Discovery(_) => "discovery",
            Self::Malformed(_) => "malformed",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCluster(cluster) => {
                write!(f, "Envoy has no cluster `{cluster}`, or no host in it")
            }
            Self::Unreachable => {
                f.write_str("the provider cannot be reached, or did not answer in time")
            }
            Self::TimedOut => f.write_str("no answer came"),
            Self::Status(status) => write!(f, "the provider answered with status {status}"),
            Self::TooLarge(bytes) => {
                write!(f, "the document has {bytes} bytes, more than `max_bytes`")
            }
            Self::Discovery(error) => error.fmt(f),
            Self::Malformed(error) => write!(f, "the document cannot be used: {error}"),
        }
    }
}

/// An event for metrics and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This worker has taken the lease of a fetch.
    LeaseTaken,
    /// Keys of a provider were installed.
    KeysInstalled(ProviderId),
    /// Keys of a provider were fetched.
    FetchSucceeded(ProviderId),
    /// A key of a provider that signs with RSA-PSS is larger than its policy permits for that.
    KeyTooLarge(KeyTooLarge),
    /// A fetch failed.
    FetchFailed(ProviderId, FetchError),
    /// An entry of a provider in shared data has no valid MAC: another plugin, or a gateway with
    /// another signing key, wrote it.
    SharedDataIgnored(ProviderId),
}

/// A key that verifies no RSA-PSS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTooLarge {
    /// The provider.
    pub provider: ProviderId,
    /// The key's id, if it has one.
    pub kid: Option<Box<str>>,
    /// The length of its modulus.
    pub bits: usize,
}

impl Worker {
    /// A worker with the inline keys only. `signing_key` signs assertions, and authenticates the
    /// entries of shared data.
    pub fn new(
        policy: Rc<Policy>,
        signing_key: Option<SigningKey>,
        crypto: &'static CryptoProvider,
    ) -> Self {
        let secret =
            signing_key.as_ref().map_or([0; 32], |key| key.derive("portcullis shared data"));
        let mac_key = MacKey::new(secret);
        let providers = (0..).map(ProviderId).zip(policy.providers());
        let fetchers =
            providers.filter_map(|(id, it)| ProviderFetcher::new(id, it, &mac_key)).collect();
        let queue = WaitQueue::new(policy.waiting());
        let authorizer = Authorizer::new(policy, crypto);
        let ids =
            (0..authorizer.policy().providers().len()).filter_map(|id| u32::try_from(id).ok());
        let events = ids.flat_map(|id| keys_too_large(&authorizer, ProviderId(id))).collect();
        Self { authorizer, signing_key, fetchers, queue, events }
    }

    /// The policy.
    pub fn policy(&self) -> &Rc<Policy> {
        self.authorizer.policy()
    }

    /// Keys and caches.
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// Keys and caches, to take counts.
    pub fn authorizer_mut(&mut self) -> &mut Authorizer {
        &mut self.authorizer
    }

    /// The numbers of this worker, for [`WorkerRegistry::publish`].
    pub fn stats(&self) -> WorkerStats {
        let as_u64 = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let cache = self.authorizer.cache();
        let [waiting, tokens, bytes] = [self.queue.len(), cache.len(), cache.bytes()].map(as_u64);
        WorkerStats { waiting, tokens, bytes }
    }

    /// Decides a request that arrives. `request` is parsed from `received`.
    pub fn on_request(
        &mut self,
        stream: StreamId,
        (request, received): (&Request<'_>, &Rc<ReceivedRequest>),
        connection: &dyn Connection,
        environment: &mut dyn Environment,
        now: Clocks,
    ) -> Decided {
        self.decide(request, (connection, environment), now, |queue, provider, missing| {
            let (arrived, until) = (now.monotonic, queue.end_of_wait(now.monotonic));
            Waiter { stream, request: Rc::clone(received), provider, missing, arrived, until }
        })
    }

    /// Decides a request again after its wait, from the beginning. Returns `None` if it is not in
    /// the queue.
    pub fn on_resume(
        &mut self,
        stream: StreamId,
        connection: &dyn Connection,
        environment: &mut dyn Environment,
        now: Clocks,
    ) -> Option<(Rc<ReceivedRequest>, Decided)> {
        let waiter = self.queue.resume(stream)?;
        let received = Rc::clone(&waiter.request);
        let mut request = Request::new(received.headers());
        request.arrived = Some(waiter.arrived);
        let decided =
            self.decide(&request, (connection, environment), now, |_, provider, missing| Waiter {
                provider,
                missing,
                ..waiter
            });
        Some((received, decided))
    }

    /// Installs keys that other workers fetched, begins fetches that are due, and ends waits.
    pub fn on_tick(&mut self, environment: &mut dyn Environment, now: Clocks) -> Effects {
        let mut effects = Effects::default();
        let key_store = self.authorizer.key_store_mut();
        for fetcher in &mut self.fetchers {
            if fetcher.on_tick(key_store, environment, now.monotonic, &mut effects) {
                self.queue.wake(fetcher.id);
            }
        }
        self.queue.wake_ended(now.monotonic);
        self.with_ready(effects)
    }

    /// Handles the end of a fetch; ignores a fetch that is no longer in flight.
    pub fn on_fetch_end(
        &mut self,
        id: FetchId,
        response: Result<FetchResponse<'_>, FetchError>,
        environment: &mut dyn Environment,
        now: Clocks,
    ) -> Effects {
        let mut effects = Effects::default();
        let fetcher = self.fetchers.iter_mut().find(|fetcher| fetcher.is_in_flight(id));
        if let Some(fetcher) = fetcher {
            let key_store = self.authorizer.key_store_mut();
            if fetcher.on_fetch_end(response, key_store, environment, now, &mut effects) {
                self.queue.wake(fetcher.id);
            }
        }
        self.with_ready(effects)
    }

    /// Forgets a stream that has ended.
    pub fn on_stream_end(&mut self, stream: StreamId) {
        self.queue.forget(stream);
    }

    /// The identity headers that the service gets with this permit.
    ///
    /// # Errors
    /// The request must end with [`Reason::HandoffFailed`].
    pub fn identity_headers<'a>(
        &'a mut self,
        permit: &'a Permit,
        policy: &'a Policy,
        method: &str,
        now: Clocks,
    ) -> Result<IdentityHeaders<'a>, HandoffError> {
        permit.headers(
            policy,
            (self.authorizer.assertions_mut(), self.signing_key.as_ref()),
            method,
            now,
        )
    }

    /// Adds at most [`BATCH`] ready requests to the effects.
    fn with_ready(&mut self, mut effects: Effects) -> Effects {
        effects.events.append(&mut self.events);
        let installed = effects.events.iter().filter_map(|event| match event {
            Event::KeysInstalled(id) => Some(*id),
            _ => None,
        });
        let too_large: Vec<_> =
            installed.flat_map(|id| keys_too_large(&self.authorizer, id)).collect();
        effects.events.extend(too_large);
        effects.ready = self.queue.next_batch();
        effects.tick_soon |= self.queue.has_ready();
        effects
    }

    /// Decides a request. If it needs a key that is missing, `waiter` joins the queue.
    fn decide(
        &mut self,
        request: &Request<'_>,
        (connection, environment): (&dyn Connection, &mut dyn Environment),
        now: Clocks,
        waiter: impl FnOnce(&WaitQueue, ProviderId, PendingKeys) -> Waiter,
    ) -> Decided {
        let mut tick_soon = false;
        let Verdict { decision, mut trace } =
            self.evaluate(request, (connection, environment), now, &mut tick_soon);
        let outcome = match decision {
            Decision::Allow(permit) => Outcome::Allow(permit),
            Decision::Refuse(reason) => Outcome::Refuse(reason, None),
            Decision::Wait(provider, missing) => {
                // a fetch may be needed
                tick_soon = true;
                let waiter = waiter(&self.queue, provider, missing);
                self.wait(waiter, &mut trace, environment, now)
            }
        };
        Decided { outcome, trace, tick_soon }
    }

    /// Decides a request, with the keys that any worker has fetched.
    fn evaluate(
        &mut self,
        request: &Request<'_>,
        (connection, environment): (&dyn Connection, &mut dyn Environment),
        now: Clocks,
        tick_soon: &mut bool,
    ) -> Verdict {
        let verdict = self.authorizer.decide(request, connection, now);
        let Decision::Wait(provider, _) = verdict.decision else { return verdict };
        let Some(fetcher) = self.fetchers.iter_mut().find(|it| it.id == provider) else {
            return verdict;
        };
        let key_store = self.authorizer.key_store_mut();
        if !fetcher.catch_up(key_store, environment, now.monotonic, &mut self.events) {
            return verdict;
        }
        // the requests that wait for these keys are woken by the next tick
        *tick_soon = true;
        self.authorizer.decide(request, connection, now)
    }

    /// Lets a request wait, if waiting can help and there is room. Otherwise it ends, unless a
    /// shadow mode lets it pass.
    fn wait(
        &mut self,
        waiter: Waiter,
        trace: &mut DecisionTrace,
        environment: &dyn Environment,
        now: Clocks,
    ) -> Outcome {
        let (reason, retry_after) = match self.try_wait(waiter, environment, now.monotonic) {
            Ok(()) => return Outcome::Wait,
            Err(refusal) => refusal,
        };
        match apply_mode(self.authorizer.policy(), trace, reason, now) {
            Decision::Allow(permit) => Outcome::Allow(permit),
            Decision::Refuse(_) | Decision::Wait(..) => Outcome::Refuse(reason, retry_after),
        }
    }

    /// Lets a request wait, if waiting can help and there is room.
    ///
    /// # Errors
    /// The reason of the refusal, and the seconds of `Retry-After`.
    fn try_wait(
        &mut self,
        waiter: Waiter,
        environment: &dyn Environment,
        now: Monotonic,
    ) -> Result<(), (Reason, Option<u32>)> {
        let full = match waiter.missing {
            PendingKeys::AllKeys if now >= waiter.until => {
                return Err((Reason::KeysUnavailable, None));
            }
            PendingKeys::AllKeys => Reason::QueueFull,
            PendingKeys::Kid => {
                let fetcher = self.fetchers.iter_mut().find(|it| it.id == waiter.provider);
                let fetcher = fetcher.ok_or((Reason::KeyNotYetFetched, None))?;
                let seconds =
                    |wait: Duration| u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
                let fetch = fetcher.want_kid(environment, waiter.until, now);
                fetch.map_err(|wait| (Reason::KeyNotYetFetched, Some(seconds(wait))))?;
                if now >= waiter.until {
                    return Err((Reason::KeyNotYetFetched, None));
                }
                // any client can fill these places, so a full queue is not a fault of the gateway
                Reason::KeyNotYetFetched
            }
        };
        if self.queue.admit(waiter) { Ok(()) } else { Err((full, None)) }
    }
}

/// An event for each key of a provider that is too large for the RSA-PSS that the provider signs
/// with.
fn keys_too_large(authorizer: &Authorizer, id: ProviderId) -> impl Iterator<Item = Event> {
    let algorithms = authorizer.policy().provider(id).map(|provider| provider.algorithms);
    let signs_by_pss = algorithms.is_some_and(|accepted| {
        Algorithm::ALL.into_iter().any(|it| it.is_pss() && accepted.contains(it))
    });
    let keys = authorizer.key_store().too_large_for_pss(id).filter(move |_| signs_by_pss);
    keys.map(move |key| {
        let (kid, bits) = (key.kid().map(Box::from), key.rsa_bits().unwrap_or_default());
        Event::KeyTooLarge(KeyTooLarge { provider: id, kid, bits })
    })
}
