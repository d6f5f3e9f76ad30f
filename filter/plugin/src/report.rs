//! What a worker tells in numbers besides its decisions: keys, cache, queue, cryptography, policy.

use portcullis_engine::authn::signature::Algorithm;
use portcullis_engine::authorizer::Authorizer;
use portcullis_engine::clock::Clocks;
use portcullis_engine::policy::ProviderId;

use crate::root::Gateway;
use crate::{crypto, host};

impl Gateway {
    /// Once, when a policy is taken.
    pub(crate) fn report_start(&self, now: Clocks) {
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
    pub(crate) fn report(&self, now: Clocks) {
        let mut worker = self.worker.borrow_mut();
        let authorizer = worker.authorizer_mut();
        self.count_cache(authorizer);
        self.metrics.count("portcullis.host_crypto_failures", crypto::take_host_failures());
        for (id, provider) in (0..).map(ProviderId).zip(self.policy.providers()) {
            if !provider.keys.is_fetched() {
                continue;
            }
            let name = &provider.name;
            let Some((state, started_at)) =
                authorizer.key_store().state(id).and_then(|it| Some((it, it.started_at?)))
            else {
                // said aloud: a gauge that is not there yet raises no alarm
                self.metrics.set(&format!("portcullis.keys_usable;provider={name}"), 0);
                continue;
            };
            self.metrics.set(
                &format!("portcullis.keys_age_seconds;provider={name}"),
                now.monotonic.since(started_at).as_secs(),
            );
            self.metrics.set(&format!("portcullis.keys_usable;provider={name}"), as_u64(state.usable));
            self.metrics.set(&format!("portcullis.keys_ignored;provider={name}"), as_u64(state.ignored));
        }
        self.roster.tell(Some(worker.share()), &self.metrics, now.monotonic);
    }

    /// Says which keys of a provider are too large for the RSA-PSS that it signs with.
    pub(crate) fn warn_of_large_keys(&self, id: ProviderId) {
        let Some(provider) = self.policy.provider(id) else { return };
        if !Algorithm::ALL.into_iter().any(|it| it.is_pss() && provider.algorithms.contains(it)) {
            return;
        }
        for key in self.worker.borrow().authorizer().key_store().too_large_for_pss(id) {
            log::warn!(
                "the key {:?} of provider {} has {} bits and verifies no PS256, PS384 or PS512: `max_pss_key_bits` is {}",
                key.kid().unwrap_or_default(),
                provider.name,
                key.rsa_bits().unwrap_or_default(),
                provider.max_pss_key_bits
            );
        }
    }

    fn count_cache(&self, authorizer: &mut Authorizer) {
        let counts = authorizer.cache_mut().take_counts();
        self.metrics.count("portcullis.cache;outcome=hit", counts.hits);
        self.metrics.count("portcullis.cache;outcome=miss", counts.misses);
    }

    /// When the queue changes: a wait may be over before the next tick.
    pub(crate) fn report_waiting(&self) {
        let now = host::now().monotonic;
        if !self.roster.is_told(now) {
            self.roster.tell(Some(self.worker.borrow().share()), &self.metrics, now);
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // what happened since the last tick is not lost, and what this worker has goes with it
        self.count_cache(self.worker.borrow_mut().authorizer_mut());
        self.roster.tell(None, &self.metrics, host::now().monotonic);
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
