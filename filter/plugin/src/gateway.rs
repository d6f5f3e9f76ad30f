//! One policy on one worker: executes what the engine decides, and what its effects ask for.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use portcullis_engine::authorizer::{DecisionTrace, Permit};
use portcullis_engine::clock::Clocks;
use portcullis_engine::header_strip::SHADOW_HEADER;
use portcullis_engine::policy::{KeySource, Policy, ProviderId};
use portcullis_engine::reason::Reason;
use portcullis_engine::reply::{Problems, REQUEST_ID, Reply, grpc_status, request_id};
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use portcullis_engine::worker::{
    Decided, Effects, Event, Fetch, FetchError, FetchId, FetchResponse, KeyTooLarge, Outcome,
    ReceivedRequest, StreamId, Worker, WorkerRegistry, WorkerStats,
};
use portcullis_principal::SigningKey;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, GrpcStatusCode, MapType};

use crate::host::{self, Host, HostConnection};
use crate::metrics::{DecisionKey, Metrics};
use crate::{access_log, host_crypto};

/// The service's name in replies and logs where no service has the request's host.
const NO_SERVICE: &str = "portcullis";

/// What the host does with a stream after a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StreamOutcome {
    /// The request goes on.
    Continue,
    /// The reply has been sent.
    Responded,
    /// The request is in the queue.
    Paused,
}

/// What the requests of one root context share.
pub(crate) struct Gateway {
    context: u32,
    pub(crate) policy: Rc<Policy>,
    problems: Problems,
    pub(crate) worker: RefCell<Worker>,
    /// The host's numbers of the fetches in flight.
    fetches: RefCell<Vec<(u32, FetchId)>>,
    metrics: Metrics,
    registry: RefCell<WorkerRegistry>,
}

impl Gateway {
    pub(crate) fn new(context: u32, policy: Policy, signing_key: Option<SigningKey>) -> Self {
        let policy = Rc::new(policy);
        let gateway = Self {
            context,
            problems: Problems::new(policy.problem_base()),
            worker: RefCell::new(Worker::new(
                Rc::clone(&policy),
                signing_key,
                &host_crypto::PROVIDER,
            )),
            fetches: RefCell::default(),
            metrics: Metrics::default(),
            registry: RefCell::new(WorkerRegistry::new(policy.hash(), &mut Host)),
            policy,
        };
        gateway.metrics.report_policy(&gateway.policy, host::now());
        gateway
    }

