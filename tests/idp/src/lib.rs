//! The development identity provider: for demos and tests, **never for production**. Its users,
//! their passwords and its client secrets are committed, it signs whatever its controls order, and
//! it fails on demand.
//!
//! It speaks what a filter needs of a real one: `OpenID` discovery, a JWKS, and a token endpoint
//! with the grants `password` and `client_credentials`, whose access tokens look like Keycloak's.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use dev_idp::{Config, DevIdp};
//!
//! let idp = DevIdp::start(Config::default()).await.unwrap();
//! let good = idp.token("alice").sign();
//! let bad = idp.token("alice").expires_in(-60).without("aud").sign();
//! # assert_ne!(good, bad);
//! # });
//! ```

mod claims;
mod control;
mod dev_idp;
mod directory;
mod door;
mod faults;
mod http;
mod keys;
mod mint;
mod misuse;
mod provider;
mod verbs;

pub use claims::{AUDIENCE, DEFAULT_LIFETIME};
pub use control::{Control, ControlError};
pub use dev_idp::{Config, DevIdp, Ready, StartError};
pub use directory::{Client, Service, User, clients, users};
pub use faults::{Answer, Caching, Counts, Endpoint, Fault, Fetches};
pub use jsonwebtoken::Algorithm;
pub use keys::{KeyInfo, KeyKind};
pub use mint::{Mint, Signature, TokenSpec};
pub use misuse::Misuse;

/// What the provider says of itself wherever it introduces itself.
pub const WARNING: &str = "for demos and tests, never for production";
