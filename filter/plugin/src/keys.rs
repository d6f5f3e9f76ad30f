//! Fetches keys, one worker for all. Whoever takes the lease fetches and stores what it got; the others read it. A tick
//! looks at every provider: has another worker stored something, is a fetch due, does anybody wait for one?

use std::time::Duration;

use portcullis_engine::authn::jwks::KeySet;
use portcullis_engine::authn::keyring::KidHash;
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

/// What waiting requests must be told.
#[derive(Clone, Copy)]
pub(crate) enum News {
    /// A provider's keys have come.
    Installed(ProviderId),
    /// No fetch will look for an unknown key id so soon, but in so many seconds if known.
    NoExtra(ProviderId, Option<u32>),
}

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
    record_name: String,
    lease_name: String,
    /// The shared record as this worker has seen it last.
    seen: Option<u32>,
    /// When the next refresh is due.
    due: Steady,
    /// Somebody waits for a key with an unknown id.
    wanted: bool,
    /// Keys were installed between two ticks: those who wait have not been told.
    untold: bool,
    flight: Option<Flight>,
}

/// A fetch of this worker's.
struct Flight {
    token: u32,
    begun: Steady,
    looked_for: Vec<KidHash>,
    extra: bool,
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
            // the same provider under another policy, or under another name, has the same keys
            let place = format!("{}\n{}\n{}", provider.issuer, first.uri, first.cluster);
            let place = format!("{:032x}", u128::from_be_bytes(KidHash::of(&place).0));
            Some(Source {
                id,
                name: provider.name.clone(),
                issuer: provider.issuer.clone(),
                times: provider.key_times,
                first,
                discovers,
                seal: seal.clone(),
                record_name: format!("portcullis.record.{place}"),
                lease_name: format!("portcullis.lease.{place}"),
                seen: None,
                due: Steady::default(),
                wanted: false,
                untold: false,
                flight: None,
            })
        });
        Self { sources: sources.collect() }
    }

    /// Looks at every provider.
    pub(crate) fn tick(&mut self, worker: &Worker) -> Vec<News> {
        self.sources.iter_mut().filter_map(|source| source.look(worker)).collect()
    }

    /// Installs what another worker has fetched and this one has not looked at yet. Says whether there was anything.
    pub(crate) fn catch_up(&mut self, worker: &Worker, provider: ProviderId) -> bool {
        let source = self.sources.iter_mut().find(|source| source.id == provider);
        let Some(source) = source else { return false };
        source.untold |= source.read_shared(worker).is_some();
        source.untold
    }

    /// Notes that a request waits for an unknown key id, if a fetch may look for it soon.
    ///
    /// # Errors
    /// In how many seconds one may.
    pub(crate) fn want_kid(&mut self, provider: ProviderId, now: Steady) -> Result<(), u32> {
        let Some(source) = self.sources.iter_mut().find(|source| source.id == provider) else {
            return Err(1);
        };
        let (lease, _) = source.lease(now);
        if source.flight.is_none() && lease.idle(now).is_ok() {
            lease.extra_allowed(now, source.times.unknown_kid_interval).map_err(seconds)?;
        }
        source.wanted = true;
        Ok(())
    }

    /// The reply to a fetch.
    pub(crate) fn arrived(&mut self, worker: &Worker, token: u32, headers: usize, body: usize) -> Vec<News> {
        let is_its =
            |source: &&mut Source| source.flight.as_ref().is_some_and(|flight| flight.token == token);
        let Some(source) = self.sources.iter_mut().find(is_its) else { return Vec::new() };
        source.arrived(worker, headers, body).into_iter().collect()
    }
}

impl Source {
    fn look(&mut self, worker: &Worker) -> Option<News> {
        let now = host::now().steady;
        let untold = std::mem::take(&mut self.untold).then_some(News::Installed(self.id));
        let installed = self.read_shared(worker).or(untold);
        if self.flight.as_ref().is_some_and(|flight| now >= flight.begun.plus(self.patience())) {
            // Envoy answers every call, so this is the end of one that it forgot
            return self.failed(worker, "timeout", "no answer came").or(installed);
        }
        if self.flight.is_some() || !self.wanted && now < self.due {
            return installed;
        }
        let (lease, entry) = self.lease(now);
        if entry.as_ref().is_some_and(|it| self.seal.open(&self.lease_name, &it.value).is_none()) {
            self.ignored(worker);
        }
        let extra = self.wanted;
        let taken = if extra {
            lease.extra(now, self.patience(), self.times.unknown_kid_interval)
        } else {
            lease.refresh(now, self.patience())
        };
        match taken {
            Ok(taken) => {
                if !self.swap_lease(taken, entry.as_ref()) {
                    return installed;
                }
                #[cfg(feature = "trap")]
                crate::trap::after_the_lease();
                // another worker may have been faster between our look and our lease
                if let Some(news) = self.read_shared(worker) {
                    self.give_back(Lease::succeeded);
                    self.wanted &= extra;
                    return Some(news);
                }
                self.fetch(worker, now, extra).or(installed)
            }
            Err(Denied::NotFor(wait)) if extra => {
                self.wanted = false;
                Some(News::NoExtra(self.id, Some(seconds(Denied::NotFor(wait)))))
            }
            Err(_) => installed,
        }
    }

