//! Configuration, tick and fetches. A root context is one policy on one worker; an update of the policy is another root
//! context, and the requests of the old one are decided by the old one to their end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use portcullis_engine::authn::credentials::Headers;
use portcullis_engine::policy::{KeySource, Policy, ProviderId, configuration};
use portcullis_engine::reply::Problems;
use portcullis_engine::worker::{
    Effects, Event, Fetch, FetchError, FetchId, FetchResponse, StreamId, Worker,
};
use portcullis_principal::SigningKey;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel, MapType};

use crate::carry::{self, Then};
use crate::host::{self, Host};
use crate::http::Http;
use crate::metrics::Metrics;
use crate::roster::Roster;
use crate::{crypto, remember};

/// A withdrawn key is out of use within one tick, so this is at most a second.
const TICK: Duration = Duration::from_secs(1);
/// For what cannot wait for the next tick.
const AT_ONCE: Duration = Duration::from_millis(1);

/// What the requests of one root context share.
pub(crate) struct Gateway {
    context: u32,
    pub(crate) policy: Rc<Policy>,
    pub(crate) problems: Problems,
    pub(crate) worker: RefCell<Worker>,
    /// The host's numbers of the fetches in flight.
    fetches: RefCell<Vec<(u32, FetchId)>>,
    pub(crate) metrics: Metrics,
    pub(crate) roster: Roster,
}

/// The root context of Proxy-Wasm.
pub(crate) struct Root {
    context: u32,
    gateway: Option<Rc<Gateway>>,
}

impl Root {
    pub(crate) fn new(context: u32) -> Self {
        Self { context, gateway: None }
    }

    /// The gateway of a configuration, or what is wrong with it: a line for each mistake.
    fn configured(&self, size: usize) -> Result<Gateway, Vec<String>> {
        let one = |line: String| vec![line];
        let json = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        let json = json.ok_or_else(|| one("there is no configuration: it must hold the policy".into()))?;
        let policy = Policy::from_json(&configuration::json(json));
        let policy = policy.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let signing_key = signing_key(&policy).map_err(one)?;
        let policy = Rc::new(policy);
        Ok(Gateway {
            context: self.context,
            problems: Problems::new(policy.problem_base()),
            worker: RefCell::new(Worker::new(Rc::clone(&policy), signing_key, crypto::provider())),
            fetches: RefCell::default(),
            metrics: Metrics::default(),
            roster: Roster::new(policy.hash()),
            policy,
        })
    }
}

