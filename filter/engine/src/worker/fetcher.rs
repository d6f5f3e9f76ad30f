//! Fetches the keys of one provider, one worker for all. The worker that takes the lease fetches
//! and stores what it got; the others read it.

use std::time::Duration;

use super::environment::{Environment, SharedEntry};
use super::{Effects, Event, Fetch, FetchError, FetchId, FetchResponse};
use crate::authn::key_store::KeyStore;
use crate::clock::{Clocks, Monotonic, UnixTime};
use crate::jose::jwks::KeySet;
use crate::jwks_refresh::EntryNames;
use crate::jwks_refresh::discovery::jwks_endpoint;
use crate::jwks_refresh::lease::{Denied, Lease};
use crate::jwks_refresh::schedule::fresh_for;
use crate::jwks_refresh::schedule::{backoff, next_refresh};
use crate::jwks_refresh::shared_entry::MacKey;
use crate::jwks_refresh::shared_entry::Record;
use crate::model::{Endpoint, KeySource, KeyTimes, Provider, ProviderId};

/// How much longer than its timeout a fetch may take before another worker takes over.
const GRACE: Duration = Duration::from_secs(2);

/// The keys of one provider, as one worker fetches them.
#[derive(Debug)]
pub(super) struct ProviderFetcher {
    pub(super) id: ProviderId,
    issuer: Box<str>,
    times: KeyTimes,
    /// The endpoint of the keys, or of the document that names it.
    first: Endpoint,
    discovers: bool,
    mac_key: MacKey,
    names: EntryNames,
    /// The version of the shared record that this worker has seen last.
    seen: Option<u32>,
    /// When the next refresh is due.
    due: Monotonic,
    /// A request waits for a key with an unknown id.
    is_wanted: bool,
    /// Keys were installed between two ticks: the requests that wait for them have not been woken.
    is_unreported: bool,
    in_flight: Option<InFlightFetch>,
    fetches: u32,
}

/// A fetch that this worker has begun.
#[derive(Debug)]
struct InFlightFetch {
    id: FetchId,
    started_at: Monotonic,
    /// The end of the lease that this worker took for it: tells it from the lease of another
    /// worker.
    leased_until: Monotonic,
    endpoint: Endpoint,
    discovering: bool,
}

/// What a good response brings.
enum Document {
    /// The keys, and for how many seconds they say they are fresh.
    Keys(Vec<u8>, Option<u32>),
    /// Where the keys are.
    Place(Endpoint),
}

impl ProviderFetcher {
    /// The fetcher of a provider, unless its keys are inline.
    pub(super) fn new(id: ProviderId, provider: &Provider, mac_key: &MacKey) -> Option<Self> {
        let (first, discovers) = match &provider.keys {
            KeySource::Uri(endpoint) => (endpoint.clone(), false),
            KeySource::Discovery(endpoint) => (endpoint.clone(), true),
            KeySource::Inline(_) => return None,
        };
        Some(Self {
            id,
            issuer: provider.issuer.clone(),
            times: provider.key_times,
            names: EntryNames::new(&provider.issuer, &first),
            first,
            discovers,
            mac_key: mac_key.clone(),
            seen: None,
            due: Monotonic::default(),
            is_wanted: false,
            is_unreported: false,
            in_flight: None,
            fetches: 0,
        })
    }

    /// Installs what another worker has fetched and this one has not looked at yet. Says whether
    /// there was anything that the waiting requests have not been woken for.
    pub(super) fn catch_up(
        &mut self,
        key_store: &mut KeyStore,
        environment: &mut dyn Environment,
        now: Monotonic,
        events: &mut Vec<Event>,
    ) -> bool {
        self.is_unreported |= self.read_shared(key_store, environment, now, events);
        self.is_unreported
    }

    /// Notes that a request would wait until `until` for a key with an unknown id, if a fetch may
    /// look for it by then.
    ///
    /// # Errors
    /// How long no fetch may look for it.
    pub(super) fn want_kid(
        &mut self,
        environment: &dyn Environment,
        until: Monotonic,
        now: Monotonic,
    ) -> Result<(), Duration> {
        let (lease, _) = self.lease(environment, now);
        if self.in_flight.is_none() && lease.idle(now).is_ok() {
            let allowed = match lease.on_demand_allowed(now, self.times.unknown_kid_interval) {
                Err(Denied::NotFor(wait)) => now.plus(wait),
                _ => now,
            };
            // a refresh looks for every id
            let next = allowed.min(self.due.max(lease.not_before));
            if next >= until {
                return Err(next.since(now));
            }
        }
        self.is_wanted = true;
        Ok(())
    }

