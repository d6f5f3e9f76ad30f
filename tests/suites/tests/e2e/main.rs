//! The end-to-end suites, a module each: `cargo test -p e2e chain::` runs one. Those with `keycloak` in their name need one.
mod arrows;
mod bad_input;
mod chain;
mod confusion;
mod cors;
mod decisions;
mod edge;
mod grpc;
mod handoff;
mod issuers;
mod keys;
mod mistakes;
mod reload;
mod rotation;
mod routes;
mod shadow;
mod support;