/// The key that assertions are signed with and shared data is sealed with. It comes in the environment, never in the
/// configuration, which the admin page shows.
fn signing_key(policy: &Policy) -> Result<Option<SigningKey>, String> {
    let fetched = policy.providers().iter().any(|provider| provider.keys.is_fetched());
    let assertion = &policy.identity().assertion;
    let needed = !assertion.omitted || fetched;
    let name = &*assertion.key_env;
    match std::env::var(name) {
        Ok(seed) => SigningKey::from_seed_base64url(seed.trim_end()).map(Some).map_err(|error| {
            format!("the environment variable `{name}`: {error}\n  help: make one with `portcullis keygen`")
        }),
        Err(_) if !needed => Ok(None),
        Err(_) => Err(format!(
            "the environment variable `{name}` is not set, and it holds the signing key\n  help: make a key with \
             `portcullis keygen`, set the variable for Envoy, and name it in `environment_variables.host_env_keys`"
        )),
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _: usize) {
        if let Some(gateway) = &self.gateway {
            gateway.fetched(token, headers, body);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        follow_log_level();
        crypto::install();
        remember::declare();
        match self.configured(size) {
            Ok(gateway) => {
                let policy = &gateway.policy;
                let (services, providers) = (policy.services().len(), policy.providers().len());
                log::info!(
                    "policy {} loaded: {services} services, {} rows, {providers} providers; {}",
                    policy.hash(),
                    policy.services().iter().map(|service| service.rows().len()).sum::<usize>(),
                    crypto::division()
                );
                gateway.report_start(host::now());
                // inline keys are in use from here on; the others are looked at when they come
                for (id, _) in (0..).map(ProviderId).zip(gateway.policy.providers()) {
                    gateway.warn_of_large_keys(id);
                }
                self.gateway = Some(Rc::new(gateway));
                // the cluster manager may not be ready here: the first fetch is the first tick's
                host::tick_after(AT_ONCE);
                true
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    log::error!("policy refused: {mistake}");
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        follow_log_level();
        host::tick_after(TICK);
        if let Some(gateway) = &self.gateway {
            gateway.tick();
        }
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(context, self.gateway.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Gateway {
    /// Asks for a tick as soon as this event is over: calls that a stream makes would answer to the stream.
    pub(crate) fn hurry() {
        host::tick_after(AT_ONCE);
    }

    fn tick(&self) {
        let now = host::now();
        let effects = self.worker.borrow_mut().on_tick(&mut Host, now);
        self.apply(effects);
        self.report(now);
    }

    /// Executes effects.
    fn apply(&self, effects: Effects) {
        for event in effects.events {
            self.record(event);
        }
        for fetch in effects.fetches {
            self.fetch(&fetch);
        }
        for stream in effects.ready {
            self.resume(stream);
        }
        if effects.tick_soon {
            Self::hurry();
        }
    }

    fn fetch(&self, fetch: &Fetch) {
        let headers = vec![
            (":method", "GET"),
            (":scheme", &*fetch.endpoint.scheme),
            (":authority", &*fetch.endpoint.authority),
            (":path", &*fetch.endpoint.path),
            ("accept", "application/json"),
        ];
        let cluster = &fetch.endpoint.cluster;
        match hostcalls::dispatch_http_call(cluster, headers, None, vec![], fetch.timeout) {
            Ok(token) => self.fetches.borrow_mut().push((token, fetch.id)),
            Err(_) => self.fetch_ended(fetch.id, Err(FetchError::NoCluster(cluster.clone()))),
        }
    }

    /// The current call has a response. A call that failed may come as no headers, or as a status that Envoy made up.
    fn fetched(&self, token: u32, headers: usize, body_bytes: usize) {
        let mut fetches = self.fetches.borrow_mut();
        let Some(at) = fetches.iter().position(|(known, _)| *known == token) else { return };
        let (_, id) = fetches.swap_remove(at);
        drop(fetches);
        let headers =
            (headers > 0).then(|| hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).ok()).flatten();
        let body = || {
            let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body_bytes);
            body.ok().flatten().unwrap_or_default()
        };
        let response = headers.as_deref().map(|headers| FetchResponse {
            headers: Headers(headers),
            body_bytes,
            body: &body,
        });
        self.fetch_ended(id, response.ok_or(FetchError::Unreachable));
    }

    fn fetch_ended(&self, id: FetchId, response: Result<FetchResponse<'_>, FetchError>) {
        let effects = self.worker.borrow_mut().on_fetch_end(id, response, &mut Host, host::now());
        self.apply(effects);
    }

    /// Decides a request again whose wait is over.
    fn resume(&self, stream: StreamId) {
        if hostcalls::set_effective_context(stream.0).is_ok() {
            let now = host::now();
            let resumed = self.worker.borrow_mut().on_resume(stream, &carry::Host, &mut Host, now);
            if let Some((received, decided)) = resumed
                && carry::out(self, &received, decided, now) == Then::Goes
            {
                // the stream goes on where it was stopped
                let _ = hostcalls::resume_http_request();
            }
        } else {
            self.worker.borrow_mut().on_stream_end(stream);
        }
        self.back_to_root();
    }

    /// Counts and logs what happened.
    fn record(&self, event: Event) {
        let name = |id: ProviderId| self.policy.provider(id).map_or("", |provider| &*provider.name);
        match event {
            Event::LeaseTaken => {
                #[cfg(feature = "trap")]
                crate::trap::after_the_lease();
            }
            Event::KeysInstalled(id) => self.warn_of_large_keys(id),
            Event::FetchSucceeded(id) => {
                self.count_fetch(name(id), "ok");
                log::debug!("the keys of provider {} have been fetched", name(id));
            }
            Event::FetchFailed(id, error) => {
                self.count_fetch(name(id), error.id());
                let source = self.policy.provider(id).map(|provider| &provider.keys);
                let what = match source {
                    Some(KeySource::Discovery(_)) => "discovery or keys",
                    _ => "keys",
                };
                log::warn!("the {what} of provider {} could not be fetched: {error}", name(id));
            }
            Event::SharedDataIgnored(id) => {
                let name = name(id);
                self.metrics.count(&format!("portcullis.shared_data_ignored;provider={name}"), 1);
                log::warn!("shared data of provider {name} is not ours and is ignored");
            }
        }
    }

    fn count_fetch(&self, name: &str, outcome: &str) {
        self.metrics.count(&format!("portcullis.jwks_fetches;provider={name};outcome={outcome}"), 1);
    }

    fn back_to_root(&self) {
        // our own context always exists
        let _ = hostcalls::set_effective_context(self.context);
    }
}

/// Log lines are built only where Envoy would write them.
fn follow_log_level() {
    if let Ok(level) = hostcalls::get_log_level() {
        let level = if level == LogLevel::Critical { LogLevel::Error } else { level };
        proxy_wasm::set_log_level(level);
    }
}
