//! The running environment of Portcullis: gets the real parts, pinned, and runs them as stacks of
//! processes.
//!
//! - [`tools`] brings Envoy, a Java runtime, Keycloak, Node, the routers and the WebAssembly test
//!   runner into `target/tools`, and finds PostgreSQL;
//! - [`process`] runs children that never outlive this process, with their logs and a readiness
//!   that is really theirs;
//! - [`envoy`], [`keycloak`] and [`postgres`] run one such part each, [`routers`] services in other
//!   languages;
//! - [`stack`] puts them together: provider, backend and gateway on free ports, several stacks side
//!   by side.
//!
//! Everything listens on 127.0.0.1. Every error names the part and the mend.
pub mod artifacts;
pub mod compose;
pub mod envoy;
pub mod error;
pub mod folder;
pub mod http;
pub mod keycloak;
pub mod keys;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod routers;
pub mod stack;
pub mod tokens;
pub mod tools;

pub use error::Error;

/// What the harness's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
