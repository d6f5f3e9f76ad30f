//! Carries a decision out: the headers that the service gets, or the reply that the client gets.

use std::rc::Rc;

use portcullis_engine::authn::keyring::Missing;
use portcullis_engine::decide::{Decision, Permit, Trace, conclude};
use portcullis_engine::policy::{Policy, ProviderId};
use portcullis_engine::reason::Reason;
use portcullis_engine::reply::{PROBLEM_JSON, Problems, grpc_status};
use portcullis_engine::request::{Connection, Request};
use portcullis_engine::strip::SHADOW_HEADER;
use portcullis_engine::time::{Now, Steady};
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

/// Decides a request under the stream's context, and carries the decision out. `until`: it has waited already, and may
/// wait until then.
pub(crate) fn decide(worker: &Worker, context: u32, received: &Rc<Received>, until: Option<Steady>) -> Then {
    let now = host::about_now();
    let request = Request::new(received.headers());
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
    received.trace.replace(trace.clone());
    let (reason, retry_after) = match wait(worker, context, received, (provider, missing), until, now) {
        Ok(()) => return Then::Waits,
        Err(reason) => reason,
    };
    let decision = conclude(&worker.policy, trace, reason, now);
    out(worker, received, &request, decision, trace, retry_after, now)
}

/// Lets the request wait, if waiting can help and there is room.
fn wait(
    worker: &Worker,
    context: u32,
    received: &Rc<Received>,
    (provider, missing): (ProviderId, Missing),
    until: Option<Steady>,
    now: Now,
) -> Result<(), (Reason, Option<u32>)> {
    if missing == Missing::Kid {
        let may_come = worker.provision.borrow_mut().want_kid(provider, now.steady);
        may_come.map_err(|seconds| (Reason::KeyNotYetFetched, Some(seconds)))?;
        Worker::hurry();
    }
    let mut queue = worker.queue.borrow_mut();
    let until = until.unwrap_or_else(|| queue.end_of_wait(now.steady));
    let waiter = Waiter { context, request: Rc::clone(received), provider, missing, until };
    let admitted = queue.admit(waiter);
    drop(queue);
    worker.report_waiting();
    if admitted { Ok(()) } else { Err((Reason::QueueFull, None)) }
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
                    say(worker, trace, reason, true);
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
    say(worker, trace, reason, false);
    refuse(worker, request, trace, reason, retry_after);
    Then::Ended
}

/// Strips the request, writes who the client is, and takes the token off.
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
        if policy.strips(name) {
            hostcalls::remove_map_value(MAP, name).map_err(failed)?;
        }
    }
    if let Some(source) = permit.taken(policy) {
        hostcalls::remove_map_value(MAP, source.header()).map_err(failed)?;
        if let Some(left) = source.left(request.headers) {
            for value in left {
                hostcalls::add_map_value_bytes(MAP, source.header(), &value).map_err(failed)?;
            }
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

/// Answers the client. Nothing of the token or of our errors is in the reply.
fn refuse(worker: &Worker, request: &Request<'_>, trace: &Trace, reason: Reason, retry_after: Option<u32>) {
    let reply = worker.problems.reply(reason, realm(&worker.policy, trace), retry_after);
    let seconds = reply.retry_after.map(|seconds| seconds.to_string());
    let mut headers = Vec::with_capacity(4);
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
    let reply = problems.reply(Reason::HandoffFailed, "portcullis", None);
    let headers = vec![("content-type", PROBLEM_JSON)];
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
fn say(worker: &Worker, trace: &Trace, reason: Reason, passed: bool) {
    let policy = &*worker.policy;
    log::debug!(
        "{}: reason={reason} level={} service={} row={:?} provider={:?}{}",
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
