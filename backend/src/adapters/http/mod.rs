//! HTTP: requests to use cases, their outcomes to responses.

mod app;
mod docs;
pub mod error;
mod extract;
mod guard;
mod metrics;
mod observe;
pub mod openapi;
pub mod operations;
pub mod problem;
mod resource;
pub mod route;
pub mod routes;

pub use app::{App, Limits, app};
pub use guard::Shares;
pub use metrics::Metrics;
