//! The backend's tests: the domain and the use cases by themselves, the HTTP conventions through the router with assertions
//! as the gateway mints them, and the storage contract on every database.
#![allow(unreachable_pub, dead_code)] // one program: nothing of it is reached from outside

mod support;

mod chain;
mod layers;
mod program;
