//! The Proxy-Wasm adapter: translates host calls into events of the engine's
//! [`Worker`](portcullis_engine::worker::Worker), and executes the effects. It decides nothing by
//! itself, except that a failure here never lets a request pass.
//!
//! | file | purpose |
//! |---|---|
//! | `root_context` | configuration: one policy and one worker for each root context |
//! | `http_context` | one request, paused until it is allowed |
//! | `gateway` | executes decisions and effects: headers, replies, fetches, ticks |
//! | `host` | clocks, shared data, ticks, properties of the connection |
//! | `host_crypto` | signatures verified by the host, behind jsonwebtoken's interface |
//! | `metrics` | Envoy stats |
//! | `access_log` | the decision as filter state, for Envoy's access log |
//! | `fault_injection` | faults for tests, only with the feature `fault-injection` |
#![allow(missing_docs, reason = "the items that `main!` exports have none")]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(all(target_family = "wasm", not(target_feature = "simd128")))]
compile_error!(
    "the plugin needs the flags of .cargo/config.toml: run cargo inside the repository, without RUSTFLAGS"
);

mod access_log;
#[cfg(feature = "fault-injection")]
mod fault_injection;
mod gateway;
mod host;
mod host_crypto;
mod http_context;
mod metrics;
mod root_context;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|context| Box::new(root_context::Root::new(context)));
}}
