//! The Proxy-Wasm adapter: reads the clock and the headers, asks the engine, and carries out what it decides. It decides
//! nothing by itself, except that what goes wrong here is never a pass.
//!
//! | file | what it does |
//! |---|---|
//! | `root` | configuration, tick and fetches: one policy and one worker for each root context |
//! | `http` | one request: headers in, decision out, and what becomes of the stream |
//! | `carry` | carries a decision out: headers to write, or the reply |
//! | `crypto` | the host's cryptography behind jsonwebtoken's seam |
//! | `host` | clocks, shared data, ticks: whatever else only the host has |
//! | `metrics`, `report`, `roster` | what an operator sees in numbers |
//! | `remember` | what the access log is told of each request |
#![allow(missing_docs, reason = "what `main!` exports has none")]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(all(target_family = "wasm", not(target_feature = "simd128")))]
compile_error!(
    "the plugin is built with the flags of .cargo/config.toml: run cargo inside the repository, without RUSTFLAGS"
);

mod carry;
mod crypto;
mod host;
mod http;
mod metrics;
mod remember;
mod report;
mod root;
mod roster;
#[cfg(feature = "trap")]
mod trap;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|context| Box::new(root::Root::new(context)));
}}
