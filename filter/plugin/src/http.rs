//! One request. Until it is allowed nothing of it goes on: headers, body and trailers wait.

use std::rc::Rc;

use portcullis_engine::authn::credentials::Headers;
use portcullis_engine::worker::{ReceivedRequest, StreamId};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType};

use crate::carry::{self, Then};
use crate::root::Gateway;

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
    id: StreamId,
    /// `None`: no policy was ever taken, so nothing passes.
    gateway: Option<Rc<Gateway>>,
    stage: Stage,
}

/// How far a request has come. Its headers are kept only while they may be read again: let go of at once, they lie in the
/// processor's caches still, and so does what comes to lie there next.
enum Stage {
    /// Not decided, or refused: nothing goes on.
    Stopped,
    /// It waits for keys, or did: the decision is written where it waits.
    Waiting(Rc<ReceivedRequest>),
    /// It goes on.
    Allowed,
}

impl Http {
    pub(crate) fn new(context: u32, gateway: Option<Rc<Gateway>>) -> Self {
        Self { id: StreamId(context), gateway, stage: Stage::Stopped }
    }

    fn go_on_if_allowed(&self) -> Action {
        let allowed = match &self.stage {
            Stage::Stopped => false,
            Stage::Waiting(received) => received.is_allowed(),
            Stage::Allowed => true,
        };
        if allowed { Action::Continue } else { Action::Pause }
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, has_no_body: bool) -> Action {
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders);
        let (Some(gateway), Ok(headers)) = (&self.gateway, headers) else {
            carry::broken();
            return Action::Pause;
        };
        #[cfg(feature = "trap")]
        crate::trap::spring(&headers);
        let body = if has_no_body { 0 } else { buffered_body(Headers(&headers)) };
        let received = Rc::new(ReceivedRequest::new(headers, body));
        self.stage = match carry::decide(gateway, self.id, &received) {
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
        let (Some(gateway), Ok(trailers)) =
            (&self.gateway, hostcalls::get_map_bytes(MapType::HttpRequestTrailers))
        else {
            return Action::Pause;
        };
        for (name, _) in &trailers {
            if gateway.policy.strips_trailer(name) {
                let _ = hostcalls::remove_map_value(MapType::HttpRequestTrailers, name);
            }
        }
        self.go_on_if_allowed()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        // the stream has gone: a reply to it would go nowhere
        if let (Some(gateway), Stage::Waiting(_)) = (&self.gateway, &self.stage) {
            gateway.worker.borrow_mut().on_stream_end(self.id);
        }
    }
}
