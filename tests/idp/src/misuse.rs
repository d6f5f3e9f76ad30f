//! What cannot be done as asked: a mistake in the test or demo that asked, never an answer to a
//! client.
use jsonwebtoken::Algorithm;
use thiserror::Error;

/// A request to the provider's controls that makes no sense.
#[derive(Clone, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum Misuse {
    /// No such account.
    #[error("no user or service `{0}`: see `users.json`")]
    UnknownUser(String),
    /// No such key, not even a withdrawn one.
    #[error("no key `{0}`: `keys` lists them")]
    UnknownKey(String),
    /// The provider has no symmetric keys.
    #[error("no key signs {0:?}: the provider has RSA, P-256, P-384 and Ed25519 keys")]
    NoKeyFor(Algorithm),
    /// A key was named that cannot sign with the algorithm that was named.
    #[error(
        "key `{kid}` does not sign {alg:?}: name a key of the right kind, or leave one of the two out"
    )]
    WrongKind {
        /// The key's id.
        kid: String,
        /// The algorithm asked for.
        alg: Algorithm,
    },
    /// A fault that changes the key set was asked for at an endpoint that has none.
    #[error("this fault changes the key set: ask for it at the endpoint `jwks`")]
    NoKeySet,
    /// No status of HTTP.
    #[error("`{0}` is no status: it goes from 100 to 999")]
    NotAStatus(u16),
    /// No value for a header of HTTP.
    #[error("`{0}` cannot be sent as a header")]
    NotAHeader(String),
}
