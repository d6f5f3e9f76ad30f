//! Configuration and tick. A root context is one policy on one worker; an update of the policy is another root context,
//! and the requests of the old one are decided by the old one to their end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use portcullis_engine::decide::Gate;
use portcullis_engine::policy::{Policy, ProviderId, configuration};
use portcullis_engine::reply::Problems;
use portcullis_principal::SigningKey;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel};

use crate::http::Http;
use crate::keys::{Provision, warn_of_large_keys};
use crate::metrics::Metrics;
use crate::roster::Roster;
use crate::waiting::{Queue, Waiter};
use crate::{carry, crypto, host, remember};

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
        Ok(Worker {
            context: self.context,
            problems: Problems::new(policy.problem_base()),
            gate: RefCell::new(Gate::new(Rc::clone(&policy), crypto::provider())),
            queue: RefCell::new(Queue::new(policy.waiting())),
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
            let has_keys = worker.provision.borrow_mut().arrived(worker, token, headers, body);
            worker.wake(has_keys);
            worker.answer_ready();
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
                // inline keys are in use from here on; the others are looked at when they come
                for (id, _) in (0..).map(ProviderId).zip(worker.policy.providers()) {
                    warn_of_large_keys(&worker.policy, worker.gate.borrow().keyring(), id);
                }
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
        let have_keys = self.provision.borrow_mut().tick(self);
        self.wake(have_keys);
        let now = host::now();
        self.queue.borrow_mut().wake_ended(now.steady);
        self.answer_ready();
        self.report(now);
    }

    /// The requests that wait for these providers are ready.
    fn wake(&self, providers: impl IntoIterator<Item = ProviderId>) {
        let mut queue = self.queue.borrow_mut();
        providers.into_iter().for_each(|provider| queue.wake(provider));
    }

    /// Decides as many ready requests as one VM call may answer, and leaves the others to the next tick.
    fn answer_ready(&self) {
        let batch = self.queue.borrow_mut().take_batch();
        for waiter in batch {
            self.decide_again(waiter);
        }
        if self.queue.borrow().has_ready() {
            Self::hurry();
        }
    }

    /// Decides a request from the beginning, as if it came now.
    fn decide_again(&self, waiter: Waiter) {
        if hostcalls::set_effective_context(waiter.context).is_ok() {
            let received = Rc::clone(&waiter.request);
            if carry::decide(self, waiter.context, &received, Some(waiter)) == carry::Then::Goes {
                // the stream goes on where it was stopped
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
