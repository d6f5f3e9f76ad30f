//! The Proxy-Wasm adapter.
