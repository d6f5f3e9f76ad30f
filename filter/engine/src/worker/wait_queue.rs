//! Requests that wait for keys, bounded in count, in bytes and in time. When the wait of a request
//! is over, the whole decision is made again; only that decision admits or refuses the request.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::authn::key_store::PendingKeys;
use crate::clock::Monotonic;
use crate::model::{ProviderId, Waiting};
use crate::request::Headers;

/// Requests that are decided again after one event. Envoy deletes the streams of one VM call's
/// replies inside each other: about 310 of them exhaust the VM's call stack, and end the VM with
/// all of its requests.
pub const BATCH: usize = 32;

/// Maximum number of bytes of a body that Envoy reads while a request is paused: its default of
/// `per_connection_buffer_limit_bytes`.
const MAX_BUFFERED: usize = 1024 * 1024;

/// A stream, as the host numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// A request as it was received, before anything was changed. It is kept while the request waits.
#[derive(Debug)]
pub struct ReceivedRequest {
    headers: Vec<(String, Vec<u8>)>,
    /// Bytes of the body that the host keeps at most while the request waits.
    body: usize,
    is_allowed: Cell<bool>,
}

impl ReceivedRequest {
    /// A request with these headers. The host keeps as much of its body as the request declares, or
    /// as it keeps at all.
    pub fn new(headers: Vec<(String, Vec<u8>)>, has_body: bool) -> Self {
        let length = Headers(&headers).only("content-length");
        let length = length.and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
        let body = if has_body { length.unwrap_or(MAX_BUFFERED).min(MAX_BUFFERED) } else { 0 };
        Self { headers, body, is_allowed: Cell::new(false) }
    }

    /// The headers.
    pub fn headers(&self) -> Headers<'_> {
        Headers(&self.headers)
    }

    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.is_allowed.get()
    }

    /// The host has carried a permit out: the request may go on.
    pub fn allow(&self) {
        self.is_allowed.set(true);
    }
}

/// A request that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiter {
    pub(super) stream: StreamId,
    pub(super) request: Rc<ReceivedRequest>,
    /// Whose keys it waits for.
    pub(super) provider: ProviderId,
    /// Which keys: any at all, or one with an unknown id.
    pub(super) missing: PendingKeys,
    /// When it began to wait.
    pub(super) arrived: Monotonic,
    /// When the wait ends.
    pub(super) until: Monotonic,
}

/// The queue of one worker.
#[derive(Debug)]
pub(super) struct WaitQueue {
    bounds: Waiting,
    waiting: Vec<Waiter>,
    /// Those whose wait is over, in the order in which they are decided again.
    ready: VecDeque<Waiter>,
    /// Those that the host was asked to decide again.
    resuming: Vec<Waiter>,
}

impl WaitQueue {
    pub(super) fn new(bounds: Waiting) -> Self {
        Self { bounds, waiting: Vec::new(), ready: VecDeque::new(), resuming: Vec::new() }
    }

    /// How many requests are in the queue.
    pub(super) fn len(&self) -> usize {
        self.all().count()
    }

    /// Whether requests are ready that no batch has held yet.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When a wait that begins at `now` ends.
    pub(super) fn end_of_wait(&self, now: Monotonic) -> Monotonic {
        now.plus(self.bounds.time)
    }

    /// Lets a request wait. Says whether there was room for it and for its body.
    pub(super) fn admit(&mut self, waiter: Waiter) -> bool {
        let bound = match waiter.missing {
            PendingKeys::AllKeys => self.bounds.requests,
            PendingKeys::Kid => self.bounds.unknown_kid_requests,
        };
        let alike = || self.all().filter(|it| it.missing == waiter.missing);
        let bytes: usize = alike().map(|it| it.request.body).sum();
        let has_room =
            alike().count() < bound && bytes + waiter.request.body <= self.bounds.body_bytes;
        if has_room {
            self.waiting.push(waiter);
        }
        has_room
    }

    /// Requests that wait for `provider` are ready.
    pub(super) fn wake(&mut self, provider: ProviderId) {
        self.ready.extend(self.waiting.extract_if(.., |waiter| waiter.provider == provider));
    }

    /// Requests whose time is over are ready.
    pub(super) fn wake_ended(&mut self, now: Monotonic) {
        self.ready.extend(self.waiting.extract_if(.., |waiter| now >= waiter.until));
    }

    /// The next ready requests, for the host to decide again.
    pub(super) fn next_batch(&mut self) -> Vec<StreamId> {
        let batch = self.ready.drain(..self.ready.len().min(BATCH));
        self.resuming = batch.collect();
        self.resuming.iter().map(|waiter| waiter.stream).collect()
    }

    /// Takes a request out that the host decides again.
    pub(super) fn resume(&mut self, stream: StreamId) -> Option<Waiter> {
        let at = self.resuming.iter().position(|waiter| waiter.stream == stream)?;
        Some(self.resuming.swap_remove(at))
    }

    /// Forgets a stream that has ended.
    pub(super) fn forget(&mut self, stream: StreamId) {
        self.waiting.retain(|waiter| waiter.stream != stream);
        self.ready.retain(|waiter| waiter.stream != stream);
        self.resuming.retain(|waiter| waiter.stream != stream);
    }

    fn all(&self) -> impl Iterator<Item = &Waiter> {
        self.waiting.iter().chain(&self.ready).chain(&self.resuming)
    }
}
