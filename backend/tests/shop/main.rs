//! Tests of the backend: the domain and the use cases alone, HTTP through the router with
//! assertions as the gateway mints them, and the storage contract on every database.
#![allow(unreachable_pub)] // one program: nothing of it is reached from outside

mod support;

mod admission;
mod bypass;
mod chain;
mod concurrency;
mod contract;
mod conventions;
mod crash;
mod docs;
mod layers;
mod outage;
mod ownership;
mod program;
mod refusals;
mod schema;
mod use_cases;
mod walk;
