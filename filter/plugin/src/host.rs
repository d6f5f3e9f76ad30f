//! The host's clocks, shared data, randomness and connections: the only file that asks for them.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, UNIX_EPOCH};

use portcullis_engine::clock::{Clocks, Monotonic, Reading};
use portcullis_engine::request::Connection;
use portcullis_engine::worker::{Environment, SharedEntry};
use prost::encoding::{WireType, encode_key, encode_varint};
use proxy_wasm::hostcalls;

/// A version that no entry has. Envoy ignores the compare while a key is absent, and reads 0 as
/// "overwrite": only with this version does exactly one of two workers create an entry.
const ABSENT: u32 = u32::MAX;

thread_local! {
    /// The last reading of both clocks.
    static LAST_READING: Cell<Reading> =
        const { Cell::new(Reading { wall: 0, monotonic: Monotonic(0) }) };
}

/// Reads both clocks. Without a wall clock, the time is one at which every token has expired.
pub(crate) fn now() -> Clocks {
    read(wall())
}

/// Both clocks for a request. It reads the wall clock only, as long as the monotonic clock can be
/// told from it.
pub(crate) fn about_now() -> Clocks {
    let wall = wall();
    match LAST_READING.get().monotonic_at(wall) {
        Some(monotonic) => Reading { wall, monotonic }.now(),
        None => read(wall),
    }
}

fn read(wall: u64) -> Clocks {
    let ticks = coarsetime::Instant::now().as_ticks();
    let monotonic = Monotonic(coarsetime::Duration::from_ticks(ticks).as_nanos());
    let reading = Reading { wall, monotonic };
    LAST_READING.set(reading);
    reading.now()
}

/// Nanoseconds since 1970; zero if the host has no wall clock.
fn wall() -> u64 {
    let wall = hostcalls::get_current_time().unwrap_or(UNIX_EPOCH);
    wall.duration_since(UNIX_EPOCH).map_or(0, |it| {
        it.as_secs().saturating_mul(1_000_000_000).saturating_add(it.subsec_nanos().into())
    })
}

/// A random number: for jitter and for telling workers apart, not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// The host as the engine's environment.
pub(crate) struct Host;

impl Environment for Host {
    fn shared(&self, name: &str) -> Option<SharedEntry> {
        match hostcalls::get_shared_data(name) {
            Ok((Some(value), version)) => {
                Some(SharedEntry { value, version: version.unwrap_or(ABSENT) })
            }
            _ => None,
        }
    }

    fn share(&mut self, name: &str, value: &[u8]) {
        // a write without a compare cannot fail
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

/// The connection of the stream whose context is in effect.
pub(crate) struct HostConnection;

impl Connection for HostConnection {
    fn peer_certificate_sha256(&self) -> Option<[u8; 32]> {
        let hex = hostcalls::get_property(vec!["connection", "sha256_peer_certificate_digest"])
            .ok()??;
        let hex = std::str::from_utf8(&hex).ok().filter(|hex| hex.len() == 64)?;
        let mut digest = [0; 32];
        for (at, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        Some(digest)
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        hostcalls::get_property(vec!["xds", "cluster_name"]).ok()?
    }
}

/// Calls Envoy's foreign function `verify_signature`; `None` if it gave no answer.
pub(crate) fn verify_signature(arguments: &[u8]) -> Option<Vec<u8>> {
    let answer = hostcalls::call_foreign_function("verify_signature", Some(arguments)).ok()?;
    // `None` is the empty message
    Some(answer.unwrap_or_default())
}

/// Writes a length-delimited field of a protocol buffer message, which Envoy's foreign functions
/// take.
pub(crate) fn protobuf_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    protobuf_head(out, number, value.len());
    out.extend_from_slice(value);
}

/// Writes the number and the length of such a field.
pub(crate) fn protobuf_head(out: &mut Vec<u8>, number: u32, length: usize) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

/// Asks for a tick after `period`, and another one after each `period` until it is changed.
pub(crate) fn tick_after(period: Duration) {
    // a host without ticks fetches no keys: requests get 503
    let _ = hostcalls::set_tick_period(period);
}

/// Asks for a tick as soon as this event is over. Calls that a stream makes would have their
/// responses sent to the stream.
pub(crate) fn request_tick() {
    tick_after(Duration::from_millis(1));
}
