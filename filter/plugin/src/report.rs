//! What a worker tells in numbers besides its decisions: keys, cache, queue, cryptography, policy.

use portcullis_engine::authn::algorithm::Algorithm;
use portcullis_engine::decide::Gate;
use portcullis_engine::policy::ProviderId;
use portcullis_engine::presence::Share;
use portcullis_engine::time::Now;

use crate::root::Worker;
use crate::{crypto, host};

impl Worker {
    /// Once, when a policy is taken.
    pub(crate) fn report_start(&self, now: Now) {
        self.metrics
            .set(&format!("portcullis.policy_loaded_seconds;hash={}", self.policy.hash()), now.wall.0);
        for algorithm in Algorithm::ALL {
            let name = format!("portcullis.host_crypto;algorithm={}", algorithm.name());
            self.metrics.set(&name, u64::from(crypto::is_hosts(algorithm)));
        }
        // what their keys' age is compared with
        for provider in self.policy.providers().iter().filter(|provider| provider.keys.is_fetched()) {
            let name = format!("portcullis.keys_refresh_seconds;provider={}", provider.name);
            self.metrics.set(&name, provider.key_times.refresh.as_secs());
        }
    }

    /// At every tick.
    pub(crate) fn report(&self, now: Now) {
        let mut gate = self.gate.borrow_mut();
        self.count_cache(&mut gate);
        self.metrics.count("portcullis.host_crypto_failures", crypto::take_host_failures());
        for (id, provider) in (0..).map(ProviderId).zip(self.policy.providers()) {
            if !provider.keys.is_fetched() {
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
        self.roster.tell(Some(self.share()), &self.metrics, now.steady);
    }

    fn count_cache(&self, gate: &mut Gate) {
        let counts = gate.cache_mut().take_counts();
        self.metrics.count("portcullis.cache;outcome=hit", counts.hits);
        self.metrics.count("portcullis.cache;outcome=miss", counts.misses);
    }

    /// When the queue changes: a wait may be over before the next tick.
    pub(crate) fn report_waiting(&self) {
        let now = host::now().steady;
        if !self.roster.is_told(now) {
            self.roster.tell(Some(self.share()), &self.metrics, now);
        }
    }

    /// What this worker has.
    fn share(&self) -> Share {
        let mut gate = self.gate.borrow_mut();
        let cache = gate.cache_mut();
        let [waiting, tokens, bytes] = [self.queue.borrow().len(), cache.len(), cache.bytes()].map(as_u64);
        Share { waiting, tokens, bytes }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // what happened since the last tick is not lost, and what this worker has goes with it
        self.count_cache(&mut self.gate.borrow_mut());
        self.roster.tell(None, &self.metrics, host::now().steady);
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
