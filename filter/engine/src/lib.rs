//! The decision engine of Portcullis: a policy and a request in, a decision out.
//!
//! No host, no clock, no I/O: every public function is a function of its arguments. The adapter (`portcullis-plugin`)
//! reads the clock and the headers, and carries out what was decided; the command line (`portcullis-cli`) asks the same
//! functions natively.
//!
//! | module | question |
//! |---|---|
//! | [`policy`] | what does the operator want? the document as written, compiled into what is fast to ask |
//! | [`authorizer`] | what becomes of this request? the only decision function; it asks the two levels |
//! | [`authn`] | level 1: who is this client? |
//! | [`authz`] | level 2: may this client call this endpoint at all? |
//! | [`header_strip`], [`handoff`] | what is taken off a request, and what the service is told instead |
//! | [`reason`], [`reply`] | why did a request end, and what is the client told? |
//! | [`worker`] | what happens when: requests, fetches, waits, as a state machine without I/O |
//! | [`explain`] | what was seen on the way to a decision, told level by level |
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
