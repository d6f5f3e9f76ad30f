//! Order and product service behind the Portcullis gateway: level 3 (ownership).
//!
//! The gateway has authenticated the caller and has checked that a role of the caller opens this
//! endpoint. What remains is a question that only this service can answer: may this caller access
//! this resource? [`domain::ownership`] is the only place that answers it.
//!
//! | layer | contents | depends on |
//! |---|---|---|
//! | [`domain`] | orders, products, delegations, organisations, ownership | `portcullis-principal` |
//! | [`application`] | use cases, one file per noun; ports | the domain |
//! | [`adapters`] | HTTP, SQLite and PostgreSQL, the clock | the application |
//! | [`config`], [`server`], `main.rs` | settings, sockets, wiring | all layers |

pub mod adapters;
pub mod application;
pub mod config;
pub mod domain;
pub mod server;

pub use adapters::http::route::{Access, Route};
pub use adapters::http::routes::ROUTES;
pub use adapters::http::{App, app};
