//! State that the handlers and the middleware share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRef;
use portcullis_principal::{AssertionVerifier, PrincipalId};
use tokio::sync::Semaphore;

use super::metrics::Metrics;
use crate::application::Shop;

/// State of the service.
#[derive(Clone)]
pub struct App {
    /// Dependencies of the use cases.
    pub shop: Shop,
    /// Verifier of the gateway's assertions.
    pub verifier: AssertionVerifier,
    /// Metrics of the service.
    pub metrics: Metrics,
    /// Limits on requests.
    pub limits: Limits,
    /// Salt: with it, the log contains hashes of subjects instead of subjects.
    pub subject_salt: Option<Arc<str>>,
}

/// Limits on requests. `admission` applies them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum size of a body, in bytes.
    pub body: usize,
    /// Time limit for a whole body to arrive.
    pub body_time: Duration,
    /// Permits to read a body.
    pub bodies: Arc<Semaphore>,
    /// Time limit of a handler.
    pub time: Duration,
    /// Permits to run a handler.
    pub concurrency: Arc<Semaphore>,
    /// Maximum number of requests in progress per caller, counted from the start of their bodies.
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

/// Number of requests in progress by caller, limited so that one caller cannot occupy the service.
/// It has entries only for callers with a request in progress. Clones share their counts.
#[derive(Clone, Debug)]
pub struct RequestQuota {
    in_progress: Arc<Mutex<HashMap<Option<PrincipalId>, usize>>>,
    per_principal: usize,
    anonymous: usize,
}

impl RequestQuota {
    /// Creates a quota of `per_principal` requests for each principal, and of `anonymous` requests
    /// for all callers without a principal together.
    pub fn new(per_principal: usize, anonymous: usize) -> Self {
        Self { in_progress: Arc::default(), per_principal, anonymous }
    }

    /// Counts one more request of the caller. Returns `None` if the quota is used up.
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

/// One request in progress. Dropping it returns it to the quota.
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
