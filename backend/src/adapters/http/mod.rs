//! HTTP adapter: requests become calls of use cases, their results become responses.

mod admission;
mod app;
mod docs;
pub mod error;
mod extract;
mod metrics;
mod openapi;
pub mod problem;
mod resource;
pub mod route;
pub mod routes;
mod state;
mod telemetry;

pub use app::{app, operations_app};
pub use metrics::Metrics;
pub use state::{App, Limits, RequestQuota};
