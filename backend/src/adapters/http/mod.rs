//! HTTP: requests to use cases, their outcomes to responses.

mod admission;
mod app;
mod docs;
pub mod error;
mod extract;
mod metrics;
mod observe;
mod openapi;
pub mod operations;
pub mod problem;
mod resource;
pub mod route;
pub mod routes;
mod state;

pub use app::app;
pub use metrics::Metrics;
pub use state::{App, Limits, Shares};
