//! The tokens that are sent: made beforehand and kept between runs, so that a run measures gateways
//! and not its own signing.
mod key;
mod mint;
mod store;

pub(crate) use self::key::{Algorithm, Key};
pub(crate) use self::mint::{AUDIENCE, Claims, ROLE};
pub(crate) use self::store::{Tokens, bearer, now};
