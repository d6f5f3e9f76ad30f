//! The order and product service behind the Portcullis gateway: level 3.
//!
//! The gateway has decided who the caller is and whether their roles open this endpoint. What is left is the question that
//! only this service can answer: may they touch this very order? It is asked in [`domain::ownership`], and nowhere else.
//!
//! | layer | what is in it | what it knows |
//! |---|---|---|
//! | [`domain`] | orders, products, delegations, organisations, ownership | nothing but itself and who somebody is |
//! | [`application`] | one use case a file; the ports | the domain |
//! | [`adapters`] | HTTP, SQLite and PostgreSQL, the clock | the application |
//! | [`config`], [`server`], [`health`], `main.rs` | settings, sockets, wiring | all |

pub mod adapters;
pub mod application;
pub mod config;
pub mod domain;
pub mod health;
pub mod server;

pub use adapters::http::route::{Access, Route};
pub use adapters::http::routes::ROUTES;
pub use adapters::http::{App, app};
