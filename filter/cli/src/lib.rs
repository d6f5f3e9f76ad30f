//! `portcullis`, the command line: the same engine as the gateway's, asked natively.
//!
//! | module | what it does |
//! |---|---|
//! | [`verb`] | one file a verb: its arguments, and what it says |
//! | [`policy`], [`source`] | files that people write: read, merged, compiled; and the way back from a place to a line |
//! | [`report`] | a finding, for people, for programs, for GitHub |
//! | [`lint`] | what `check` looks for, one concept a file |
//! | [`caller`] | callers to decide about: real tokens, signed by a key of this run |
//! | [`access`] | who may call what, as a table, and the difference of two |
//! | [`cases`] | a table of cases, decided |
//! | [`manifest`] | the configurations that load a policy |

pub mod access;
pub mod caller;
pub mod cases;
pub mod clock;
pub mod exit;
pub mod lint;
pub mod manifest;
pub mod policy;
pub mod report;
pub mod source;
pub mod verb;
