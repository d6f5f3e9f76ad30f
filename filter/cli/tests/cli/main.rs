//! The command line, as a person and a program use it.

mod brute_force;
mod check;
mod diff;
mod envoy;
mod exit;
mod explain;
mod keygen;
mod lints;
mod mistakes;
mod ready;
mod render;
mod shipped;
mod support;
mod table;
