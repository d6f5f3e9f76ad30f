//! A policy's text, as Envoy hands it over.

use std::rc::Rc;

use portcullis_engine::authn::bearer::Headers;
use portcullis_engine::authn::signature::RUST_CRYPTO;
use portcullis_engine::decide::{Decision, Gate};
use portcullis_engine::policy::{Policy, Service};
use portcullis_engine::request::Request;
use serde_json::Value;

use crate::fixture::{Peer, at, headers};

/// One that loads means the same when it is read again, and lets nobody pass but by a row that says so aloud.
pub fn policy(input: &[u8]) {
    let policy = match Policy::from_json(input) {
        Ok(policy) => Rc::new(policy),
        Err(errors) => return assert!(!errors.to_string().is_empty(), "an error says something"),
    };
    let document: Value = serde_json::from_slice(input).expect("what loads is JSON");
    let again = Policy::from_json(document.to_string().as_bytes()).expect("the same text");
    assert_eq!(again.hash(), policy.hash());
    let mut gate = Gate::new(Rc::clone(&policy), RUST_CRYPTO);
    for service in policy.services() {
        let hosts = document["services"][service.name()]["hosts"].as_array();
        let hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
        for host in hosts.take(2) {
            ask(&mut gate, &policy, service, &host.replace('*', "x"));
        }
    }
}

/// As nobody, for every endpoint of a service.
fn ask(gate: &mut Gate, policy: &Policy, service: &Service, host: &str) {
    for row in service.rows().iter().take(8) {
        let segment = |part: &'_ str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
        let path = row.template.as_str().split('/').map(segment).collect::<Vec<_>>().join("/");
        let headers = headers(row.method.as_bytes(), path.as_bytes(), host.as_bytes(), []);
        let verdict = gate.decide(&Request::new(Headers(&headers)), &Peer(None), at(0));
        let Decision::Allow(permit) = verdict.decision else { continue };
        let decides = verdict.trace.row.and_then(|id| policy.row(id)).map(|(_, row)| row);
        let aloud = decides.is_some_and(|row| row.requirement.is_public());
        assert!(aloud || permit.shadow().is_some(), "nobody passes {} {path} at {host}", row.method);
        assert!(permit.caller().is_none());
    }
}
