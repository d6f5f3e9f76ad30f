//! Who is there, of the workers that share one memory, and what each has: so that their numbers can be summed up. A worker
//! whose VM died cannot say that it has gone, so each says again and again that it is there, and whoever has not for a
//! while is not counted.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Monotonic;

/// Who says nothing for so long has gone. A worker speaks once a second; one that was only busy is counted again when it
/// does.
pub const SILENCE: Duration = Duration::from_secs(5);
/// Changes with the form of an entry, so that a new version of the plugin does not misread an old one's.
const FORM: u8 = 1;

/// What a worker has of what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Requests that wait for keys.
    pub waiting: u64,
    /// Cached tokens.
    pub tokens: u64,
    /// The bytes that they take.
    pub bytes: u64,
}

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerReport {
    /// Tells it from those that had its place before, or take it.
    pub worker: u64,
    /// When it said so; `None`: it has gone, and said that.
    pub seen: Option<Monotonic>,
    /// What it has.
    pub share: WorkerStats,
    /// The hash of the policy that it decides by.
    pub policy: Box<str>,
}

impl WorkerReport {
    /// Whether it is there.
    pub fn is_there(&self, now: Monotonic) -> bool {
        // another worker's clock may be read a moment later than ours; an entry of the far future would stay for ever
        self.seen.is_some_and(|seen| now.since(seen) < SILENCE && seen.since(now) < SILENCE)
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let WorkerStats { waiting, tokens, bytes } = self.share;
        // the monotonic clock's zero is nobody's now
        let seen = self.seen.map_or(0, |seen| seen.0);
        let numbers = [self.worker, seen, waiting, tokens, bytes].map(u64::to_be_bytes);
        [&[FORM], numbers.as_flattened(), self.policy.as_bytes()].concat()
    }

    /// From bytes.
    pub fn decode(entry: &[u8]) -> Option<Self> {
        let (&form, rest) = entry.split_first()?;
        let (numbers, policy) = rest.split_first_chunk::<40>()?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let &[worker, seen, waiting, tokens, bytes] = numbers else { return None };
        let [worker, seen, waiting, tokens, bytes] =
            [worker, seen, waiting, tokens, bytes].map(u64::from_be_bytes);
        let policy = std::str::from_utf8(policy).ok()?;
        // it becomes a part of a metric's name
        let is_hash =
            !policy.is_empty() && policy.len() <= 64 && policy.bytes().all(|b| b.is_ascii_hexdigit());
        (form == FORM && is_hash).then(|| Self {
            worker,
            seen: (seen > 0).then_some(Monotonic(seen)),
            share: WorkerStats { waiting, tokens, bytes },
            policy: policy.into(),
        })
    }
}

/// The numbers of all workers together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The sum of the shares.
    pub share: WorkerStats,
    /// How many decide by which policy: none, too, by that of a worker which has gone.
    pub policies: BTreeMap<Box<str>, u64>,
}

impl Totals {
    /// Of these.
    pub fn of<'p>(presences: impl IntoIterator<Item = &'p WorkerReport>, now: Monotonic) -> Self {
        let mut tally = Self::default();
        for presence in presences {
            let workers = tally.policies.entry(presence.policy.clone()).or_default();
            if presence.is_there(now) {
                *workers += 1;
                let sum = &mut tally.share;
                sum.waiting = sum.waiting.saturating_add(presence.share.waiting);
                sum.tokens = sum.tokens.saturating_add(presence.share.tokens);
                sum.bytes = sum.bytes.saturating_add(presence.share.bytes);
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Monotonic = Monotonic(60_000_000_000);

    fn worker(worker: u64, policy: &str, seen: Option<Monotonic>) -> WorkerReport {
        let share = WorkerStats { waiting: worker, tokens: 10 * worker, bytes: 100 * worker };
        WorkerReport { worker, seen, share, policy: policy.into() }
    }

    #[test]
    fn a_presence_comes_back_as_it_was_and_what_is_none_not_at_all() {
        for seen in [Some(NOW), None] {
            let presence = worker(7, "0f", seen);
            let bytes = presence.encode();
            assert_eq!(WorkerReport::decode(&bytes), Some(presence));
            for length in 0..bytes.len() - 1 {
                assert_eq!(WorkerReport::decode(&bytes[..length]), None);
            }
            assert_eq!(WorkerReport::decode(&[&[9], &bytes[1..]].concat()), None);
        }
        for policy in ["", "0f;row=x", "0F\n", &"0".repeat(65)] {
            assert_eq!(WorkerReport::decode(&worker(7, policy, Some(NOW)).encode()), None, "{policy}");
        }
    }

    #[test]
    fn who_has_gone_or_is_silent_is_not_counted_and_its_policy_comes_to_none() {
        let silent = Monotonic(NOW.0 - u64::try_from(SILENCE.as_nanos()).unwrap());
        let later = NOW.plus(Duration::from_secs(1));
        let all = [
            worker(1, "a", Some(NOW)),
            worker(2, "a", Some(later)),
            worker(3, "b", Some(silent)),
            worker(4, "c", None),
        ];
        let tally = Totals::of(&all, NOW);
        assert_eq!(tally.share, WorkerStats { waiting: 3, tokens: 30, bytes: 300 });
        let policies: Vec<_> = tally.policies.iter().map(|(hash, workers)| (&**hash, *workers)).collect();
        assert_eq!(policies, [("a", 2), ("b", 0), ("c", 0)]);
    }

    #[test]
    fn an_entry_of_the_far_future_is_not_counted() {
        for seen in [NOW.plus(SILENCE), Monotonic(u64::MAX)] {
            let entry = worker(1, "a", Some(seen));
            assert!(!entry.is_there(NOW), "{seen:?}");
            assert_eq!(Totals::of([&entry], NOW).share, WorkerStats::default());
        }
    }

    #[test]
    fn numbers_that_nobody_has_do_not_overflow() {
        let share = WorkerStats { waiting: u64::MAX, tokens: u64::MAX, bytes: u64::MAX };
        let liar = WorkerReport { share, ..worker(1, "a", Some(NOW)) };
        assert_eq!(Totals::of([&liar, &liar], NOW).share, share);
    }
}
