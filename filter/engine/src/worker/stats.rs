//! Numbers of all workers together. Each worker writes its own numbers into a slot of its own in
//! shared data at every tick, and sets the gauges to the totals of all slots. A worker whose VM
//! died is left out of the totals after [`STALE_AFTER`], and another worker takes its slot.
//!
//! Slots carry no MAC: a plugin that can write them can set the gauges, too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::environment::{Environment, SharedEntry};
use crate::clock::Monotonic;

/// A worker that has not published for so long is left out of the totals. Workers publish once a
/// second.
pub const STALE_AFTER: Duration = Duration::from_secs(5);
/// Maximum number of slots: more than an Envoy has workers, under all policies that still have
/// streams.
const MAX_SLOTS: usize = 4096;
/// Version of the entry's format, so that a new version of the plugin does not misread the entry of
/// an old one.
const VERSION: u8 = 1;

/// Numbers of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Requests that wait for keys.
    pub waiting: u64,
    /// Cached tokens.
    pub tokens: u64,
    /// The bytes that they take.
    pub bytes: u64,
}

/// One worker's entry in shared data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerReport {
    /// Random id of the worker.
    pub worker: u64,
    /// When it was published; `None`: the worker has ended.
    pub seen: Option<Monotonic>,
    /// Its numbers.
    pub stats: WorkerStats,
    /// The hash of its policy.
    pub policy: Box<str>,
}

impl WorkerReport {
    /// Whether the worker has published within [`STALE_AFTER`].
    pub fn is_fresh(&self, now: Monotonic) -> bool {
        // another worker's clock may be read a moment later than ours; an entry of the far future
        // would be fresh for ever
        self.seen.is_some_and(|seen| now.since(seen) < STALE_AFTER && seen.since(now) < STALE_AFTER)
    }

    /// Encodes the entry.
    pub fn encode(&self) -> Vec<u8> {
        let WorkerStats { waiting, tokens, bytes } = self.stats;
        // the monotonic clock never shows zero
        let seen = self.seen.map_or(0, |seen| seen.0);
        let numbers = [self.worker, seen, waiting, tokens, bytes].map(u64::to_be_bytes);
        [&[VERSION], numbers.as_flattened(), self.policy.as_bytes()].concat()
    }

    /// Decodes an entry; `None` if it is malformed.
    pub fn decode(entry: &[u8]) -> Option<Self> {
        let (&version, rest) = entry.split_first()?;
        let (numbers, policy) = rest.split_first_chunk::<40>()?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let &[worker, seen, waiting, tokens, bytes] = numbers else { return None };
        let [worker, seen, waiting, tokens, bytes] =
            [worker, seen, waiting, tokens, bytes].map(u64::from_be_bytes);
        let policy = std::str::from_utf8(policy).ok()?;
        // it becomes a part of a metric's name
        let is_hash = !policy.is_empty()
            && policy.len() <= 64
            && policy.bytes().all(|b| b.is_ascii_hexdigit());
        (version == VERSION && is_hash).then(|| Self {
            worker,
            seen: (seen > 0).then_some(Monotonic(seen)),
            stats: WorkerStats { waiting, tokens, bytes },
            policy: policy.into(),
        })
    }
}

/// Totals over all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sums of the fresh workers' numbers.
    pub stats: WorkerStats,
    /// Number of fresh workers by policy hash, zero for the policy of a worker that has ended.
    pub policies: BTreeMap<Box<str>, u64>,
}

impl Totals {
    /// Sums reports.
    pub fn of<'p>(reports: impl IntoIterator<Item = &'p WorkerReport>, now: Monotonic) -> Self {
        let mut totals = Self::default();
        for report in reports {
            let workers = totals.policies.entry(report.policy.clone()).or_default();
            if report.is_fresh(now) {
                *workers += 1;
                let sum = &mut totals.stats;
                sum.waiting = sum.waiting.saturating_add(report.stats.waiting);
                sum.tokens = sum.tokens.saturating_add(report.stats.tokens);
                sum.bytes = sum.bytes.saturating_add(report.stats.bytes);
            }
        }
        totals
    }
}

/// This worker's slot among the slots of all workers.
#[derive(Debug)]
pub struct WorkerRegistry {
    worker: u64,
    policy: Box<str>,
    /// Policies that were ever in force: a gauge that is no longer set would keep its value.
    policies: BTreeMap<Box<str>, u64>,
}

/// A slot in shared data; `report` is `None` if it is malformed.
struct Slot {
    entry: SharedEntry,
    report: Option<WorkerReport>,
}

