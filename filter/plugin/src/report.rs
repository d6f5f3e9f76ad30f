//! What a worker tells in numbers besides its decisions: keys, cache, queue, cryptography, policy.

use portcullis_engine::authn::algorithm::Algorithm;
use portcullis_engine::decide::Gate;
use portcullis_engine::policy::{KeySource, ProviderId};
use portcullis_engine::time::Now;

use crate::crypto;
use crate::root::Worker;

/// What this worker has added to gauges that all workers share.
#[derive(Default)]
pub(crate) struct Shares {
    waiting: std::cell::Cell<i64>,
    cached: std::cell::Cell<i64>,
    cached_bytes: std::cell::Cell<i64>,
}

impl Worker {
    /// Once, when a policy is taken.
    pub(crate) fn report_start(&self, now: Now) {
        self.metrics
            .set(&format!("portcullis.policy_loaded_seconds;hash={}", self.policy.hash()), now.wall.0);
        self.metrics.change(&self.deciding(), 1);
        for algorithm in Algorithm::ALL {
            let name = format!("portcullis.host_crypto;algorithm={}", algorithm.name());
            self.metrics.set(&name, u64::from(crypto::is_hosts(algorithm)));
        }
    }

    /// At every tick.
    pub(crate) fn report(&self, now: Now) {
        let mut gate = self.gate.borrow_mut();
        self.count_cache(&mut gate);
        self.metrics.count("portcullis.host_crypto_failures", crypto::take_host_failures());
        self.share("portcullis.cached_tokens", &self.shares.cached, gate.cache_mut().len());
        self.share("portcullis.cached_bytes", &self.shares.cached_bytes, gate.cache_mut().bytes());
        for (id, provider) in (0..).map(ProviderId).zip(self.policy.providers()) {
            // inline keys have no age
            if matches!(provider.keys, KeySource::Inline(_)) {
                continue;
            }
            let name = &provider.name;
            let Some((state, begun)) = gate.keyring().state(id).and_then(|it| Some((it, it.begun?))) else {
                // said aloud: a gauge that is not there yet raises no alarm
                self.metrics.set(&format!("portcullis.keys_usable;provider={name}"), 0);
                continue;
            };
            self.metrics.set(
                &format!("portcullis.keys_age_seconds;provider={name}"),
                now.steady.since(begun).as_secs(),
            );
            self.metrics.set(&format!("portcullis.keys_usable;provider={name}"), as_u64(state.usable));
            self.metrics.set(&format!("portcullis.keys_ignored;provider={name}"), as_u64(state.ignored));
        }
        drop(gate);
        self.report_waiting();
    }

    /// How many workers decide by this policy: more than none for exactly one hash, unless an update is under way.
    fn deciding(&self) -> String {
        format!("portcullis.policy_workers;hash={}", self.policy.hash())
    }

    fn count_cache(&self, gate: &mut Gate) {
        let counts = gate.cache_mut().take_counts();
        self.metrics.count("portcullis.cache;outcome=hit", counts.hits);
        self.metrics.count("portcullis.cache;outcome=miss", counts.misses);
    }

    /// When the queue changes.
    pub(crate) fn report_waiting(&self) {
        self.share("portcullis.waiting_requests", &self.shares.waiting, self.queue.borrow().len());
    }

    /// Changes a shared gauge by what has changed here.
    fn share(&self, name: &str, last: &std::cell::Cell<i64>, now: usize) {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.metrics.change(name, now - last.replace(now));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // what happened since the last tick is not lost, and what this worker has added goes with it
        self.count_cache(&mut self.gate.borrow_mut());
        self.metrics.change(&self.deciding(), -1);
        self.share("portcullis.waiting_requests", &self.shares.waiting, 0);
        self.share("portcullis.cached_tokens", &self.shares.cached, 0);
        self.share("portcullis.cached_bytes", &self.shares.cached_bytes, 0);
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
