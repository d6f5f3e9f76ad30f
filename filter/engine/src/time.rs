//! Time as the engine sees it: an argument, never a question. There is no `now()` here, and clippy's
//! `disallowed-methods` keeps it so.

use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z on the wall clock (RFC 7519 2, `NumericDate`, cut to whole seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This time, later by `seconds`.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// This time, earlier by `seconds`; never before 1970.
    #[must_use]
    pub fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

/// A reading of the monotonic clock: nanoseconds since an unknown start, the same for all workers of one process.
/// Ages (refresh, lease, staleness) are differences of two of these, so a step of the wall clock cannot touch them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Steady(pub u64);

impl Steady {
    /// This reading, later by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Both clocks, read once for one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For what a token says: `exp`, `nbf`, `iat`.
    pub wall: UnixTime,
    /// For ages: of keys, leases and waits.
    pub steady: Steady,
}
