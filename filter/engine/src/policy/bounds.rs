//! What a policy bounds: what a request may bring, who waits for keys, what is remembered.

use std::time::Duration;

use super::document::{CacheDocument, LimitsDocument, WaitingDocument};

/// Bounds of what a request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a token, in bytes.
    pub token_bytes: usize,
}

/// Bounds of the queue of requests that wait for keys, for each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Requests that wait for a provider's first keys.
    pub requests: usize,
    /// Requests that wait because their key id is new: a bound of their own, so that random ids cannot fill the queue.
    pub unknown_kid_requests: usize,
    /// Bytes of the bodies that came with the requests of either kind.
    pub body_bytes: usize,
    /// How long a request waits at most.
    pub time: Duration,
}

/// Bounds of the caches of verified tokens and of assertions, for each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheBounds {
    /// Tokens.
    pub tokens: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Assertions in use: one for each caller, row and method that come again within half of its life.
    pub assertions: usize,
}

impl From<&LimitsDocument> for Limits {
    fn from(document: &LimitsDocument) -> Self {
        Self { token_bytes: document.token_bytes.map_or(16 * 1024, super::values::Count::as_usize) }
    }
}

impl From<&WaitingDocument> for Waiting {
    fn from(document: &WaitingDocument) -> Self {
        Self {
            requests: document.requests.map_or(1000, super::values::Count::as_usize),
            unknown_kid_requests: document.unknown_kid_requests.map_or(100, super::values::Count::as_usize),
            body_bytes: document.body_bytes.map_or(16 * 1024 * 1024, super::values::Count::as_usize),
            time: document.time.map_or(Duration::from_secs(5), Duration::from),
        }
    }
}

impl From<&CacheDocument> for CacheBounds {
    fn from(document: &CacheDocument) -> Self {
        Self {
            tokens: document.tokens.map_or(10_000, super::values::Count::as_usize),
            bytes: document.bytes.map_or(14 * 1024 * 1024, super::values::Count::as_usize),
            assertions: document.assertions.map_or(2048, super::values::Count::as_usize),
        }
    }
}
