//! Who the caller is, and the signed hand-off that carries it from the gateway to a service.
//!
//! The gateway verified the client's token and read its roles. It tells the service with one
//! header: a short-lived JWT of a type of its own, signed with the gateway's Ed25519 key, for this
//! service, this method and this row of the role table. A [`Principal`] comes out of a verified
//! assertion and from nowhere else: no constructor, no feature, no switch.
//!
//! | side | what it uses |
//! |---|---|
//! | gateway | [`SigningKey`], [`Assertion::mint`] |
//! | service | [`AssertionVerifier`], and with feature `axum` [`Principal`] as an extractor |
//!
//! # A service of your own
//!
//! Nothing here asks for a role: that is the role table's business, before the request arrives.
//! What is left to the service is ownership.
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use axum::{Router, extract::Path, http::StatusCode, routing::get};
//! use portcullis_principal::{AssertionVerifier, Principal};
//!
//! async fn read(principal: Principal, Path(owner): Path<String>) -> Result<&'static str,
//! StatusCode> {
//!     if principal.subject() == owner { Ok("yours") } else { Err(StatusCode::FORBIDDEN) }
//! }
//!
//! fn app(keys: &str) -> Result<Router, portcullis_principal::SetupError> {
//!     let verifier = AssertionVerifier::from_jwks(keys, "portcullis", "notes")?;
//!     Ok(Router::new().route("/notes/{owner}", get(read)).with_state(verifier))
//! }
//! ```
//!
//! A handler that everybody may call takes `Option<Principal>`: no assertion is `None`, a bad one is still a 401.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod assertion;
#[cfg(feature = "axum")]
mod extract;
mod jwks;
mod mint;
mod principal;
mod row;
mod verify;

pub use assertion::MAX_LIFETIME_SECONDS;
#[cfg(feature = "axum")]
pub use extract::{REQUEST_ID_HEADER, Unauthenticated, request_id};
pub use mint::{Assertion, KeyError, MintError, SigningKey};
pub use principal::{Principal, PrincipalId};
pub use verify::{
    AssertionError, AssertionVerifier, DEFAULT_HEADER, Endpoint, LEEWAY_SECONDS, SetupError,
};
