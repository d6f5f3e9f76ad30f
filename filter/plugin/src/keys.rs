//! Fetches keys, one worker for all. Whoever takes the lease fetches and stores what it got; the others read it. A tick
//! looks at every provider: has another worker stored something, is a fetch due, does anybody wait for one?

use std::time::Duration;

use portcullis_engine::authn::algorithm::Algorithm;
use portcullis_engine::authn::jwks::KeySet;
use portcullis_engine::authn::keyring::Keyring;
use portcullis_engine::keylife::EntryNames;
use portcullis_engine::keylife::lease::{Denied, Lease};
use portcullis_engine::keylife::record::Record;
use portcullis_engine::keylife::schedule::{backoff, next_refresh};
use portcullis_engine::keylife::seal::SealKey;
use portcullis_engine::policy::{Endpoint, KeySource, KeyTimes, Policy, ProviderId};
use portcullis_engine::time::Steady;
use portcullis_principal::SigningKey;
use proxy_wasm::hostcalls;

use crate::host::{self, Entry};
use crate::reply::{self, Asked, Reply};
use crate::root::Worker;

/// The keys of all providers that are fetched.
pub(crate) struct Provision {
    sources: Vec<Source>,
}

/// The keys of one provider, as one worker keeps after them.
struct Source {
    id: ProviderId,
    name: Box<str>,
    issuer: Box<str>,
    times: KeyTimes,
    /// The endpoint of the keys, or of the document that names it.
    first: Endpoint,
    discovers: bool,
    seal: SealKey,
    names: EntryNames,
    /// The shared record as this worker has seen it last.
    seen: Option<u32>,
    /// When the next refresh is due.
    due: Steady,
    /// A request waits for a key with an unknown id.
    wanted: bool,
    /// Keys were installed between two ticks: the requests that wait for them have not been woken.
    unreported: bool,
    flight: Option<Flight>,
}

/// A fetch of this worker's.
struct Flight {
    token: u32,
    begun: Steady,
    endpoint: Endpoint,
    discovering: bool,
}

/// How much longer than its timeout a fetch may take before another worker takes over.
const GRACE: Duration = Duration::from_secs(2);

impl Provision {
    pub(crate) fn new(policy: &Policy, key: Option<&SigningKey>) -> Self {
        let seal = SealKey::new(key.map_or([0; 32], |key| key.derive("portcullis shared data")));
        let ids = (0..).map(ProviderId).zip(policy.providers());
        let sources = ids.filter_map(|(id, provider)| {
            let (first, discovers) = match &provider.keys {
                KeySource::Uri(endpoint) => (endpoint.clone(), false),
                KeySource::Discovery(endpoint) => (endpoint.clone(), true),
                KeySource::Inline(_) => return None,
            };
            Some(Source {
                id,
                name: provider.name.clone(),
                issuer: provider.issuer.clone(),
                times: provider.key_times,
                names: EntryNames::new(&provider.issuer, &first),
                first,
                discovers,
                seal: seal.clone(),
                seen: None,
                due: Steady::default(),
                wanted: false,
                unreported: false,
                flight: None,
            })
        });
        Self { sources: sources.collect() }
    }

    /// Looks at every provider. Returns those whose keys have come.
    pub(crate) fn tick(&mut self, worker: &Worker) -> Vec<ProviderId> {
        self.sources.iter_mut().filter_map(|source| source.look(worker).then_some(source.id)).collect()
    }

    /// Installs what another worker has fetched and this one has not looked at yet. Says whether there was anything.
    pub(crate) fn catch_up(&mut self, worker: &Worker, provider: ProviderId) -> bool {
        let source = self.sources.iter_mut().find(|source| source.id == provider);
        let Some(source) = source else { return false };
        source.unreported |= source.read_shared(worker);
        source.unreported
    }

    /// Notes that a request would wait until `until` for a key with an unknown id, if a fetch may look for it by then.
    ///
    /// # Errors
    /// How long no fetch may look for it.
    pub(crate) fn want_kid(
        &mut self,
        provider: ProviderId,
        until: Steady,
        now: Steady,
    ) -> Result<(), Duration> {
        let source = self.sources.iter_mut().find(|source| source.id == provider);
        let source = source.ok_or(Duration::ZERO)?;
        let (lease, _) = source.lease(now);
        if source.flight.is_none() && lease.idle(now).is_ok() {
            let allowed = match lease.extra_allowed(now, source.times.unknown_kid_interval) {
                Err(Denied::NotFor(wait)) => now.plus(wait),
                _ => now,
            };
            // a refresh looks for every id
            let next = allowed.min(source.due.max(lease.not_before));
            if next >= until {
                return Err(next.since(now));
            }
        }
        source.wanted = true;
        Ok(())
    }

