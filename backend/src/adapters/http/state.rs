//! What the handlers and the layers before them share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRef;
use portcullis_principal::{AssertionVerifier, PrincipalId};
use tokio::sync::Semaphore;

use super::metrics::Metrics;
use crate::application::Shop;

/// What the handlers work with.
#[derive(Clone)]
pub struct App {
    /// The use cases' world.
    pub shop: Shop,
    /// Who the callers are.
    pub verifier: AssertionVerifier,
    /// What is counted.
    pub metrics: Metrics,
    /// How much is taken on.
    pub limits: Limits,
    /// With it, logs hold hashes of subjects instead of the subjects.
    pub subject_salt: Option<Arc<str>>,
}

/// How much is taken on. See `admission` for the order.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a whole body may take to arrive.
    pub body_time: Duration,
    /// How many bodies may be read at once.
    pub bodies: Arc<Semaphore>,
    /// How long a handler may take.
    pub time: Duration,
    /// How many requests may be handled at once.
    pub concurrency: Arc<Semaphore>,
    /// How many requests of one caller may be in progress, from the start of their bodies.
    pub quota: RequestQuota,
}

impl FromRef<App> for AssertionVerifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<App> for Shop {
    fn from_ref(app: &App) -> Self {
        app.shop.clone()
    }
}

/// Requests in progress by caller, so that one caller cannot hold all of them. Holds an entry only for callers with a request
/// in progress. Clones share their counts.
#[derive(Clone, Debug)]
pub struct RequestQuota {
    in_progress: Arc<Mutex<HashMap<Option<PrincipalId>, usize>>>,
    per_principal: usize,
    anonymous: usize,
}

impl RequestQuota {
    /// At most `per_principal` requests for each principal, and `anonymous` for all callers without one together.
    pub fn new(per_principal: usize, anonymous: usize) -> Self {
        Self { in_progress: Arc::default(), per_principal, anonymous }
    }

    /// One more request of this caller, or `None` if the caller has its share.
    pub(super) fn take(&self, caller: Option<&PrincipalId>) -> Option<QuotaSlot> {
        let limit = if caller.is_some() { self.per_principal } else { self.anonymous };
        let mut in_progress = self.in_progress.lock().unwrap_or_else(PoisonError::into_inner);
        let count = in_progress.entry(caller.cloned()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(QuotaSlot { in_progress: Arc::clone(&self.in_progress), caller: caller.cloned() })
    }
}

/// One request in progress, until it is dropped.
pub(super) struct QuotaSlot {
    in_progress: Arc<Mutex<HashMap<Option<PrincipalId>, usize>>>,
    caller: Option<PrincipalId>,
}

impl Drop for QuotaSlot {
    fn drop(&mut self) {
        let mut in_progress = self.in_progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = in_progress.entry(self.caller.take()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}
