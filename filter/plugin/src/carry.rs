//! Carries a decision out: the headers that the service gets, or the reply that the client gets.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use portcullis_engine::authn::keyring::Missing;
use portcullis_engine::decide::{Decision, Permit, Trace, conclude};
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use portcullis_engine::reply::{PROBLEM_JSON, Problems, REQUEST_ID, grpc_status, request_id};
use portcullis_engine::request::{Connection, Request};
use portcullis_engine::strip::SHADOW_HEADER;
use portcullis_engine::time::Now;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{GrpcStatusCode, MapType};

use crate::host;
use crate::http::Received;
use crate::metrics::DecisionKey;
use crate::remember::remember;
use crate::root::Worker;
use crate::waiting::Waiter;

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

/// Decides a request under the stream's context, and carries the decision out. `before`: it has waited already, and may
/// wait until the end of that wait.
pub(crate) fn decide(worker: &Worker, context: u32, received: &Rc<Received>, before: Option<Waiter>) -> Then {
    let now = host::about_now();
    let mut request = Request::new(received.headers());
    request.arrived = before.as_ref().map(|waiter| waiter.arrived);
    let mut verdict = worker.gate.borrow_mut().decide(&request, &Host, now);
    if let Decision::Wait(provider, _) = verdict.decision
        && worker.provision.borrow_mut().catch_up(worker, provider)
    {
        // what another worker has fetched may be all that is missing
        Worker::hurry();
        verdict = worker.gate.borrow_mut().decide(&request, &Host, now);
    }
    let trace = &mut verdict.trace;
    let Decision::Wait(provider, missing) = verdict.decision else {
        return out(worker, received, &request, verdict.decision, trace, None, now);
    };
    let waiter = match before {
        Some(waiter) => Waiter { provider, missing, ..waiter },
        None => Waiter {
            context,
            request: Rc::clone(received),
            provider,
            missing,
            arrived: now.steady,
            until: worker.queue.borrow().end_of_wait(now.steady),
        },
    };
    let Err((reason, retry_after)) = wait(worker, waiter, now) else { return Then::Waits };
    let decision = conclude(&worker.policy, trace, reason, now);
    out(worker, received, &request, decision, trace, retry_after, now)
}

/// Lets the request wait, if waiting can help and there is room.
///
/// # Errors
/// Why the request ends, and in how many seconds it may come again.
fn wait(worker: &Worker, waiter: Waiter, now: Now) -> Result<(), (Reason, Option<u32>)> {
    let full = match waiter.missing {
        Missing::AllKeys if now.steady >= waiter.until => return Err((Reason::KeysUnavailable, None)),
        Missing::AllKeys => Reason::QueueFull,
        Missing::Kid => {
            let fetch = worker.provision.borrow_mut().want_kid(waiter.provider, waiter.until, now.steady);
            let not_yet = |wait: Duration| u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
            fetch.map_err(|wait| (Reason::KeyNotYetFetched, Some(not_yet(wait))))?;
            if now.steady >= waiter.until {
                return Err((Reason::KeyNotYetFetched, None));
            }
            Worker::hurry();
            // any client can fill these places, so it is not a fault of the gateway
            Reason::KeyNotYetFetched
        }
    };
    let has_room = worker.queue.borrow_mut().admit(waiter);
    worker.report_waiting();
    if has_room { Ok(()) } else { Err((full, None)) }
}

/// Carries out a decision that is not to wait.
pub(crate) fn out(
    worker: &Worker,
    received: &Received,
    request: &Request<'_>,
    decision: Decision,
    trace: &Trace,
    retry_after: Option<u32>,
    now: Now,
) -> Then {
    let reason = match decision {
        Decision::Allow(permit) => match allow(worker, request, &permit, now) {
            Ok(()) => {
                tell(worker, trace, permit.shadow(), true);
                if let Some(reason) = permit.shadow() {
                    say(worker, trace, reason, request_id(request.headers).unwrap_or("-"), true);
                }
                received.allowed.set(true);
                return Then::Goes;
            }
            Err(reason) => reason,
        },
        Decision::Refuse(reason) => reason,
        // whoever may wait has been let before
        Decision::Wait(..) => Reason::KeysUnavailable,
    };
    // before the reply, after which the stream may be gone
    tell(worker, trace, Some(reason), false);
    let id = request_id(request.headers).map_or_else(new_request_id, Cow::Borrowed);
    say(worker, trace, reason, &id, false);
    refuse(worker, request, trace, reason, &id, retry_after);
    Then::Ended
}

/// Removes what the service must not get, and writes who the client is.
fn allow(worker: &Worker, request: &Request<'_>, permit: &Permit, now: Now) -> Result<(), Reason> {
    const MAP: MapType = MapType::HttpRequestHeaders;
    let policy = &*worker.policy;
    let mut gate = worker.gate.borrow_mut();
    let minting = (gate.assertions_mut(), worker.signing_key.as_ref());
    let identity = permit.headers(policy, minting, request.method, now).map_err(|error| {
        log::error!("the hand-off failed: {error}");
        Reason::HandoffFailed
    })?;
    drop(gate);
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
    worker: &Worker,
    request: &Request<'_>,
    trace: &Trace,
    reason: Reason,
    id: &str,
    retry_after: Option<u32>,
) {
    let reply = worker.problems.reply(reason, realm(&worker.policy, trace), id, retry_after);
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
fn tell(worker: &Worker, trace: &Trace, reason: Option<Reason>, passed: bool) {
    if worker.policy.access_log() {
        remember(worker, trace, reason, passed);
    }
    let key =
        DecisionKey { row: trace.row.map(|id| id.0), service: trace.service.map(|id| id.0), reason, passed };
    let policy = &*worker.policy;
    worker.metrics.decision(key, || {
        let service =
            trace.service.and_then(|id| policy.service(id)).map_or("none", |service| service.name());
        (service, row_name(policy, trace).unwrap_or_else(|| "none".to_owned()))
    });
}

/// The line in the log about a request that is refused, or would be if shadow mode did not let it pass: the same but for its
/// first words, so that what is looked for before a trial is found during it.
fn say(worker: &Worker, trace: &Trace, reason: Reason, id: &str, passed: bool) {
    let policy = &*worker.policy;
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
fn realm<'p>(policy: &'p Policy, trace: &Trace) -> &'p str {
    trace.service.and_then(|id| policy.service(id)).map_or("portcullis", |service| service.name())
}

fn row_name(policy: &Policy, trace: &Trace) -> Option<String> {
    let (_, row) = policy.row(trace.row?)?;
    Some(format!("{} {}", row.method, row.template))
}

fn provider_name<'p>(policy: &'p Policy, trace: &Trace) -> Option<&'p str> {
    Some(&*policy.provider(trace.provider?)?.name)
}

/// What the engine asks of the connection.
struct Host;

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
