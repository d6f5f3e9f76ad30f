//! JOSE formats: tokens, keys and signatures, read strictly (RFC 7515, RFC 7517, RFC 7518). Knows
//! no policy.
//!
//! | module | purpose |
//! |---|---|
//! | [`token`] | the three parts of a token, and its header |
//! | [`json`] | the one strict JSON reader |
//! | [`jwks`] | the keys of a JWKS document |
//! | [`signature`] | algorithms, and the proof that a signature was verified |
//! | [`host_crypto`] | signatures verified by the host, where its self-test passes |
//! | [`rust_crypto`] | signatures verified without the host, and keys and signatures in DER |

pub mod host_crypto;
pub mod json;
pub mod jwks;
pub mod rust_crypto;
pub mod signature;
pub(crate) mod token;
mod vectors;

#[cfg(test)]
mod known_answers;
#[cfg(test)]
mod wycheproof_tests;