    /// Reads what other workers have stored, and fetches if a fetch is due or wanted. Says whether
    /// keys have come.
    pub(super) fn on_tick(
        &mut self,
        key_store: &mut KeyStore,
        environment: &mut dyn Environment,
        now: Monotonic,
        effects: &mut Effects,
    ) -> bool {
        let is_unreported = std::mem::take(&mut self.is_unreported);
        let have_come =
            self.read_shared(key_store, environment, now, &mut effects.events) || is_unreported;
        if let Some(fetch) = self.in_flight.take_if(|fetch| now >= fetch.leased_until) {
            // a host answers every call, so this is the end of one that it forgot
            self.failed(fetch.leased_until, FetchError::TimedOut, environment, now, effects);
            return have_come;
        }
        let is_due = now >= self.due;
        if self.in_flight.is_some() || !self.is_wanted && !is_due {
            return have_come;
        }
        let (lease, entry) = self.lease(environment, now);
        if entry
            .as_ref()
            .is_some_and(|it| self.mac_key.open(&self.names.lease, &it.value).is_none())
        {
            effects.events.push(Event::SharedDataIgnored(self.id));
        }
        // a refresh that is due looks for every key id, too, and does not count against the limit
        // of extra fetches
        let refresh = if is_due { lease.refresh(now, self.patience()).ok() } else { None };
        let on_demand =
            || lease.on_demand(now, self.patience(), self.times.unknown_kid_interval).ok();
        let Some(taken) = refresh.or_else(|| on_demand().filter(|_| self.is_wanted)) else {
            return have_come;
        };
        if !self.swap_lease(taken, environment, entry.as_ref()) {
            return have_come;
        }
        effects.events.push(Event::LeaseTaken);
        // another worker may have been faster between our look and our lease
        if self.read_shared(key_store, environment, now, &mut effects.events) {
            self.give_back(taken.in_flight_until, environment, now, |taken| Lease {
                last_on_demand: lease.last_on_demand,
                ..taken.succeeded()
            });
            return true;
        }
        self.is_wanted = false;
        self.fetch(self.first.clone(), self.discovers, (now, taken.in_flight_until), effects);
        have_come
    }

    /// Whether this is the fetch in flight.
    pub(super) fn is_in_flight(&self, id: FetchId) -> bool {
        self.in_flight.as_ref().is_some_and(|fetch| fetch.id == id)
    }

    /// Handles the end of the fetch in flight. Says whether keys have come.
    pub(super) fn on_fetch_end(
        &mut self,
        response: Result<FetchResponse<'_>, FetchError>,
        key_store: &mut KeyStore,
        environment: &mut dyn Environment,
        now: Clocks,
        effects: &mut Effects,
    ) -> bool {
        let Some(fetch) = self.in_flight.take() else { return false };
        match response.and_then(|response| self.read(&fetch, &response, now.wall)) {
            Ok(Document::Keys(jwks, fresh_for)) => {
                let record = Record { started_at: fetch.started_at, fresh_for, jwks };
                let entry = self.mac_key.seal(&self.names.record, &record.encode());
                environment.share(&self.names.record, &entry);
                self.give_back(fetch.leased_until, environment, now.monotonic, Lease::succeeded);
                effects.events.push(Event::FetchSucceeded(self.id));
                self.read_shared(key_store, environment, now.monotonic, &mut effects.events)
            }
            Ok(Document::Place(endpoint)) => {
                self.fetch(endpoint, false, (fetch.started_at, fetch.leased_until), effects);
                false
            }
            Err(error) => {
                self.failed(fetch.leased_until, error, environment, now.monotonic, effects);
                false
            }
        }
    }

    fn fetch(
        &mut self,
        endpoint: Endpoint,
        discovering: bool,
        (started_at, leased_until): (Monotonic, Monotonic),
        effects: &mut Effects,
    ) {
        self.fetches = self.fetches.wrapping_add(1);
        let id = FetchId { provider: self.id, number: self.fetches };
        effects.fetches.push(Fetch { id, endpoint: endpoint.clone(), timeout: self.times.timeout });
        self.in_flight =
            Some(InFlightFetch { id, started_at, leased_until, endpoint, discovering });
    }

