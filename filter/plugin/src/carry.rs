//! Carries a decision out: the headers that the service gets, or the reply that the client gets.

use std::borrow::Cow;
use std::rc::Rc;

use portcullis_engine::authorizer::{DecisionTrace, Permit};
use portcullis_engine::clock::Clocks;
use portcullis_engine::header_strip::SHADOW_HEADER;
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use portcullis_engine::reply::{PROBLEM_JSON, Problems, REQUEST_ID, grpc_status, request_id};
use portcullis_engine::request::{Connection, Request};
use portcullis_engine::worker::{Decided, Outcome, ReceivedRequest, StreamId};
use proxy_wasm::hostcalls;
use proxy_wasm::types::{GrpcStatusCode, MapType};

use crate::host;
use crate::metrics::DecisionKey;
use crate::remember::remember;
use crate::root::Gateway;

/// What becomes of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// It goes on.
    Goes,
    /// It has been answered.
    Ended,
    /// It is in the queue.
    Waits,
}

/// Decides a request under the stream's context, and carries the decision out.
pub(crate) fn decide(gateway: &Gateway, stream: StreamId, received: &Rc<ReceivedRequest>) -> Then {
    let now = host::about_now();
    let request = Request::new(received.headers());
    let mut worker = gateway.worker.borrow_mut();
    let decided = worker.on_request(stream, (&request, received), &Host, &mut host::Host, now);
    drop(worker);
    carry_out(gateway, (&request, received), decided, now)
}

/// Carries a decision out under the stream's context.
pub(crate) fn out(gateway: &Gateway, received: &ReceivedRequest, decided: Decided, now: Clocks) -> Then {
    carry_out(gateway, (&Request::new(received.headers()), received), decided, now)
}

