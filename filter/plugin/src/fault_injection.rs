//! Faults for the tests of recovery, only with the feature `fault-injection`. No shipped module has
//! it.
//!
//! | fault | how |
//! |---|---|
//! | the VM dies in the middle of a request | header `x-portcullis-fault: request` |
//! | the VM dies as soon as it has taken the lease of a fetch | header `x-portcullis-fault: lease`, before |
//! | the host's `verify_signature` is missing, says always yes or no, talks nonsense, knows no elliptic curves, or fails after its self-test | environment variable `PORTCULLIS_FAULT_HOST`: `missing`, `yes`, `no`, `nonsense`, `rsa-only`, `late` |
#![allow(clippy::panic, reason = "that is what it is for")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use proxy_wasm::types::Bytes;

use crate::host;

const HEADER: &str = "x-portcullis-fault";
const HOST: &str = "PORTCULLIS_FAULT_HOST";
/// In DER, what says of a public key that it is one of an elliptic curve: `id-ecPublicKey` (RFC
/// 5480 2.1.1).
const EC_KEY: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// Calls that a self-test makes: a good and a bad signature for each of five algorithms.
const SELF_TEST: u32 = 10;

/// Whether this VM dies at its next lease.
static LEASE: AtomicBool = AtomicBool::new(false);
/// Calls to the host so far.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// Does what the request asks for.
pub(crate) fn trigger(headers: &[(String, Bytes)]) {
    match headers.iter().find(|(name, _)| name == HEADER).map(|(_, value)| value.as_slice()) {
        Some(b"request") => panic!("injected fault: request"),
        Some(b"lease") => LEASE.store(true, Ordering::Relaxed),
        _ => {}
    }
}

/// Called with the lease in hand.
pub(crate) fn after_the_lease() {
    assert!(!LEASE.load(Ordering::Relaxed), "injected fault: lease");
}

/// The host's function, or what stands in for it.
pub(crate) fn verify_signature(arguments: &[u8]) -> Option<Vec<u8>> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    match std::env::var(HOST).as_deref() {
        Ok("missing") => None,
        Ok("yes") => Some(vec![0x08, 0x01]),
        Ok("no") => Some(vec![]),
        Ok("nonsense") => Some(b"nonsense".to_vec()),
        Ok("rsa-only") if arguments.windows(EC_KEY.len()).any(|part| part == EC_KEY) => {
            Some(vec![])
        }
        Ok("late") if calls >= SELF_TEST => None,
        _ => host::verify_signature(arguments),
    }
}
