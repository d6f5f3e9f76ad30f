//! Envoy stats. `define_metric` allocates at every call, so each metric is defined once, at its
//! first use. Its tags are part of its name, `;name=value`, and the example's `stats_tags` make
//! Prometheus labels of them. Tags come from the policy or from [`Reason`], never from a request,
//! so the policy bounds the number of series.
//!
//! Counters are incremented at once, so no count is lost with a VM. Gauges are set, never changed
//! by a difference, which a VM that dies would not take back: every worker sets them to the same
//! value, some of them totals over all workers.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};

use hashbrown::HashMap;
use portcullis_engine::authorizer::Authorizer;
use portcullis_engine::clock::Clocks;
use portcullis_engine::jose::signature::Algorithm;
use portcullis_engine::policy::{Policy, ProviderId};
use portcullis_engine::reason::Reason;
use portcullis_engine::worker::Totals;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;
use rustc_hash::FxBuildHasher;

use crate::host_crypto;

/// The series in which a decision is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecisionKey {
    /// The row's id within the policy; `None` without a row.
    pub(crate) row: Option<u32>,
    /// The service's id within the policy; `None` if no service has the host.
    pub(crate) service: Option<u32>,
    /// Why it was refused, or would have been (shadow).
    pub(crate) reason: Option<Reason>,
    /// Whether it passed.
    pub(crate) passed: bool,
}

impl Hash for DecisionKey {
    // two writes instead of seven, since every request hashes its key
    fn hash<H: Hasher>(&self, state: &mut H) {
        let place = |place: Option<u32>| u64::from(place.unwrap_or(u32::MAX));
        state.write_u64(place(self.row) << 32 | place(self.service));
        state.write_u16(
            self.reason.map_or(0, |reason| reason as u16 + 1) << 1 | u16::from(self.passed),
        );
    }
}

/// The metrics of one root context.
#[derive(Default)]
pub(crate) struct Metrics {
    decisions: RefCell<HashMap<DecisionKey, u32, FxBuildHasher>>,
    others: RefCell<HashMap<String, u32>>,
}

impl Metrics {
    /// Counts a decision. `name` returns the names of service and row; it is called at the first
    /// decision of a series only.
    pub(crate) fn count_decision<'n>(
        &self,
        key: DecisionKey,
        name: impl FnOnce() -> (&'n str, String),
    ) {
        let mut decisions = self.decisions.borrow_mut();
        let id = *decisions.entry(key).or_insert_with(|| {
            let (service, row) = name();
            let (decision, mode) = match (key.passed, key.reason) {
                (true, None) => ("allow", "enforce"),
                (true, Some(_)) => ("allow", "shadow"),
                (false, _) => ("refuse", "enforce"),
            };
            let reason = key.reason.map_or("none", Reason::id);
            define(
                MetricType::Counter,
                &format!(
                    "portcullis.decisions;service={service};row={row};decision={decision};reason={reason};mode={mode}"
                ),
            )
        });
        increment(id, 1);
    }

    /// Adds to a counter.
    pub(crate) fn count(&self, name: &str, by: u32) {
        if by > 0 {
            increment(self.id(MetricType::Counter, name), i64::from(by));
        }
    }

    /// Sets a gauge that every worker would set to the same value.
    pub(crate) fn set(&self, name: &str, value: u64) {
        // the host knows the ids that it gave
        let _ = hostcalls::record_metric(self.id(MetricType::Gauge, name), value);
    }

    /// Sets the gauges that last as long as the policy.
    pub(crate) fn report_policy(&self, policy: &Policy, now: Clocks) {
        self.set(&format!("portcullis.policy_loaded_seconds;hash={}", policy.hash()), now.wall.0);
        for algorithm in Algorithm::ALL {
            let name = format!("portcullis.host_crypto;algorithm={}", algorithm.name());
            self.set(&name, u64::from(host_crypto::HOST.is_trusted(algorithm)));
        }
        // alerts compare the age of the keys with it
        for provider in policy.providers().iter().filter(|provider| provider.keys.is_fetched()) {
            let name = format!("portcullis.keys_refresh_seconds;provider={}", provider.name);
            self.set(&name, provider.key_times.refresh.as_secs());
        }
    }

    /// Reports cache, cryptography and keys, at every tick.
    pub(crate) fn report_worker(&self, policy: &Policy, authorizer: &mut Authorizer, now: Clocks) {
        self.count_cache(authorizer);
        self.count("portcullis.host_crypto_failures", host_crypto::HOST.take_failures());
        for (id, provider) in (0..).map(ProviderId).zip(policy.providers()) {
            if !provider.keys.is_fetched() {
                continue;
            }
            let set = |gauge: &str, value| {
                self.set(&format!("{gauge};provider={}", provider.name), value);
            };
            let state = authorizer.key_store().state(id);
            let Some((state, started_at)) = state.and_then(|it| Some((it, it.started_at?))) else {
                // a gauge that does not exist yet raises no alert
                set("portcullis.keys_usable", 0);
                continue;
            };
            set("portcullis.keys_age_seconds", now.monotonic.since(started_at).as_secs());
            set("portcullis.keys_usable", as_u64(state.usable));
            set("portcullis.keys_ignored", as_u64(state.ignored));
        }
    }

    /// Counts the cache's hits and misses since the last call.
    pub(crate) fn count_cache(&self, authorizer: &mut Authorizer) {
        let counts = authorizer.cache_mut().take_counts();
        self.count("portcullis.cache;outcome=hit", counts.hits);
        self.count("portcullis.cache;outcome=miss", counts.misses);
    }

    /// Sets the gauges of all workers together.
    pub(crate) fn report_totals(&self, totals: &Totals) {
        self.set("portcullis.waiting_requests", totals.stats.waiting);
        self.set("portcullis.cached_tokens", totals.stats.tokens);
        self.set("portcullis.cached_bytes", totals.stats.bytes);
        for (policy, workers) in &totals.policies {
            self.set(&format!("portcullis.policy_workers;hash={policy}"), *workers);
        }
    }

    fn id(&self, kind: MetricType, name: &str) -> u32 {
        if let Some(id) = self.others.borrow().get(name) {
            return *id;
        }
        let id = define(kind, name);
        self.others.borrow_mut().insert(name.to_owned(), id);
        id
    }
}

fn define(kind: MetricType, name: &str) -> u32 {
    hostcalls::define_metric(kind, name).unwrap_or(u32::MAX)
}

fn increment(id: u32, by: i64) {
    // a metric that the host did not define is not counted; the request goes on
    let _ = hostcalls::increment_metric(id, by);
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