fn carry_out(
    gateway: &Gateway,
    (request, received): (&Request<'_>, &ReceivedRequest),
    decided: Decided,
    now: Clocks,
) -> Then {
    let Decided { outcome, trace, tick_soon } = decided;
    if tick_soon {
        Gateway::hurry();
    }
    let (reason, retry_after) = match outcome {
        Outcome::Wait => {
            gateway.report_waiting();
            return Then::Waits;
        }
        Outcome::Allow(permit) => match allow(gateway, request, &permit, now) {
            Ok(()) => {
                tell(gateway, &trace, permit.shadow(), true);
                if let Some(reason) = permit.shadow() {
                    say(gateway, &trace, reason, request_id(request.headers).unwrap_or("-"), true);
                }
                received.allow();
                return Then::Goes;
            }
            Err(reason) => (reason, None),
        },
        Outcome::Refuse(reason, retry_after) => (reason, retry_after),
    };
    // before the reply, after which the stream may be gone
    tell(gateway, &trace, Some(reason), false);
    let id = request_id(request.headers).map_or_else(new_request_id, Cow::Borrowed);
    say(gateway, &trace, reason, &id, false);
    refuse(gateway, request, &trace, reason, &id, retry_after);
    Then::Ended
}

/// Removes what the service must not get, and writes who the client is.
fn allow(gateway: &Gateway, request: &Request<'_>, permit: &Permit, now: Clocks) -> Result<(), Reason> {
    const MAP: MapType = MapType::HttpRequestHeaders;
    let policy = &*gateway.policy;
    let mut worker = gateway.worker.borrow_mut();
    let identity = worker.identity_headers(permit, policy, request.method, now).map_err(|error| {
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
    // added, since whatever had these names has been stripped: to replace, Envoy would first index all headers
    identity
        .iter()
        .try_for_each(|(name, value)| hostcalls::add_map_value(MAP, name, value))
        .map_err(failed)?;
    if let Some(reason) = permit.shadow() {
        hostcalls::add_map_value(MAP, SHADOW_HEADER, reason.id()).map_err(failed)?;
    }
    Ok(())
}

/// Names a request that has no id, or none that can be repeated, for the reply and for Envoy's access log.
fn new_request_id<'a>() -> Cow<'a, str> {
    let id = format!("{:016x}{:016x}", host::random(), host::random());
    // without it the log has the client's own
    let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, REQUEST_ID, Some(&id));
    Cow::Owned(id)
}

/// Answers the client. Nothing of the token or of our errors is in the reply.
fn refuse(
    gateway: &Gateway,
    request: &Request<'_>,
    trace: &DecisionTrace,
    reason: Reason,
    id: &str,
    retry_after: Option<u32>,
) {
    let reply = gateway.problems.reply(reason, realm(&gateway.policy, trace), id, retry_after);
    let seconds = reply.retry_after.map(|seconds| seconds.to_string());
    let mut headers = Vec::with_capacity(5);
    headers.push((REQUEST_ID, id));
    if let Some(challenge) = &reply.challenge {
        headers.push(("www-authenticate", challenge.as_str()));
    }
    if let Some(seconds) = &seconds {
        headers.push(("retry-after", seconds));
    }
    if request.is_grpc() {
        let status = match grpc_status(reason) {
            16 => GrpcStatusCode::Unauthenticated,
            14 => GrpcStatusCode::Unavailable,
            _ => GrpcStatusCode::PermissionDenied,
        };
        let metadata = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        // a stream that has gone needs no answer
        let _ = hostcalls::send_grpc_response(status, Some(reason.id()), metadata);
    } else {
        headers.push(("content-type", PROBLEM_JSON));
        headers.push(("cache-control", "no-store"));
        let _ = hostcalls::send_http_response(reply.status.into(), headers, Some(reply.body.as_bytes()));
    }
}

/// The answer where there is not even a policy.
pub(crate) fn broken() {
    let problems = Problems::new(None);
    let id = new_request_id();
    let reply = problems.reply(Reason::HandoffFailed, "portcullis", &id, None);
    let headers = vec![(REQUEST_ID, &*id), ("content-type", PROBLEM_JSON)];
    let _ = hostcalls::send_http_response(reply.status.into(), headers, Some(reply.body.as_bytes()));
}

/// Counts a decision and leaves it for the access log. Each request comes here once.
fn tell(gateway: &Gateway, trace: &DecisionTrace, reason: Option<Reason>, passed: bool) {
    if gateway.policy.access_log() {
        remember(gateway, trace, reason, passed);
    }
    let key =
        DecisionKey { row: trace.row.map(|id| id.0), service: trace.service.map(|id| id.0), reason, passed };
    let policy = &*gateway.policy;
    gateway.metrics.decision(key, || {
        let service =
            trace.service.and_then(|id| policy.service(id)).map_or("none", |service| service.name());
        (service, row_name(policy, trace).unwrap_or_else(|| "none".to_owned()))
    });
}

/// The line in the log about a request that is refused, or would be if shadow mode did not let it pass: the same but for its
/// first words, so that what is looked for before a trial is found during it.
fn say(gateway: &Gateway, trace: &DecisionTrace, reason: Reason, id: &str, passed: bool) {
    let policy = &*gateway.policy;
    log::debug!(
        "{}: reason={reason} level={} service={} row={:?} provider={:?} request_id={id}{}",
        if passed { "would be refused" } else { "refused" },
        reason.terms().level.id(),
        realm(policy, trace),
        row_name(policy, trace),
        provider_name(policy, trace),
        if trace.path_known { " (the path is known, the method is not)" } else { "" },
    );
}

/// The service's name, or ours where no service was found.
fn realm<'p>(policy: &'p Policy, trace: &DecisionTrace) -> &'p str {
    trace.service.and_then(|id| policy.service(id)).map_or("portcullis", |service| service.name())
}

fn row_name(policy: &Policy, trace: &DecisionTrace) -> Option<String> {
    let (_, row) = policy.row(trace.row?)?;
    Some(format!("{} {}", row.method, row.template))
}

fn provider_name<'p>(policy: &'p Policy, trace: &DecisionTrace) -> Option<&'p str> {
    Some(&*policy.provider(trace.provider?)?.name)
}

/// What the engine asks of the connection.
pub(crate) struct Host;

impl Connection for Host {
    fn peer_certificate_sha256(&self) -> Option<[u8; 32]> {
        let hex = hostcalls::get_property(vec!["connection", "sha256_peer_certificate_digest"]).ok()??;
        let hex = std::str::from_utf8(&hex).ok().filter(|hex| hex.len() == 64)?;
        let mut digest = [0; 32];
        for (at, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        Some(digest)
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        hostcalls::get_property(vec!["xds", "cluster_name"]).ok()?
    }
}