    /// Executes a decision under the stream's context.
    pub(crate) fn apply_decision(
        &self,
        (request, received): (&Request<'_>, &ReceivedRequest),
        decided: Decided,
        now: Clocks,
    ) -> StreamOutcome {
        let Decided { outcome, trace, tick_soon } = decided;
        if tick_soon {
            host::request_tick();
        }
        let (reason, retry_after) = match outcome {
            Outcome::Wait => return StreamOutcome::Paused,
            Outcome::Allow(permit) => match self.change_headers(request, &permit, now) {
                Ok(()) => {
                    self.record_decision(&trace, permit.shadow(), true);
                    if let Some(reason) = permit.shadow() {
                        let id = request_id(request.headers).unwrap_or("-");
                        self.log_refusal(&trace, reason, id, true);
                    }
                    received.allow();
                    return StreamOutcome::Continue;
                }
                Err(reason) => (reason, None),
            },
            Outcome::Refuse(reason, retry_after) => (reason, retry_after),
        };
        // before the reply, after which the stream may be gone
        self.record_decision(&trace, Some(reason), false);
        let id = request_id(request.headers).map_or_else(new_request_id, Cow::Borrowed);
        self.log_refusal(&trace, reason, &id, false);
        let service = trace.service_name(&self.policy).unwrap_or(NO_SERVICE);
        let reply = self.problems.reply(reason, service, &id, retry_after);
        respond(&reply, reason, &id, request.is_grpc());
        StreamOutcome::Responded
    }

    /// Removes the headers that the service does not get, and adds the identity headers.
    fn change_headers(
        &self,
        request: &Request<'_>,
        permit: &Permit,
        now: Clocks,
    ) -> Result<(), Reason> {
        const MAP: MapType = MapType::HttpRequestHeaders;
        let policy = &*self.policy;
        let mut worker = self.worker.borrow_mut();
        let identity =
            worker.identity_headers(permit, policy, request.method, now).map_err(|error| {
                log::error!("the hand-off failed: {error}");
                Reason::HandoffFailed
            })?;
        let failed = |_| Reason::HandoffFailed;
        for (name, _) in request.headers.0 {
            if permit.removes(policy, name) {
                hostcalls::remove_map_value(MAP, name).map_err(failed)?;
            }
        }
        if let Some(cookies) = permit.cookies_left(policy, request.headers) {
            hostcalls::remove_map_value(MAP, "cookie").map_err(failed)?;
            for value in cookies {
                hostcalls::add_map_value_bytes(MAP, "cookie", &value).map_err(failed)?;
            }
        }
        // added, since headers of these names have been removed: to replace, Envoy would first
        // index all headers
        let shadow = permit.shadow().map(|reason| (SHADOW_HEADER, reason.id()));
        let mut added = identity.iter().chain(shadow);
        added
            .try_for_each(|(name, value)| hostcalls::add_map_value(MAP, name, value))
            .map_err(failed)
    }

    /// Counts a decision and leaves it for the access log: once for each request.
    fn record_decision(&self, trace: &DecisionTrace, reason: Option<Reason>, passed: bool) {
        let policy = &*self.policy;
        if policy.access_log() {
            access_log::write(policy, trace, reason, passed);
        }
        let (row, service) = (trace.row.map(|id| id.0), trace.service.map(|id| id.0));
        self.metrics.count_decision(DecisionKey { row, service, reason, passed }, || {
            let row = trace.row_name(policy);
            (trace.service_name(policy).unwrap_or("none"), row.unwrap_or_else(|| "none".to_owned()))
        });
    }

    /// Logs a refusal, or what would be one without shadow mode. Both lines differ in their first
    /// words only, so that one search finds both.
    fn log_refusal(&self, trace: &DecisionTrace, reason: Reason, id: &str, passed: bool) {
        let policy = &*self.policy;
        log::debug!(
            "{}: reason={reason} level={} service={} row={:?} provider={:?} request_id={id}{}",
            if passed { "would be refused" } else { "refused" },
            reason.terms().level.id(),
            trace.service_name(policy).unwrap_or(NO_SERVICE),
            trace.row_name(policy),
            trace.provider_name(policy),
            if trace.path_known { " (the path is known, the method is not)" } else { "" },
        );
    }

    pub(crate) fn on_tick(&self) {
        let now = host::now();
        let effects = self.worker.borrow_mut().on_tick(&mut Host, now);
        self.apply(effects);
        let mut worker = self.worker.borrow_mut();
        self.metrics.report_worker(&self.policy, worker.authorizer_mut(), now);
        self.report_totals(Some(worker.stats()), now);
    }

    /// Publishes this worker's numbers (`None`: it ends), and sets the gauges to the totals.
    fn report_totals(&self, stats: Option<WorkerStats>, now: Clocks) {
        let totals = self.registry.borrow_mut().publish(stats, &mut Host, now.monotonic);
        self.metrics.report_totals(&totals);
    }

    /// Executes effects.
    fn apply(&self, effects: Effects) {
        for event in effects.events {
            self.record(event);
        }
        for fetch in effects.fetches {
            self.fetch(&fetch);
        }
        for stream in effects.ready {
            self.resume(stream);
        }
        if effects.tick_soon {
            host::request_tick();
        }
    }

    fn fetch(&self, fetch: &Fetch) {
        let headers = vec![
            (":method", "GET"),
            (":scheme", &*fetch.endpoint.scheme),
            (":authority", &*fetch.endpoint.authority),
            (":path", &*fetch.endpoint.path),
            ("accept", "application/json"),
        ];
        let cluster = &fetch.endpoint.cluster;
        match hostcalls::dispatch_http_call(cluster, headers, None, vec![], fetch.timeout) {
            Ok(token) => self.fetches.borrow_mut().push((token, fetch.id)),
            Err(_) => self.on_fetch_end(fetch.id, Err(FetchError::NoCluster(cluster.clone()))),
        }
    }

    /// The current call has a response. A call that failed may come as no headers, or as a status
    /// that Envoy made up.
    pub(crate) fn on_fetch_response(&self, token: u32, headers: usize, body_bytes: usize) {
        let mut fetches = self.fetches.borrow_mut();
        let Some(at) = fetches.iter().position(|(known, _)| *known == token) else { return };
        let (_, id) = fetches.swap_remove(at);
        drop(fetches);
        let headers = (headers > 0)
            .then(|| hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).ok())
            .flatten();
        let body = || {
            let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body_bytes);
            body.ok().flatten().unwrap_or_default()
        };
        let response = headers.as_deref().map(|headers| FetchResponse {
            headers: Headers(headers),
            body_bytes,
            body: &body,
        });
        self.on_fetch_end(id, response.ok_or(FetchError::Unreachable));
    }

    fn on_fetch_end(&self, id: FetchId, response: Result<FetchResponse<'_>, FetchError>) {
        let effects = self.worker.borrow_mut().on_fetch_end(id, response, &mut Host, host::now());
        self.apply(effects);
    }

    /// Decides a request again whose wait is over.
    fn resume(&self, stream: StreamId) {
        if hostcalls::set_effective_context(stream.0).is_ok() {
            let now = host::now();
            let resumed =
                self.worker.borrow_mut().on_resume(stream, &HostConnection, &mut Host, now);
            if let Some((received, decided)) = resumed {
                let request = Request::new(received.headers());
                let outcome = self.apply_decision((&request, &received), decided, now);
                if outcome == StreamOutcome::Continue {
                    // the stream goes on where it was paused
                    let _ = hostcalls::resume_http_request();
                }
            }
        } else {
            self.worker.borrow_mut().on_stream_end(stream);
        }
        // the root's own context always exists
        let _ = hostcalls::set_effective_context(self.context);
    }

    /// Counts and logs an event.
    fn record(&self, event: Event) {
        let name = |id: ProviderId| self.policy.provider(id).map_or("", |provider| &*provider.name);
        match event {
            Event::LeaseTaken => {
                #[cfg(feature = "fault-injection")]
                crate::fault_injection::after_the_lease();
            }
            Event::KeysInstalled(_) => {}
            Event::KeyTooLarge(KeyTooLarge { provider: id, kid, bits }) => log::warn!(
                "the key {:?} of provider {} has {bits} bits and verifies no PS256, PS384 or PS512: \
                 `max_pss_key_bits` is {}",
                kid.unwrap_or_default(),
                name(id),
                self.policy.provider(id).map_or(0, |provider| provider.max_pss_key_bits)
            ),
            Event::FetchSucceeded(id) => {
                self.count_fetch(name(id), "ok");
                log::debug!("the keys of provider {} have been fetched", name(id));
            }
            Event::FetchFailed(id, error) => {
                self.count_fetch(name(id), error.id());
                let source = self.policy.provider(id).map(|provider| &provider.keys);
                let what = match source {
                    Some(KeySource::Discovery(_)) => "discovery or keys",
                    _ => "keys",
                };
                log::warn!("the {what} of provider {} could not be fetched: {error}", name(id));
            }
            Event::SharedDataIgnored(id) => {
                let name = name(id);
                self.metrics.count(&format!("portcullis.shared_data_ignored;provider={name}"), 1);
                log::warn!("shared data of provider {name} is not ours and is ignored");
            }
        }
    }

    fn count_fetch(&self, name: &str, outcome: &str) {
        self.metrics
            .count(&format!("portcullis.jwks_fetches;provider={name};outcome={outcome}"), 1);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let now = host::now();
        // the counts since the last tick are not lost, and the gauges lose this worker's numbers
        self.metrics.count_cache(self.worker.borrow_mut().authorizer_mut());
        self.report_totals(None, now);
    }
}

