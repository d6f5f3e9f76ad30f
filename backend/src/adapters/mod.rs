//! Adapters: HTTP, the database, and the clock.

pub mod http;
pub mod storage;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::application::ports::Clock;
use crate::domain::values::Timestamp;

/// Wall clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
