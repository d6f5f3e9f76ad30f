//! The end-to-end suites, a module each: `cargo test -p e2e chain::` runs one. Those with `keycloak` in their name need one.
mod arrows;
mod bad_input;
mod chain;
mod confusion;
mod edge;
mod handoff;
mod issuers;
mod rotation;
mod support;
