//! The command line, as a person and a program use it.

mod brute_force;
mod support;
