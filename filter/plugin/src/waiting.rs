//! Requests that wait for keys, bounded in count, in bytes and in time. A request whose wait is over is decided again from the
//! beginning, and only then goes on or is refused.

use std::collections::VecDeque;
use std::rc::Rc;

use portcullis_engine::authn::keyring::Missing;
use portcullis_engine::policy::{ProviderId, Waiting};
use portcullis_engine::time::Steady;

use crate::http::Received;

/// Requests that are resumed or refused in one VM call. Envoy deletes the streams of one call's replies inside each
/// other: about 310 of them exhaust the VM's call stack, and end the VM with all of its requests.
const BATCH: usize = 32;

/// A request that waits.
pub(crate) struct Waiter {
    /// The stream's context id.
    pub(crate) context: u32,
    /// What is decided again.
    pub(crate) request: Rc<Received>,
    /// Whose keys it waits for.
    pub(crate) provider: ProviderId,
    /// Which keys: any at all, or one with an unknown id.
    pub(crate) missing: Missing,
    /// When it began to wait.
    pub(crate) arrived: Steady,
    /// When the wait ends.
    pub(crate) until: Steady,
}

impl Waiter {
    /// Bytes of its body that Envoy keeps at most.
    fn body(&self) -> usize {
        self.request.body
    }
}

/// The queue of one root context.
pub(crate) struct Queue {
    bounds: Waiting,
    waiting: Vec<Waiter>,
    /// Those whose wait is over, in the order in which they are decided again.
    ready: VecDeque<Waiter>,
}

impl Queue {
    pub(crate) fn new(bounds: Waiting) -> Self {
        Self { bounds, waiting: Vec::new(), ready: VecDeque::new() }
    }

    /// How many requests are in the queue.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.ready.len()
    }

    /// Whether requests are ready to be decided again.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When a wait that begins at `now` ends.
    pub(crate) fn end_of_wait(&self, now: Steady) -> Steady {
        now.plus(self.bounds.time)
    }

    /// Lets a request wait. Says whether there was room for it and for its body.
    pub(crate) fn admit(&mut self, waiter: Waiter) -> bool {
        let bound = match waiter.missing {
            Missing::AllKeys => self.bounds.requests,
            Missing::Kid => self.bounds.unknown_kid_requests,
        };
        let has_room = self.alike(waiter.missing).count() < bound
            && self.alike(waiter.missing).map(Waiter::body).sum::<usize>() + waiter.body()
                <= self.bounds.body_bytes;
        if has_room {
            self.waiting.push(waiter);
        }
        has_room
    }

    /// Requests that wait for `provider` are ready.
    pub(crate) fn wake(&mut self, provider: ProviderId) {
        self.ready.extend(self.waiting.extract_if(.., |waiter| waiter.provider == provider));
    }

    /// Requests whose time is over are ready.
    pub(crate) fn wake_ended(&mut self, now: Steady) {
        self.ready.extend(self.waiting.extract_if(.., |waiter| now >= waiter.until));
    }

    /// Takes as many ready requests as one VM call may answer.
    pub(crate) fn take_batch(&mut self) -> Vec<Waiter> {
        self.ready.drain(..self.ready.len().min(BATCH)).collect()
    }

    /// Forgets a stream that has gone.
    pub(crate) fn forget(&mut self, context: u32) {
        self.waiting.retain(|waiter| waiter.context != context);
        self.ready.retain(|waiter| waiter.context != context);
    }

    /// Requests that share a bound.
    fn alike(&self, missing: Missing) -> impl Iterator<Item = &Waiter> {
        self.waiting.iter().chain(&self.ready).filter(move |it| it.missing == missing)
    }
}