    /// Handles the reply to a fetch. Returns the provider if its keys have come.
    pub(crate) fn arrived(
        &mut self,
        worker: &Worker,
        token: u32,
        headers: usize,
        body: usize,
    ) -> Option<ProviderId> {
        let is_its =
            |source: &&mut Source| source.flight.as_ref().is_some_and(|flight| flight.token == token);
        let source = self.sources.iter_mut().find(is_its)?;
        source.arrived(worker, headers, body).then_some(source.id)
    }
}

impl Source {
    /// Reads what other workers have stored, and fetches if a fetch is due or wanted. Says whether keys have come.
    fn look(&mut self, worker: &Worker) -> bool {
        let now = host::now().steady;
        let unreported = std::mem::take(&mut self.unreported);
        let has_come = self.read_shared(worker) || unreported;
        if self.flight.as_ref().is_some_and(|flight| now >= flight.begun.plus(self.patience())) {
            // Envoy answers every call, so this is the end of one that it forgot
            self.failed(worker, "timeout", "no answer came");
            return has_come;
        }
        let is_due = now >= self.due;
        if self.flight.is_some() || !self.wanted && !is_due {
            return has_come;
        }
        let (lease, entry) = self.lease(now);
        if entry.as_ref().is_some_and(|it| self.seal.open(&self.names.lease, &it.value).is_none()) {
            self.ignored(worker);
        }
        // a refresh that is due looks for every key id, too, and does not count against the limit of extra fetches
        let refresh = if is_due { lease.refresh(now, self.patience()).ok() } else { None };
        let extra = || lease.extra(now, self.patience(), self.times.unknown_kid_interval).ok();
        let Some(taken) = refresh.or_else(|| extra().filter(|_| self.wanted)) else { return has_come };
        if !self.swap_lease(taken, entry.as_ref()) {
            return has_come;
        }
        #[cfg(feature = "trap")]
        crate::trap::after_the_lease();
        // another worker may have been faster between our look and our lease
        if self.read_shared(worker) {
            self.give_back(|taken| Lease { last_extra: lease.last_extra, ..taken.succeeded() });
            return true;
        }
        self.wanted = false;
        let endpoint = self.first.clone();
        self.call(worker, Flight { token: 0, begun: now, endpoint, discovering: self.discovers });
        has_come
    }

    fn patience(&self) -> Duration {
        // two calls where the keys' place must be found out first
        self.times.timeout * if self.discovers { 2 } else { 1 } + GRACE
    }

    /// Installs what another worker, or this one, has stored since the last look. Says whether there was anything.
    fn read_shared(&mut self, worker: &Worker) -> bool {
        let Some(Entry { value, seen }) = host::shared(&self.names.record) else { return false };
        if self.seen == Some(seen) {
            return false;
        }
        self.seen = Some(seen);
        let Some(record) = self.seal.open(&self.names.record, &value).and_then(Record::decode) else {
            self.ignored(worker);
            return false;
        };
        // a clock that is behind the record is not the record's
        if record.begun > host::now().steady {
            return false;
        }
        // it was checked before it was stored; what cannot be read now is not installed
        let Ok(set) = KeySet::parse(&record.jwks) else { return false };
        let random = host::random();
        self.due = record.begun.plus(next_refresh(self.times.refresh, record.fresh_for, random));
        self.wanted = false;
        let mut gate = worker.gate.borrow_mut();
        gate.keyring_mut().install(self.id, set, record.begun);
        warn_of_large_keys(&worker.policy, gate.keyring(), self.id);
        true
    }

