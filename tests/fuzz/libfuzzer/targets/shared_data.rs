//! `fuzz::shared_data` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::shared_data(input));
