//! `fuzz::authorization` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::init(), |input: &[u8]| fuzz::authorization(input));
