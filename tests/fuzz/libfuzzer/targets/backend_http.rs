//! `fuzz::backend_http` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::backend_http(input));
