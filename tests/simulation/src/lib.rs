//! Deterministic simulation of the gateway's workers. From one seed it makes a schedule: one to
//! eight workers over one shared store, a provider that is slow, fails, loses responses, rotates
//! and withdraws keys, clocks that step, workers that die holding the lease, a plugin that writes
//! under our names, clients that come in herds and go again. Time is virtual.
//!
//! After every step these rules hold:
//!
//! | rule | what |
//! |---|---|
//! | [`Rule::PassedWithoutKey`] | a request passes only by a key that the provider has published and, as far as the fetches say, not withdrawn |
//! | [`Rule::StaleKeys`] | no key is used that is older than `max_stale` |
//! | [`Rule::HonestRefused`] | an honest token is never 401 for a fault of ours |
//! | [`Rule::FaultForClient`] | what any client can cause is never 5xx |
//! | [`Rule::ConcurrentFetches`] | one fetch at a time for all workers |
//! | [`Rule::TooManyFetches`] | one refresh and one on-demand fetch per interval; failed ones are repeated after a backoff |
//! | [`Rule::LeaseKept`] | the lease is free while no fetch is in flight |
//! | [`Rule::EndlessWait`] | every request ends within its bound |
//! | [`Rule::NotWoken`] | a request that waits is decided again soon after its worker has new keys |
//! | [`Rule::Unbounded`] | the queue stays within its bounds, and holds no stream that has ended |
//! | [`Rule::LargeBatch`] | no event answers more requests than the batch |
//! | [`Rule::Mode`] | shadow mode lets pass what it should, and nothing else |
//! | [`Rule::NoRecovery`] | once all faults are over, honest tokens pass on every worker |

mod tokens;
mod world;

use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::world::Summary;

/// What must hold after every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the table above says what each is")]
pub enum Rule {
    PassedWithoutKey,
    StaleKeys,
    HonestRefused,
    FaultForClient,
    ConcurrentFetches,
    TooManyFetches,
    LeaseKept,
    EndlessWait,
    NotWoken,
    Unbounded,
    LargeBatch,
    Mode,
    NoRecovery,
}

/// A rule that did not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The schedule.
    pub seed: u64,
    /// The rule.
    pub rule: Rule,
    /// The virtual time, in milliseconds.
    pub at: u64,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, rule, at, what } = self;
        write!(
            f,
            "seed {seed}: {rule:?} at {at} ms: {what}; replay it with `cargo xtask simulate --seed {seed}`"
        )
    }
}

/// Runs the schedule of a seed. `log` gets each step, if there is one.
///
/// # Errors
/// The first rule that did not hold.
pub fn run(seed: u64, log: Option<&mut dyn FnMut(&str)>) -> Result<Summary, Violation> {
    world::World::new(seed, log).run()
}

/// Runs the schedules of these seeds on all processors, until a rule does not hold.
///
/// # Errors
/// The violation of the lowest seed that was run.
pub fn run_all(seeds: std::ops::Range<u64>) -> Result<Summary, Violation> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let run_some = || {
        let mut total = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(total);
            }
            // after a failure, no thread begins another schedule
            total += run(seed, None).inspect_err(|_| next.store(seeds.end, Ordering::Relaxed))?;
        }
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..processors).map(|_| scope.spawn(run_some)).collect();
        let ends =
            parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)));
        let mut total = Summary::default();
        let mut violations = Vec::new();
        for end in ends {
            match end {
                Ok(summary) => total += summary,
                Err(violation) => violations.push(violation),
            }
        }
        violations
            .into_iter()
            .min_by_key(|violation: &Violation| violation.seed)
            .map_or(Ok(total), Err)
    })
}
