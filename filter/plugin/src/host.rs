//! The host's clocks, its shared data and its randomness: the only file that asks for them.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, UNIX_EPOCH};

use portcullis_engine::clock::{Clocks, Monotonic, Reading};
use portcullis_engine::worker::{Environment, SharedEntry};
use proxy_wasm::hostcalls;

/// A compare-and-swap value that no entry has. Envoy ignores the compare while a key is absent, and reads 0 as
/// "overwrite": only with this one does exactly one of two workers create an entry.
const ABSENT: u32 = u32::MAX;

thread_local! {
    /// When both clocks were read last.
    static READ: Cell<Reading> = const { Cell::new(Reading { wall: 0, monotonic: Monotonic(0) }) };
}

/// Both clocks. A host without a wall clock gives a time at which every token has ended.
pub(crate) fn now() -> Clocks {
    read(wall())
}

/// Both clocks for a request, which mostly asks for one of them: the steady one has gone on since it was read last as the wall
/// clock has.
pub(crate) fn about_now() -> Clocks {
    let wall = wall();
    match READ.get().monotonic_at(wall) {
        Some(monotonic) => Reading { wall, monotonic }.now(),
        None => read(wall),
    }
}

fn read(wall: u64) -> Clocks {
    let ticks = coarsetime::Instant::now().as_ticks();
    let reading = Reading { wall, monotonic: Monotonic(coarsetime::Duration::from_ticks(ticks).as_nanos()) };
    READ.set(reading);
    reading.now()
}

/// Nanoseconds since 1970; zero if the host has no such clock.
fn wall() -> u64 {
    let wall = hostcalls::get_current_time().unwrap_or(UNIX_EPOCH);
    wall.duration_since(UNIX_EPOCH)
        .map_or(0, |it| it.as_secs().saturating_mul(1_000_000_000).saturating_add(it.subsec_nanos().into()))
}

/// A random number: for jitter and for telling workers apart, not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// The host as the engine asks it.
pub(crate) struct Host;

impl Environment for Host {
    fn shared(&self, name: &str) -> Option<SharedEntry> {
        match hostcalls::get_shared_data(name) {
            Ok((Some(value), version)) => Some(SharedEntry { value, version: version.unwrap_or(ABSENT) }),
            _ => None,
        }
    }

    fn share(&mut self, name: &str, value: &[u8]) {
        // without a compare there is nothing that could mismatch
        let _ = hostcalls::set_shared_data(name, Some(value), None);
    }

    fn swap(&mut self, name: &str, value: &[u8], seen: Option<&SharedEntry>) -> bool {
        let compare = seen.map_or(ABSENT, |entry| entry.version);
        hostcalls::set_shared_data(name, Some(value), Some(compare)).is_ok()
    }

    fn random(&mut self) -> u64 {
        random()
    }
}

/// What Envoy's foreign function `verify_signature` says, or `None` if it gave no answer.
pub(crate) fn verify_signature(arguments: &[u8]) -> Option<Vec<u8>> {
    let answer = hostcalls::call_foreign_function("verify_signature", Some(arguments)).ok()?;
    // an empty message is one too
    Some(answer.unwrap_or_default())
}

/// Asks for a tick after so long. One tick follows; whoever wants another asks again.
pub(crate) fn tick_after(period: Duration) {
    // a host without ticks fetches no keys, and says so by 503
    let _ = hostcalls::set_tick_period(period);
}