impl WorkerRegistry {
    /// A registry for a worker with that policy.
    pub fn new(policy: &str, environment: &mut dyn Environment) -> Self {
        Self { worker: environment.random(), policy: policy.into(), policies: BTreeMap::new() }
    }

    /// Publishes this worker's numbers (`None`: the worker ends), and returns the totals. If
    /// another worker takes the same free slot first, the numbers are published by the next call.
    pub fn publish(
        &mut self,
        stats: Option<WorkerStats>,
        environment: &mut dyn Environment,
        now: Monotonic,
    ) -> Totals {
        let slots: Vec<Slot> = (0..MAX_SLOTS)
            .map_while(|slot| environment.shared(&slot_name(slot)))
            .map(|entry| Slot { report: WorkerReport::decode(&entry.value), entry })
            .collect();
        let own = WorkerReport {
            worker: self.worker,
            seen: stats.map(|_| now),
            stats: stats.unwrap_or_default(),
            policy: self.policy.clone(),
        };
        let is_own = |slot: &Slot| slot.report.as_ref().is_some_and(|it| it.worker == self.worker);
        let is_free = |slot: &Slot| slot.report.as_ref().is_none_or(|it| !it.is_fresh(now));
        let slot = slots.iter().position(is_own).or_else(|| slots.iter().position(is_free));
        let slot = slot.unwrap_or(slots.len());
        if slot < MAX_SLOTS {
            environment.swap(&slot_name(slot), &own.encode(), slots.get(slot).map(|it| &it.entry));
        }
        let others = slots.iter().filter_map(|slot| slot.report.as_ref());
        let others = others.filter(|report| report.worker != self.worker);
        let mut totals = Totals::of(others.chain([&own]), now);
        for policy in self.policies.keys() {
            totals.policies.entry(policy.clone()).or_default();
        }
        self.policies.clone_from(&totals.policies);
        totals
    }
}

fn slot_name(slot: usize) -> String {
    format!("portcullis.worker.{slot}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Monotonic = Monotonic(60_000_000_000);

    fn worker(worker: u64, policy: &str, seen: Option<Monotonic>) -> WorkerReport {
        let stats = WorkerStats { waiting: worker, tokens: 10 * worker, bytes: 100 * worker };
        WorkerReport { worker, seen, stats, policy: policy.into() }
    }

    #[test]
    fn a_report_is_decoded_as_it_was_encoded_and_other_bytes_are_refused() {
        for seen in [Some(NOW), None] {
            let report = worker(7, "0f", seen);
            let bytes = report.encode();
            assert_eq!(WorkerReport::decode(&bytes), Some(report));
            for length in 0..bytes.len() - 1 {
                assert_eq!(WorkerReport::decode(&bytes[..length]), None);
            }
            assert_eq!(WorkerReport::decode(&[&[9], &bytes[1..]].concat()), None);
        }
        for policy in ["", "0f;row=x", "0F\n", &"0".repeat(65)] {
            assert_eq!(
                WorkerReport::decode(&worker(7, policy, Some(NOW)).encode()),
                None,
                "{policy}"
            );
        }
    }

    #[test]
    fn a_worker_that_ended_or_is_stale_is_left_out_and_its_policy_counts_zero() {
        let stale = Monotonic(NOW.0 - u64::try_from(STALE_AFTER.as_nanos()).unwrap());
        let later = NOW.plus(Duration::from_secs(1));
        let all = [
            worker(1, "a", Some(NOW)),
            worker(2, "a", Some(later)),
            worker(3, "b", Some(stale)),
            worker(4, "c", None),
        ];
        let totals = Totals::of(&all, NOW);
        assert_eq!(totals.stats, WorkerStats { waiting: 3, tokens: 30, bytes: 300 });
        let policies: Vec<_> =
            totals.policies.iter().map(|(hash, workers)| (&**hash, *workers)).collect();
        assert_eq!(policies, [("a", 2), ("b", 0), ("c", 0)]);
    }

    #[test]
    fn an_entry_of_the_far_future_is_left_out() {
        for seen in [NOW.plus(STALE_AFTER), Monotonic(u64::MAX)] {
            let entry = worker(1, "a", Some(seen));
            assert!(!entry.is_fresh(NOW), "{seen:?}");
            assert_eq!(Totals::of([&entry], NOW).stats, WorkerStats::default());
        }
    }

    #[test]
    fn totals_do_not_overflow() {
        let stats = WorkerStats { waiting: u64::MAX, tokens: u64::MAX, bytes: u64::MAX };
        let huge = WorkerReport { stats, ..worker(1, "a", Some(NOW)) };
        assert_eq!(Totals::of([&huge, &huge], NOW).stats, stats);
    }
}
