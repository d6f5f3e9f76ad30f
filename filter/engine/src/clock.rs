//! Time is an argument of the engine. Nothing in it reads a clock: `disallowed-methods` of
//! `filter/engine/clippy.toml`.

use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z on the wall clock (RFC 7519 2, `NumericDate`, cut to whole
/// seconds).
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

/// A reading of the monotonic clock: nanoseconds since an unknown start, the same for all workers
/// of one process. Ages (refresh, lease, staleness) are differences of two of these, so a step of
/// the wall clock cannot touch them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub u64);

impl Monotonic {
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
pub struct Clocks {
    /// For what a token says: `exp`, `nbf`, `iat`.
    pub wall: UnixTime,
    /// For ages: of keys, leases and waits.
    pub monotonic: Monotonic,
}

/// Both clocks as they were read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, in nanoseconds since 1970.
    pub wall: u64,
    /// The monotonic clock.
    pub monotonic: Monotonic,
}

impl Reading {
    /// For how long the wall clock is trusted to go as the monotonic one does, in nanoseconds.
    const TRUSTED: u64 = 100_000_000;

    /// What the monotonic clock shows when the wall clock shows `wall`; `None` if that is not soon
    /// after this reading, and both must be read again. So a request asks for one clock, and a step
    /// of the wall clock moves an age by a tenth of a second at most.
    pub fn monotonic_at(self, wall: u64) -> Option<Monotonic> {
        let since = wall.checked_sub(self.wall).filter(|since| *since < Self::TRUSTED)?;
        Some(self.monotonic.plus(Duration::from_nanos(since)))
    }

    /// The reading in the engine's units. A wall clock that shows the first second of 1970 is none:
    /// every token has ended.
    pub fn now(self) -> Clocks {
        let seconds = self.wall / 1_000_000_000;
        Clocks {
            wall: UnixTime(if seconds == 0 { u64::MAX } else { seconds }),
            monotonic: self.monotonic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_stands_for_the_steady_one_for_a_tenth_of_a_second() {
        let read = Reading { wall: 1_700_000_000_900_000_000, monotonic: Monotonic(50) };
        for (later, expected) in
            [(0, Some(50)), (1, Some(51)), (99_999_999, Some(100_000_049)), (100_000_000, None)]
        {
            assert_eq!(read.monotonic_at(read.wall + later), expected.map(Monotonic), "{later}");
        }
        assert_eq!(read.monotonic_at(read.wall - 1), None, "set back");
    }

    #[test]
    fn without_a_wall_clock_every_token_has_ended() {
        let now = |wall| Reading { wall, monotonic: Monotonic(7) }.now();
        assert_eq!(now(0), Clocks { wall: UnixTime(u64::MAX), monotonic: Monotonic(7) });
        assert_eq!(
            now(1_700_000_000_900_000_000),
            Clocks { wall: UnixTime(1_700_000_000), monotonic: Monotonic(7) }
        );
    }
}
