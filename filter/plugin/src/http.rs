//! One request. Until it is allowed nothing of it goes on: headers, body and trailers wait.

use std::cell::Cell;
use std::rc::Rc;

use portcullis_engine::authn::bearer::Headers;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, Bytes, MapType};

use crate::carry::{self, Then};
use crate::root::Worker;

/// A request as it was received, before anything was changed.
pub(crate) struct Received {
    headers: Vec<(String, Bytes)>,
    /// Bytes of the body that Envoy keeps at most while the request waits.
    pub(crate) body: usize,
    /// Whether it may go on.
    pub(crate) allowed: Cell<bool>,
}

impl Received {
    pub(crate) fn headers(&self) -> Headers<'_> {
        Headers(&self.headers)
    }
}

/// Envoy reads no more of a body than this while a request is paused (`per_connection_buffer_limit_bytes` by default).
const MAX_BUFFERED: usize = 1024 * 1024;

/// How many bytes of its body Envoy may keep: the declared length, or as many as it keeps at all.
fn buffered_body(headers: Headers<'_>) -> usize {
    let length =
        headers.only("content-length").and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
    length.unwrap_or(MAX_BUFFERED).min(MAX_BUFFERED)
}

/// A stream.
pub(crate) struct Http {
    context: u32,
    /// `None`: no policy was ever taken, so nothing passes.
    worker: Option<Rc<Worker>>,
    stage: Stage,
}

/// How far a request has come. Its headers are kept only while they may be read again: let go of at once, they lie in the
/// processor's caches still, and so does what comes to lie there next.
enum Stage {
    /// Not decided, or refused: nothing goes on.
    Stopped,
    /// It waits for keys, or did: the decision is written where it waits.
    Waiting(Rc<Received>),
    /// It goes on.
    Allowed,
}

impl Http {
    pub(crate) fn new(context: u32, worker: Option<Rc<Worker>>) -> Self {
        Self { context, worker, stage: Stage::Stopped }
    }

    fn go_on_if_allowed(&self) -> Action {
        let allowed = match &self.stage {
            Stage::Stopped => false,
            Stage::Waiting(received) => received.allowed.get(),
            Stage::Allowed => true,
        };
        if allowed { Action::Continue } else { Action::Pause }
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, has_no_body: bool) -> Action {
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders);
        let (Some(worker), Ok(headers)) = (&self.worker, headers) else {
            carry::broken();
            return Action::Pause;
        };
        #[cfg(feature = "trap")]
        crate::trap::spring(&headers);
        let body = if has_no_body { 0 } else { buffered_body(Headers(&headers)) };
        let received = Rc::new(Received { headers, body, allowed: Cell::new(false) });
        self.stage = match carry::decide(worker, self.context, &received, None) {
            Then::Goes => Stage::Allowed,
            Then::Ended => Stage::Stopped,
            Then::Waits => Stage::Waiting(received),
        };
        self.go_on_if_allowed()
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.go_on_if_allowed()
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        let (Some(worker), Ok(trailers)) =
            (&self.worker, hostcalls::get_map_bytes(MapType::HttpRequestTrailers))
        else {
            return Action::Pause;
        };
        for (name, _) in &trailers {
            if worker.policy.strips_trailer(name) {
                let _ = hostcalls::remove_map_value(MapType::HttpRequestTrailers, name);
            }
        }
        self.go_on_if_allowed()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        // the stream has gone: a reply to it would go nowhere
        if let (Some(worker), Stage::Waiting(_)) = (&self.worker, &self.stage) {
            worker.queue.borrow_mut().forget(self.context);
        }
    }
}