/// Names a request without a usable id, for the reply and for Envoy's access log.
fn new_request_id<'a>() -> Cow<'a, str> {
    let id = format!("{:016x}{:016x}", host::random(), host::random());
    // if this fails, the log has the client's id
    let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, REQUEST_ID, Some(&id));
    Cow::Owned(id)
}

/// Sends a reply; a stream that has ended needs none.
fn respond(reply: &Reply, reason: Reason, id: &str, is_grpc: bool) {
    let headers = reply.headers(id, is_grpc);
    if is_grpc {
        let status = match grpc_status(reason) {
            16 => GrpcStatusCode::Unauthenticated,
            14 => GrpcStatusCode::Unavailable,
            _ => GrpcStatusCode::PermissionDenied,
        };
        let metadata = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let _ = hostcalls::send_grpc_response(status, Some(reason.id()), metadata);
    } else {
        let _ = hostcalls::send_http_response(
            reply.status.into(),
            headers,
            Some(reply.body.as_bytes()),
        );
    }
}

/// Responds where no policy was ever loaded.
pub(crate) fn respond_without_policy() {
    let id = new_request_id();
    let reply = Problems::new(None).reply(Reason::HandoffFailed, NO_SERVICE, &id, None);
    respond(&reply, Reason::HandoffFailed, &id, false);
}