    fn call(&mut self, worker: &Worker, flight: Flight) {
        let Endpoint { cluster, scheme, authority, path, .. } = &flight.endpoint;
        let headers = vec![
            (":method", "GET"),
            (":scheme", &**scheme),
            (":authority", &**authority),
            (":path", &**path),
            ("accept", "application/json"),
        ];
        let call = hostcalls::dispatch_http_call(cluster, headers, None, vec![], self.times.timeout);
        if let Ok(token) = call {
            self.flight = Some(Flight { token, ..flight });
            return;
        }
        let cause = format!("Envoy has no cluster `{cluster}`, or no host in it");
        self.failed(worker, "no-cluster", &cause);
    }

    fn arrived(&mut self, worker: &Worker, headers: usize, body: usize) -> bool {
        let Some(flight) = self.flight.take() else { return false };
        let asked = Asked {
            issuer: &self.issuer,
            endpoint: &flight.endpoint,
            discovering: flight.discovering,
            max_bytes: self.times.max_bytes,
        };
        match reply::read(&asked, headers, body) {
            Ok(Reply::Keys(jwks, fresh_for)) => {
                let record = Record { begun: flight.begun, fresh_for, jwks };
                host::share(&self.names.record, &self.seal.seal(&self.names.record, &record.encode()));
                self.give_back(Lease::succeeded);
                self.count(worker, "ok");
                log::debug!("the keys of provider {} have been fetched", self.name);
                self.read_shared(worker)
            }
            Ok(Reply::Place(endpoint)) => {
                self.call(worker, Flight { endpoint, discovering: false, ..flight });
                false
            }
            Err((outcome, cause)) => {
                self.failed(worker, outcome, &cause);
                false
            }
        }
    }

    /// The last good keys stay; all workers wait for the backoff.
    fn failed(&mut self, worker: &Worker, outcome: &str, cause: &str) {
        self.flight = None;
        self.count(worker, outcome);
        let what = if self.discovers { "discovery or keys" } else { "keys" };
        log::warn!("the {what} of provider {} could not be fetched: {cause}", self.name);
        let now = host::now().steady;
        let (lease, _) = self.lease(now);
        let wait = backoff(lease.failures.saturating_add(1), self.times.refresh, host::random());
        self.give_back(|lease| lease.failed(now.plus(wait)));
    }

    /// The lease as it is, and the entry to compare with when changing it. One that is not ours is none.
    fn lease(&self, now: Steady) -> (Lease, Option<Entry>) {
        let entry = host::shared(&self.names.lease);
        let lease = entry
            .as_ref()
            .and_then(|entry| Lease::decode(self.seal.open(&self.names.lease, &entry.value)?, now));
        (lease.unwrap_or_default(), entry)
    }

    fn swap_lease(&self, lease: Lease, entry: Option<&Entry>) -> bool {
        host::swap(&self.names.lease, &self.seal.seal(&self.names.lease, &lease.encode()), entry)
    }

    /// Changes the lease that this worker holds.
    fn give_back(&self, change: impl Fn(Lease) -> Lease) {
        let now = host::now().steady;
        // nobody else changes it meanwhile, but for a plugin that should not
        for _ in 0..3 {
            let (lease, entry) = self.lease(now);
            if self.swap_lease(change(lease), entry.as_ref()) {
                return;
            }
        }
    }

    /// Somebody else has written under our names.
    fn ignored(&self, worker: &Worker) {
        worker.metrics.count(&format!("portcullis.shared_data_ignored;provider={}", self.name), 1);
        log::warn!("shared data of provider {} is not ours and is ignored", self.name);
    }

    fn count(&self, worker: &Worker, outcome: &str) {
        worker.metrics.count(&format!("portcullis.jwks_fetches;provider={};outcome={outcome}", self.name), 1);
    }
}

/// Says which keys of a provider are too large for the RSA-PSS that it signs with.
pub(crate) fn warn_of_large_keys(policy: &Policy, keyring: &Keyring, id: ProviderId) {
    let Some(provider) = policy.provider(id) else { return };
    if !Algorithm::ALL.into_iter().any(|it| it.is_pss() && provider.algorithms.contains(it)) {
        return;
    }
    for key in keyring.too_large_for_pss(id) {
        log::warn!(
            "the key {:?} of provider {} has {} bits and verifies no PS256, PS384 or PS512: `max_pss_key_bits` is {}",
            key.kid().unwrap_or_default(),
            provider.name,
            key.rsa_bits().unwrap_or_default(),
            provider.max_pss_key_bits
        );
    }
}
