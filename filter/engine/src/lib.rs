//! The decision engine of Portcullis: a policy and a request in, a decision out.
//!
//! Every public function is a function of its arguments: no host, no clock, no I/O. The adapter
//! (`portcullis-plugin`) reads clocks and headers and executes decisions; the command line
//! (`portcullis-cli`) calls the same functions natively.
//!
//! | module | purpose |
//! |---|---|
//! | [`policy`] | reads documents, and compiles them into the [`model`] |
//! | [`model`] | the compiled policy |
//! | [`authorizer`] | the one decision function: level 1, then level 2, then the mode |
//! | [`authn`] | level 1: who is this client? |
//! | [`authz`] | level 2: may this client call this endpoint at all? |
//! | [`jose`] | tokens, keys and signatures, read strictly |
//! | [`header_strip`], [`handoff`] | headers that are removed, and identity headers that are added |
//! | [`reason`], [`reply`] | the reasons of refusals, and what the client receives |
//! | [`worker`] | one worker as a state machine without I/O: requests, fetches, waits |
//! | [`jwks_refresh`] | the rules by which workers refresh keys together |
//! | [`explain`] | a decision, explained level by level |
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod authn;
pub mod authorizer;
pub mod authz;
pub mod clock;
pub mod explain;
pub mod handoff;
pub mod header_strip;
pub mod jose;
pub mod jwks_refresh;
pub mod model;
pub mod policy;
pub mod reason;
pub mod reply;
pub mod request;
mod sorted_map;
pub mod worker;
