//! What the services are told about the caller, compiled.

use std::time::Duration;

/// Longest life of an assertion.
pub const MAX_ASSERTION_TTL: Duration = Duration::from_mins(1);

/// What the services are told about the caller. Every header name is in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The header that carries the subject.
    pub subject_header: Box<str>,
    /// The header that carries the roles.
    pub roles_header: Box<str>,
    /// The header that carries the provider's issuer.
    pub issuer_header: Box<str>,
    /// The signed assertion. Its audience is the service's: [`Service::assertion_audience`](super::Service::assertion_audience).
    pub assertion: Assertion,
    /// Whether the caller's own token goes on to the service.
    pub forward_token: bool,
}

/// The signed assertion: a JWT from the gateway to one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The header that carries it.
    pub header: Box<str>,
    /// Its `iss`: the gateway's own name.
    pub issuer: Box<str>,
    /// Its life; at most [`MAX_ASSERTION_TTL`].
    pub ttl: Duration,
    /// The environment variable that holds the signing key.
    pub key_env: Box<str>,
    /// It is not written: the services trust the plain headers, because the operator said so.
    pub omitted: bool,
}
