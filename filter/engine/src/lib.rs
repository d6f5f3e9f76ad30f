//! The decision engine of Portcullis: a policy and a request in, a decision out.
//!
//! No host, no clock, no I/O: every public function is a function of its arguments. The adapter (`portcullis-plugin`)
//! reads the clock and the headers, and carries out what was decided; the command line (`portcullis-cli`) asks the same
//! functions natively.
//!
//! | module | question |
//! |---|---|
//! | [`policy`] | what does the operator want? the document as written, compiled into what is fast to ask |
//! | [`authn`] | level 1: who is this client? |
//! | [`authz`] | level 2: may this client call this endpoint at all? |
//! | [`reason`] | why did a request end? |
pub mod authn;
pub mod authz;
pub mod policy;
pub mod reason;
pub mod time;
