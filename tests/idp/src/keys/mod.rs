//! The provider's keys: made at start, replaced and withdrawn on demand, never stored.
mod ring;
mod signing;

pub use ring::KeyInfo;
pub(crate) use ring::KeyRing;
pub use signing::KeyKind;
pub(crate) use signing::SigningKey;
