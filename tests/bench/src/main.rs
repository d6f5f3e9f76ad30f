//! x
fn main() { bench::spike().unwrap() }
