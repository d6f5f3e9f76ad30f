//! Who may fetch: one entry for each provider, changed by compare-and-swap. It holds the flight in
//! progress, the backoff after failures, and the last extra fetch, so all workers keep the same
//! bounds.

use std::time::Duration;

use crate::clock::Monotonic;

/// The state of a provider's fetches, as all workers share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// A worker fetches, until then at the latest: one that dies holding the lease does not stop
    /// the refreshing.
    pub in_flight_until: Monotonic,
    /// No refresh before: the backoff after failures.
    pub not_before: Monotonic,
    /// When the last extra fetch began; zero: never.
    pub last_on_demand: Monotonic,
    /// Failures since the last success.
    pub failures: u32,
}

/// Why a worker may not fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Another fetch is on its way.
    InFlight,
    /// Not for so long.
    NotFor(Duration),
}

const FORM: u8 = 1;
/// No lease lasts longer, so one that does is not ours. The longest one is for discovery: two calls
/// of 300 s each, the longest `timeout` that a policy may say, and 2 s.
pub const LONGEST: Duration = Duration::from_mins(11);

impl Lease {
    /// The lease taken for a refresh that may take `timeout`.
    ///
    /// # Errors
    /// Why not now.
    pub fn refresh(self, now: Monotonic, timeout: Duration) -> Result<Self, Denied> {
        self.idle(now)?;
        if now < self.not_before {
            return Err(Denied::NotFor(self.not_before.since(now)));
        }
        Ok(Self { in_flight_until: now.plus(timeout), ..self })
    }

    /// The lease taken for an extra fetch, because of key ids that nobody knows: at most one in
    /// `interval`. It does not heed the backoff: the interval bounds it.
    ///
    /// # Errors
    /// Why not now.
    pub fn on_demand(
        self,
        now: Monotonic,
        timeout: Duration,
        interval: Duration,
    ) -> Result<Self, Denied> {
        self.idle(now)?;
        self.on_demand_allowed(now, interval)?;
        Ok(Self { in_flight_until: now.plus(timeout), last_on_demand: now, ..self })
    }

    /// Whether the interval lets an extra fetch begin.
    ///
    /// # Errors
    /// How long not.
    pub fn on_demand_allowed(self, now: Monotonic, interval: Duration) -> Result<(), Denied> {
        let next = self.last_on_demand.plus(interval);
        if self.last_on_demand != Monotonic::default() && now < next {
            Err(Denied::NotFor(next.since(now)))
        } else {
            Ok(())
        }
    }

    /// Whether no fetch is on its way.
    ///
    /// # Errors
    /// One is.
    pub fn idle(self, now: Monotonic) -> Result<(), Denied> {
        if now < self.in_flight_until { Err(Denied::InFlight) } else { Ok(()) }
    }

    /// Given back after a success.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self {
            in_flight_until: Monotonic::default(),
            not_before: Monotonic::default(),
            failures: 0,
            ..self
        }
    }

    /// Given back after a failure: the next refresh is not before `until`.
    #[must_use]
    pub fn failed(self, until: Monotonic) -> Self {
        let failures = self.failures.saturating_add(1);
        Self { in_flight_until: Monotonic::default(), not_before: until, failures, ..self }
    }

    /// As bytes.
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        for time in [self.in_flight_until, self.not_before, self.last_on_demand] {
            bytes.extend(time.0.to_be_bytes());
        }
        bytes.extend(self.failures.to_be_bytes());
        bytes
    }

    /// From bytes. What lies further in the future than any lease can is of another machine's
    /// clock: no lease.
    pub fn decode(bytes: &[u8], now: Monotonic) -> Option<Self> {
        let (&form, bytes) = bytes.split_first()?;
        let (in_flight, bytes) = bytes.split_first_chunk::<8>()?;
        let (not_before, bytes) = bytes.split_first_chunk::<8>()?;
        let (last_on_demand, bytes) = bytes.split_first_chunk::<8>()?;
        let (failures, bytes) = bytes.split_first_chunk::<4>()?;
        let time = |bytes: &[u8; 8]| Monotonic(u64::from_be_bytes(*bytes));
        let lease = Self {
            in_flight_until: time(in_flight),
            not_before: time(not_before),
            last_on_demand: time(last_on_demand),
            failures: u32::from_be_bytes(*failures),
        };
        let latest = now.plus(LONGEST);
        let sane = [lease.in_flight_until, lease.not_before, lease.last_on_demand]
            .into_iter()
            .all(|it| it <= latest);
        (form == FORM && bytes.is_empty() && sane).then_some(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Monotonic {
        Monotonic::default().plus(Duration::from_secs(seconds))
    }

    #[test]
    fn one_fetch_at_a_time_and_a_dead_holder_is_forgotten() {
        let taken = Lease::default().refresh(at(10), 5 * SECOND).unwrap();
        assert_eq!(taken.refresh(at(14), SECOND), Err(Denied::InFlight));
        assert_eq!(taken.on_demand(at(14), SECOND, SECOND), Err(Denied::InFlight));
        assert!(taken.refresh(at(15), SECOND).is_ok());
        assert!(taken.succeeded().refresh(at(11), SECOND).is_ok());
    }

    #[test]
    fn after_a_failure_no_refresh_begins_before_the_backoff_ends() {
        let failed = Lease::default().refresh(at(10), SECOND).unwrap().failed(at(20));
        assert_eq!(failed.refresh(at(12), SECOND), Err(Denied::NotFor(8 * SECOND)));
        assert_eq!(failed.failures, 1);
        assert!(failed.refresh(at(20), SECOND).is_ok());
        assert_eq!(failed.succeeded().failures, 0);
    }

    #[test]
    fn an_extra_fetch_begins_at_most_once_in_an_interval() {
        let interval = 30 * SECOND;
        let on_demand = Lease::default().on_demand(at(10), SECOND, interval).unwrap().succeeded();
        assert_eq!(on_demand.on_demand(at(11), SECOND, interval), Err(Denied::NotFor(29 * SECOND)));
        assert!(on_demand.on_demand(at(40), SECOND, interval).is_ok());
        // a refresh neither spends nor frees it
        assert!(
            on_demand
                .refresh(at(12), SECOND)
                .unwrap()
                .succeeded()
                .on_demand_allowed(at(13), interval)
                .is_err()
        );
    }

    #[test]
    fn a_lease_for_the_longest_timeout_of_a_policy_is_read_by_the_other_workers() {
        let now = at(1);
        let taken = Lease::default().refresh(now, Duration::from_mins(10) + 2 * SECOND).unwrap();
        assert_eq!(Lease::decode(&taken.encode(), now), Some(taken));
    }

    #[test]
    fn a_lease_of_another_clock_or_form_is_none() {
        let lease = Lease {
            in_flight_until: at(10),
            not_before: at(20),
            last_on_demand: at(5),
            failures: 3,
        };
        let bytes = lease.encode();
        assert_eq!(Lease::decode(&bytes, at(9)), Some(lease));
        let far = Lease { in_flight_until: at(100_000), ..lease }.encode();
        assert_eq!(Lease::decode(&far, at(9)), None);
        assert_eq!(Lease::decode(&bytes[1..], at(9)), None);
        assert_eq!(Lease::decode(&[&bytes[..], &[0]].concat(), at(9)), None);
    }
}
