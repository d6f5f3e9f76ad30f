//! Requests that wait for keys, bounded in count and time. When the keys come, each is decided again and only then goes
//! on or is refused; whoever still waits at the end of the wait is refused. Nobody passes by waiting.

use std::rc::Rc;
use std::time::Duration;

use portcullis_engine::authn::keyring::Missing;
use portcullis_engine::policy::ProviderId;
use portcullis_engine::time::Steady;

use crate::http::Received;

/// One request that waits.
pub(crate) struct Waiter {
    /// The stream's context id.
    pub(crate) context: u32,
    /// What is decided again.
    pub(crate) request: Rc<Received>,
    /// Whose keys it waits for.
    pub(crate) provider: ProviderId,
    /// Which keys: any at all, or one that no fetch has looked for yet.
    pub(crate) missing: Missing,
    /// When the wait ends.
    pub(crate) until: Steady,
}

/// How many may wait, and how long.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// For a provider's first keys.
    pub(crate) requests: usize,
    /// For keys with an unknown id: a bound of their own, so that random ids cannot fill the queue of honest requests.
    pub(crate) unknown_kids: usize,
    /// How long one waits.
    pub(crate) time: Duration,
}

/// The queue of one root context.
pub(crate) struct Queue {
    waiters: Vec<Waiter>,
    bounds: Bounds,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { waiters: Vec::new(), bounds }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// When a wait that begins now ends.
    pub(crate) fn end_of_wait(&self, now: Steady) -> Steady {
        now.plus(self.bounds.time)
    }

    /// Lets a request wait, if there is room.
    pub(crate) fn admit(&mut self, waiter: Waiter) -> bool {
        let waiting = self.waiters.iter().filter(|it| it.missing == waiter.missing).count();
        let bound = match waiter.missing {
            Missing::AllKeys => self.bounds.requests,
            Missing::Kid => self.bounds.unknown_kids,
        };
        let room = waiting < bound;
        if room {
            self.waiters.push(waiter);
        }
        room
    }

    /// Lets one wait on that was taken out.
    pub(crate) fn put_back(&mut self, waiter: Waiter) {
        self.waiters.push(waiter);
    }

    /// Takes out those that wait for `provider`.
    pub(crate) fn take(&mut self, provider: ProviderId) -> Vec<Waiter> {
        self.waiters.extract_if(.., |waiter| waiter.provider == provider).collect()
    }

    /// Takes out those whose wait has ended.
    pub(crate) fn take_ended(&mut self, now: Steady) -> Vec<Waiter> {
        self.waiters.extract_if(.., |waiter| now >= waiter.until).collect()
    }

    /// Forgets a stream that has gone.
    pub(crate) fn forget(&mut self, context: u32) {
        self.waiters.retain(|waiter| waiter.context != context);
    }
}
