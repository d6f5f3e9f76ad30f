//! `portcullis`, the command line: decides natively, with the gateway's own engine.
//!
//! | module | contents |
//! |---|---|
//! | [`commands`] | one file a command: its arguments, and what it prints |
//! | [`lint`] | the rules of `check` |
//! | [`diff`] | who may call what, as a table, and the difference of two policies |
//! | [`simulate`] | callers with real tokens, signed by a key of this run, and tables of cases |
//! | [`policy`] | policy files: read, merged and compiled |
//! | [`manifest`] | the configurations that load a policy |
//! | [`diagnostics`] | findings with their place in a file, exit status, and how both are printed |

pub mod clock;
pub mod commands;
pub mod diagnostics;
pub mod diff;
pub mod lint;
pub mod manifest;
pub mod policy;
pub mod simulate;
