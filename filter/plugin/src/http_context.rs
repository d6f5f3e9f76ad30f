//! One request. Nothing of it goes on until it is allowed: headers, body and trailers are paused.

use std::rc::Rc;

use portcullis_engine::request::Request;
use portcullis_engine::worker::{ReceivedRequest, StreamId};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType};

use crate::gateway::{Gateway, StreamOutcome, respond_without_policy};
use crate::host::{self, Host, HostConnection};

/// A stream.
pub(crate) struct Http {
    id: StreamId,
    /// `None` if no policy was ever loaded: nothing passes.
    gateway: Option<Rc<Gateway>>,
    stage: Stage,
}

/// How far a request has come. Its headers are kept only while it may be decided again: memory that
/// is freed at once is still in the processor's caches when it is used again.
enum Stage {
    /// Not decided yet, or refused.
    Stopped,
    /// It waits for keys, or did: [`ReceivedRequest::is_allowed`] says how the wait ended.
    Waiting(Rc<ReceivedRequest>),
    /// It goes on.
    Allowed,
}

impl Http {
    pub(crate) fn new(context: u32, gateway: Option<Rc<Gateway>>) -> Self {
        Self { id: StreamId(context), gateway, stage: Stage::Stopped }
    }

    fn action(&self) -> Action {
        let is_allowed = match &self.stage {
            Stage::Stopped => false,
            Stage::Waiting(received) => received.is_allowed(),
            Stage::Allowed => true,
        };
        if is_allowed { Action::Continue } else { Action::Pause }
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, has_no_body: bool) -> Action {
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders);
        let (Some(gateway), Ok(headers)) = (&self.gateway, headers) else {
            respond_without_policy();
            return Action::Pause;
        };
        #[cfg(feature = "fault-injection")]
        crate::fault_injection::trigger(&headers);
        let received = Rc::new(ReceivedRequest::new(headers, !has_no_body));
        let now = host::about_now();
        let request = Request::new(received.headers());
        let mut worker = gateway.worker.borrow_mut();
        let decided =
            worker.on_request(self.id, (&request, &received), &HostConnection, &mut Host, now);
        drop(worker);
        self.stage = match gateway.apply_decision((&request, &received), decided, now) {
            StreamOutcome::Continue => Stage::Allowed,
            StreamOutcome::Responded => Stage::Stopped,
            StreamOutcome::Paused => Stage::Waiting(received),
        };
        self.action()
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        const MAP: MapType = MapType::HttpRequestTrailers;
        let (Some(gateway), Ok(trailers)) = (&self.gateway, hostcalls::get_map_bytes(MAP)) else {
            return Action::Pause;
        };
        for (name, _) in trailers.iter().filter(|(name, _)| gateway.policy.strips_trailer(name)) {
            let _ = hostcalls::remove_map_value(MAP, name);
        }
        self.action()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        if let (Some(gateway), Stage::Waiting(_)) = (&self.gateway, &self.stage) {
            gateway.worker.borrow_mut().on_stream_end(self.id);
        }
    }
}
