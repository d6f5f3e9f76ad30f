//! A provider's keys.
/// Usable keys of one JWKS document (RFC 7517 5).
#[derive(Clone, Debug, Default)]
pub struct KeySet;