    /// How long a fetch may take.
    fn patience(&self) -> Duration {
        // two calls where the keys' place must be found out first
        self.times.timeout * if self.discovers { 2 } else { 1 } + GRACE
    }

    /// Checks a response before anything of it is stored: status before body, then size, then what
    /// it says.
    fn read(
        &self,
        fetch: &InFlightFetch,
        response: &FetchResponse<'_>,
        now: UnixTime,
    ) -> Result<Document, FetchError> {
        let status = response.headers.first(":status").unwrap_or_default();
        if status != b"200" {
            return Err(FetchError::Status(String::from_utf8_lossy(status).into_owned()));
        }
        if response.body_bytes > self.times.max_bytes {
            return Err(FetchError::TooLarge(response.body_bytes));
        }
        let body = (response.body)();
        if fetch.discovering {
            let place = jwks_endpoint(&body, &self.issuer, &fetch.endpoint);
            return place.map(Document::Place).map_err(FetchError::Discovery);
        }
        KeySet::parse(&body).map_err(FetchError::Malformed)?;
        Ok(Document::Keys(body, fresh_for(response.headers, now)))
    }

    /// Installs what another worker, or this one, has stored since the last look. Says whether
    /// there was anything.
    fn read_shared(
        &mut self,
        key_store: &mut KeyStore,
        environment: &mut dyn Environment,
        now: Monotonic,
        events: &mut Vec<Event>,
    ) -> bool {
        let Some(SharedEntry { value, version }) = environment.shared(&self.names.record) else {
            return false;
        };
        if self.seen == Some(version) {
            return false;
        }
        self.seen = Some(version);
        let Some(record) = self.mac_key.open(&self.names.record, &value).and_then(Record::decode)
        else {
            events.push(Event::SharedDataIgnored(self.id));
            return false;
        };
        // a clock that is behind the record is not the record's
        if record.started_at > now {
            return false;
        }
        // it was checked before it was stored; what cannot be read now is not installed
        let Ok(set) = KeySet::parse(&record.jwks) else { return false };
        let after = next_refresh(self.times.refresh, record.fresh_for, environment.random());
        self.due = record.started_at.plus(after);
        self.is_wanted = false;
        key_store.install(self.id, set, record.started_at);
        events.push(Event::KeysInstalled(self.id));
        true
    }

    /// The last good keys stay; all workers wait for the backoff.
    fn failed(
        &mut self,
        leased_until: Monotonic,
        error: FetchError,
        environment: &mut dyn Environment,
        now: Monotonic,
        effects: &mut Effects,
    ) {
        effects.events.push(Event::FetchFailed(self.id, error));
        let (lease, _) = self.lease(environment, now);
        let failures = lease.failures.saturating_add(1);
        let wait = backoff(failures, self.times.refresh, environment.random());
        self.give_back(leased_until, environment, now, |lease| lease.failed(now.plus(wait)));
    }

    /// The lease as it is, and the entry to compare with when changing it. One without our MAC is
    /// none.
    fn lease(&self, environment: &dyn Environment, now: Monotonic) -> (Lease, Option<SharedEntry>) {
        let entry = environment.shared(&self.names.lease);
        let lease = entry.as_ref().and_then(|entry| {
            Lease::decode(self.mac_key.open(&self.names.lease, &entry.value)?, now)
        });
        (lease.unwrap_or_default(), entry)
    }

    fn swap_lease(
        &self,
        lease: Lease,
        environment: &mut dyn Environment,
        entry: Option<&SharedEntry>,
    ) -> bool {
        let value = self.mac_key.seal(&self.names.lease, &lease.encode());
        environment.swap(&self.names.lease, &value, entry)
    }

    /// Changes the lease that this worker took, unless it has ended and another worker has taken
    /// one.
    fn give_back(
        &self,
        leased_until: Monotonic,
        environment: &mut dyn Environment,
        now: Monotonic,
        change: impl Fn(Lease) -> Lease,
    ) {
        // no other worker changes it meanwhile, but for a plugin that should not
        for _ in 0..3 {
            let (lease, entry) = self.lease(environment, now);
            if lease.in_flight_until != leased_until {
                return;
            }
            if self.swap_lease(change(lease), environment, entry.as_ref()) {
                return;
            }
        }
    }
}
