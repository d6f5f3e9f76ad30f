//! `fuzz::request` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::init(), |input: &[u8]| fuzz::request(input));