    fn patience(&self) -> Duration {
        // two calls where the keys' place must be found out first
        self.times.timeout * if self.discovers { 2 } else { 1 } + GRACE
    }

    /// Installs what another worker, or this one, has stored since the last look.
    fn read_shared(&mut self, worker: &Worker) -> Option<News> {
        let Entry { value, seen } = host::shared(&self.record_name)?;
        if self.seen == Some(seen) {
            return None;
        }
        self.seen = Some(seen);
        let Some(record) = self.seal.open(&self.record_name, &value).and_then(Record::decode) else {
            self.ignored(worker);
            return None;
        };
        // a clock that is behind the record is not the record's
        if record.begun > host::now().steady {
            return None;
        }
        // it was checked before it was stored; what cannot be read now is not installed
        let set = KeySet::parse(&record.jwks).ok()?;
        let random = host::random();
        self.due = record.begun.plus(next_refresh(self.times.refresh, record.fresh_for, random));
        self.wanted = false;
        let mut gate = worker.gate.borrow_mut();
        gate.keyring_mut().install(self.id, set, record.begun, &record.looked_for);
        Some(News::Installed(self.id))
    }

    fn fetch(&mut self, worker: &Worker, now: Steady, extra: bool) -> Option<News> {
        let looked_for = worker.gate.borrow().keyring().wanted(self.id).collect();
        let flight = Flight {
            token: 0,
            begun: now,
            looked_for,
            extra,
            endpoint: self.first.clone(),
            discovering: self.discovers,
        };
        self.wanted = false;
        self.call(worker, flight)
    }

    fn call(&mut self, worker: &Worker, flight: Flight) -> Option<News> {
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
            return None;
        }
        let cause = format!("Envoy has no cluster `{cluster}`, or no host in it");
        self.flight = Some(flight);
        self.failed(worker, "no-cluster", &cause)
    }

    fn arrived(&mut self, worker: &Worker, headers: usize, body: usize) -> Option<News> {
        let flight = self.flight.take()?;
        let asked = Asked {
            issuer: &self.issuer,
            endpoint: &flight.endpoint,
            discovering: flight.discovering,
            max_bytes: self.times.max_bytes,
        };
        match reply::read(&asked, headers, body) {
            Ok(Reply::Keys(jwks, fresh_for)) => {
                let record = Record { begun: flight.begun, fresh_for, looked_for: flight.looked_for, jwks };
                host::share(&self.record_name, &self.seal.seal(&self.record_name, &record.encode()));
                self.give_back(Lease::succeeded);
                self.count(worker, "ok");
                log::debug!("the keys of provider {} have been fetched", self.name);
                self.read_shared(worker)
            }
            Ok(Reply::Place(endpoint)) => {
                self.call(worker, Flight { endpoint, discovering: false, ..flight })
            }
            Err((outcome, cause)) => {
                self.flight = Some(flight);
                self.failed(worker, outcome, &cause)
            }
        }
    }

    /// The last good keys stay; all workers wait for the backoff.
    fn failed(&mut self, worker: &Worker, outcome: &str, cause: &str) -> Option<News> {
        let extra = self.flight.take().is_some_and(|flight| flight.extra);
        self.count(worker, outcome);
        let what = if self.discovers { "discovery or keys" } else { "keys" };
        log::warn!("the {what} of provider {} could not be fetched: {cause}", self.name);
        let now = host::now().steady;
        let (lease, _) = self.lease(now);
        let wait = backoff(lease.failures.saturating_add(1), self.times.refresh, host::random());
        self.give_back(|lease| lease.failed(now.plus(wait)));
        extra.then_some(News::NoExtra(self.id, None))
    }

    /// The lease as it is, and the entry to compare with when changing it. One that is not ours is none.
    fn lease(&self, now: Steady) -> (Lease, Option<Entry>) {
        let entry = host::shared(&self.lease_name);
        let lease = entry
            .as_ref()
            .and_then(|entry| Lease::decode(self.seal.open(&self.lease_name, &entry.value)?, now));
        (lease.unwrap_or_default(), entry)
    }

    fn swap_lease(&self, lease: Lease, entry: Option<&Entry>) -> bool {
        host::swap(&self.lease_name, &self.seal.seal(&self.lease_name, &lease.encode()), entry)
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

fn seconds(denied: Denied) -> u32 {
    match denied {
        Denied::Flying => 1,
        Denied::NotFor(wait) => u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX),
    }
}
