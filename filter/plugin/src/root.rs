//! Configuration and tick. A root context is one policy on one worker; an update of the policy is another root context,
//! and the requests of the old one are decided by the old one to their end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use portcullis_engine::authn::keyring::Missing;
use portcullis_engine::decide::{Gate, conclude};
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use portcullis_engine::reply::Problems;
use portcullis_engine::request::Request;
use portcullis_principal::SigningKey;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel};

use crate::http::Http;
use crate::keys::{News, Provision};
use crate::metrics::Metrics;
use crate::roster::Roster;
use crate::waiting::{Bounds, Queue, Waiter};
use crate::{carry, configuration, crypto, host, remember};

/// A withdrawn key is out of use within one tick, so this is at most a second.
const TICK: Duration = Duration::from_secs(1);
/// For what cannot wait for the next tick.
const AT_ONCE: Duration = Duration::from_millis(1);

/// What the requests of one root context share.
pub(crate) struct Worker {
    pub(crate) context: u32,
    pub(crate) policy: Rc<Policy>,
    pub(crate) problems: Problems,
    pub(crate) gate: RefCell<Gate>,
    pub(crate) signing_key: Option<SigningKey>,
    pub(crate) queue: RefCell<Queue>,
    pub(crate) provision: RefCell<Provision>,
    pub(crate) metrics: Metrics,
    pub(crate) roster: Roster,
}

/// The root context of Proxy-Wasm.
pub(crate) struct Root {
    context: u32,
    worker: Option<Rc<Worker>>,
}

impl Root {
    pub(crate) fn new(context: u32) -> Self {
        Self { context, worker: None }
    }

    /// The worker of a configuration, or what is wrong with it: a line for each mistake.
    fn configured(&self, size: usize) -> Result<Worker, Vec<String>> {
        let one = |line: String| vec![line];
        let json = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        let json = json.ok_or_else(|| one("there is no configuration: it must hold the policy".into()))?;
        let policy = Policy::from_json(&configuration::json(json));
        let policy = policy.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let signing_key = signing_key(&policy).map_err(one)?;
        let policy = Rc::new(policy);
        let waiting = policy.waiting();
        let bounds = Bounds {
            requests: waiting.requests,
            unknown_kids: waiting.unknown_kid_requests,
            time: waiting.time,
        };
        Ok(Worker {
            context: self.context,
            problems: Problems::new(policy.problem_base()),
            gate: RefCell::new(Gate::new(Rc::clone(&policy), crypto::provider())),
            queue: RefCell::new(Queue::new(bounds)),
            provision: RefCell::new(Provision::new(&policy, signing_key.as_ref())),
            metrics: Metrics::default(),
            roster: Roster::new(policy.hash()),
            signing_key,
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
        if let Some(worker) = &self.worker {
            let news = worker.provision.borrow_mut().arrived(worker, token, headers, body);
            worker.tell(news);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        follow_log_level();
        crypto::install();
        remember::declare();
        match self.configured(size) {
            Ok(worker) => {
                let (services, providers) = (worker.policy.services().len(), worker.policy.providers().len());
                log::info!(
                    "policy {} loaded: {services} services, {} rows, {providers} providers; {}",
                    worker.policy.hash(),
                    worker.policy.services().iter().map(|service| service.rows().len()).sum::<usize>(),
                    crypto::division()
                );
                worker.report_start(host::now());
                self.worker = Some(Rc::new(worker));
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
        if let Some(worker) = &self.worker {
            worker.tick();
        }
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(context, self.worker.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Worker {
    /// Asks for a tick as soon as this event is over: calls that a stream makes would answer to the stream.
    pub(crate) fn hurry() {
        host::tick_after(AT_ONCE);
    }

    fn tick(&self) {
        let news = self.provision.borrow_mut().tick(self);
        self.tell(news);
        let now = host::now();
        let ended = self.queue.borrow_mut().take_ended(now.steady);
        for waiter in ended {
            let reason = match waiter.missing {
                Missing::AllKeys => Reason::KeysUnavailable,
                Missing::Kid => Reason::KeyNotYetFetched,
            };
            self.end_wait(&waiter, reason, None);
        }
        self.report(now);
    }

    /// Decides again, or refuses, those who waited for what has happened.
    fn tell(&self, news: Vec<News>) {
        for item in news {
            let provider = match item {
                News::Installed(provider) | News::NoExtra(provider, _) => provider,
            };
            let waiters = self.queue.borrow_mut().take(provider);
            for waiter in waiters {
                match (item, waiter.missing) {
                    (News::NoExtra(_, retry_after), Missing::Kid) => {
                        self.end_wait(&waiter, Reason::KeyNotYetFetched, retry_after);
                    }
                    (News::NoExtra(..), Missing::AllKeys) => self.queue.borrow_mut().put_back(waiter),
                    (News::Installed(_), _) => self.decide_again(&waiter),
                }
            }
        }
    }

    /// From the beginning, as if it came now.
    fn decide_again(&self, waiter: &Waiter) {
        if hostcalls::set_effective_context(waiter.context).is_ok() {
            let waits = carry::decide(self, waiter.context, &waiter.request, Some(waiter.until));
            if waits == carry::Then::Goes {
                // the stream goes on where it was stopped
                let _ = hostcalls::resume_http_request();
            }
        }
        self.back_to_root();
    }

    fn end_wait(&self, waiter: &Waiter, reason: Reason, retry_after: Option<u32>) {
        if hostcalls::set_effective_context(waiter.context).is_ok() {
            let mut trace = waiter.request.trace.borrow().clone();
            let now = host::now();
            let decision = conclude(&self.policy, &mut trace, reason, now);
            let request = Request::new(waiter.request.headers());
            let then = carry::out(self, &waiter.request, &request, decision, &trace, retry_after, now);
            if then == carry::Then::Goes {
                let _ = hostcalls::resume_http_request();
            }
        }
        self.back_to_root();
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
