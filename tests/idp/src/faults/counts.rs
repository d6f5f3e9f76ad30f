//! How often each endpoint was asked, and when.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How many of the last fetches keep their time.
const REMEMBERED: usize = 10_000;

/// The fetches of each endpoint since the start or the last reset. A fetch counts when its request
/// arrives, whatever becomes of it; refused connections bring no request.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Of the `OpenID` document.
    pub discovery: Fetches,
    /// Of the key set.
    pub jwks: Fetches,
    /// Requests for tokens.
    pub token: Fetches,
}

/// The fetches of one endpoint.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Fetches {
    /// How many there were.
    pub total: u64,
    /// When the last 10,000 of them arrived, oldest first: microseconds since the provider started,
    /// on the monotonic clock.
    pub at_micros: VecDeque<u64>,
}

impl Fetches {
    pub(super) fn add(&mut self, at_micros: u64) {
        if self.at_micros.len() == REMEMBERED {
            self.at_micros.pop_front();
        }
        self.at_micros.push_back(at_micros);
        self.total += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fetches_count_and_the_last_ones_keep_their_time() {
        let mut fetches = Fetches::default();
        (0..=REMEMBERED as u64).for_each(|at| fetches.add(at));
        assert_eq!(fetches.total, REMEMBERED as u64 + 1);
        assert_eq!((fetches.at_micros.len(), fetches.at_micros.front()), (REMEMBERED, Some(&1)));
    }
}
