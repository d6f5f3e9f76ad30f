//! The words in which the end-to-end suites are written. A suite asks a running shop as somebody,
//! and says what comes back:
//!
//! ```no_run
//! use e2e::{NO_TOKEN, Shared, insufficient_scope};
//!
//! static SHOP: Shared = Shared::named("example");
//!
//! SHOP.visit(async |shop| {
//!     shop.get("/orders").sent_as("alice").answers(200).await;
//!     shop.get("/orders").is_stopped(NO_TOKEN).await;
//!     shop.get("/orders").sent_as("nora").is_stopped(insufficient_scope("role-missing")).await;
//! });
//! ```
//!
//! - [`Shop`] is a stack: a provider, a real Envoy with the filter, the service on SQLite;
//! - [`Ask`] is a request to it, [`Answer`] what came back;
//! - [`Ask::is_stopped`] is a refusal of level 1 or 2: the service was not reached;
//! - [`Ask::is_denied`] is a refusal of level 3: the service was reached, and nothing was written.
//!
//! Everything here panics where the shop is not as the test says it is, or a part of it does not
//! answer.
#![allow(clippy::missing_panics_doc, clippy::return_self_not_must_use, reason = "it asserts")]

mod answer;
mod ask;
mod echo;
mod goods;
mod raw_h2;
mod refusal;
mod shared;
mod shop;
mod tokens;

pub use answer::Answer;
pub use ask::Ask;
pub use echo::{an_echo, in_front_of_an_echo, serve};
pub use goods::{lines, product};
pub use raw_h2::{RawH2Reply, raw_h2};
pub use refusal::{
    KEY_NOT_YET_FETCHED, NO_TOKEN, Refusal, insufficient_scope, invalid_request, invalid_token,
    unavailable,
};
pub use shared::{Shared, run};
pub use shop::Shop;
pub use tokens::Tokens;
