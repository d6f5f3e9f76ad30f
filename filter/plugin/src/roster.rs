//! The numbers that workers have together. Each writes what it has into a place of its own in shared data, at every tick,
//! and sets the gauges to the sum of all: so what a worker had whose VM died is out of them by itself, and its place is
//! taken by the next one.
//!
//! Places carry no MAC: who can write there can write the gauges themselves.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_engine::clock::Monotonic;
use portcullis_engine::worker::{Environment as _, SharedEntry};
use portcullis_engine::worker_stats::{Totals, WorkerReport, WorkerStats};

use crate::host::{self, Host};
use crate::metrics::Metrics;

/// More places than an Envoy has workers, under all policies that still have streams.
const PLACES: usize = 4096;
/// So often at most, however many requests wait.
const PAUSE: Duration = Duration::from_millis(100);

/// This worker's place among all.
pub(crate) struct Roster {
    worker: u64,
    policy: Box<str>,
    told: Cell<Monotonic>,
    /// Policies that were ever in force here: a gauge that is set no more keeps its value.
    policies: RefCell<BTreeSet<Box<str>>>,
}

/// A place, and who has it or had it.
struct Place {
    entry: SharedEntry,
    presence: Option<WorkerReport>,
}

impl Roster {
    pub(crate) fn new(policy: &str) -> Self {
        let policies = RefCell::new(BTreeSet::from([policy.into()]));
        Self { worker: host::random(), policy: policy.into(), told: Cell::default(), policies }
    }

    /// Whether this worker has said a moment ago what it has.
    pub(crate) fn is_told(&self, now: Monotonic) -> bool {
        now.since(self.told.get()) < PAUSE
    }

    /// Says what this worker has now, and sets the gauges to what all have. `None`: it goes.
    pub(crate) fn tell(&self, share: Option<WorkerStats>, metrics: &Metrics, now: Monotonic) {
        self.told.set(now);
        let places = places();
        let mine = WorkerReport {
            worker: self.worker,
            seen: share.map(|_| now),
            share: share.unwrap_or_default(),
            policy: self.policy.clone(),
        };
        self.write(&mine, &places, now);
        let others = places.iter().filter_map(|place| place.presence.as_ref());
        let others = others.filter(|presence| presence.worker != self.worker);
        let tally = Totals::of(others.chain([&mine]), now);
        metrics.set("portcullis.waiting_requests", tally.share.waiting);
        metrics.set("portcullis.cached_tokens", tally.share.tokens);
        metrics.set("portcullis.cached_bytes", tally.share.bytes);
        let mut policies = self.policies.borrow_mut();
        policies.extend(tally.policies.keys().cloned());
        for policy in policies.iter() {
            let workers = tally.policies.get(policy).copied().unwrap_or_default();
            metrics.set(&format!("portcullis.policy_workers;hash={policy}"), workers);
        }
    }

    /// Into the place that is ours, or one that nobody has any more, or a new one. Where another was faster, at the next
    /// tick.
    fn write(&self, mine: &WorkerReport, places: &[Place], now: Monotonic) {
        let is_mine = |place: &Place| place.presence.as_ref().is_some_and(|it| it.worker == self.worker);
        let is_free = |place: &Place| !place.presence.as_ref().is_some_and(|it| it.is_there(now));
        let place = places.iter().position(is_mine).or_else(|| places.iter().position(is_free));
        let place = place.unwrap_or(places.len());
        if place < PLACES {
            Host.swap(&name(place), &mine.encode(), places.get(place).map(|place| &place.entry));
        }
    }
}

fn name(place: usize) -> String {
    format!("portcullis.worker.{place}")
}

fn places() -> Vec<Place> {
    let entries = (0..PLACES).map_while(|place| Host.shared(&name(place)));
    entries.map(|entry| Place { presence: WorkerReport::decode(&entry.value), entry }).collect()
}
