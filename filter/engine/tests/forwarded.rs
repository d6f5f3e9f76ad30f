//! Forwarded headers do not influence the decision.
//!
//! CVE-2026-35051 (Traefik), CVE-2026-40575 and CVE-2026-76835 (oauth2-proxy): a client that sent
//! `X-Forwarded-Prefix` or `X-Forwarded-Uri` was decided by the rules of another path. Here the
//! decision and the identity headers are the same for any value of each; the tests of
//! `header_strip.rs` show which headers reach the services.
#![cfg(not(target_family = "wasm"))]
mod support;

use std::cell::RefCell;
use std::rc::Rc;

use portcullis_engine::authorizer::{Authorizer, Decision};
use portcullis_engine::clock::{Clocks, UnixTime};
use portcullis_engine::header_strip::DOUBLE_MEANING;
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use proptest::prelude::*;

use support::{NOW, Peer, monotonic, signing_key};

/// Besides those that are always stripped: what proxies write, and frameworks believe.
const FORWARDED: [&str; 24] = [
    "forwarded",
    "via",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-forwarded-for",
    "x-forwarded-by",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-cert",
    "x-script-name",
    "x-host",
    "x-real-ip",
    "host",
    "content-location",
];

type Sent = Vec<(String, Vec<u8>)>;

/// A case of the corpus as it is sent, and what becomes of it.
fn cases() -> Vec<(String, Sent, String)> {
    let case = |case: &corpus::Case| {
        let sent = case.sent(NOW);
        let pseudo =
            [(":method", sent.method), (":path", sent.target), (":authority", case.host.clone())];
        let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value));
        let headers: Sent =
            pseudo.chain(sent.headers).map(|(name, value)| (name, value.into_bytes())).collect();
        let outcome = outcome(&headers);
        (case.name.clone(), headers, outcome)
    };
    corpus::cases().iter().map(case).collect()
}

/// The decision and the identity headers.
fn outcome(headers: &Sent) -> String {
    thread_local! {
        static GATE: RefCell<Authorizer> = {
            let policy = Policy::from_json(corpus::policy().to_string().as_bytes()).unwrap();
            RefCell::new(Authorizer::new(Rc::new(policy), RUST_CRYPTO))
        };
    }
    GATE.with_borrow_mut(|authorizer| {
        let now = Clocks { wall: UnixTime(NOW), monotonic: monotonic(1) };
        let verdict = authorizer.decide(&Request::new(Headers(headers)), &Peer::default(), now);
        let Decision::Allow(permit) = &verdict.decision else {
            return format!("{:?}", verdict.decision);
        };
        let (policy, key) = (authorizer.policy().clone(), signing_key());
        let told =
            permit.headers(&policy, (authorizer.assertions_mut(), Some(&key)), "GET", now).unwrap();
        format!("{:?} {told:?}", permit.shadow())
    })
}

/// A value that such a header may have: of the policy's own names, or of any bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let ours = prop::sample::select(vec![
        "/orders",
        "/admin",
        "/public",
        "/",
        "//",
        "..",
        "main.example",
        "trial.example",
        "reports.example",
        "https://browser.example",
        "GET",
        "POST",
        "OPTIONS",
        "alice",
        "customer",
        "admin",
        "Bearer",
        "null",
        "host=trial.example;proto=https",
        "Hash=00;Subject=\"CN=alice\"",
    ]);
    prop_oneof![
        ours.prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..24)
    ]
}

/// With these headers before all others or after them.
fn is_decided_the_same(more: &[(&str, Vec<u8>)], first: bool) -> Result<(), TestCaseError> {
    thread_local! {
        static CASES: Vec<(String, Sent, String)> = cases();
    }
    CASES.with(|cases| {
        prop_assert!(cases.len() >= 300, "{} cases", cases.len());
        for (case, sent, expected) in cases {
            let mut sent = sent.clone();
            let at = if first { 0 } else { sent.len() };
            sent.splice(
                at..at,
                more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())),
            );
            prop_assert_eq!(&outcome(&sent), expected, "{}: {:?}", case, more);
        }
        Ok(())
    })
}

fn names() -> Vec<&'static str> {
    FORWARDED.iter().chain(DOUBLE_MEANING).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_decision_is_the_same_for_any_value_of_each_forwarded_header(
        name in prop::sample::select(names()),
        values in prop::collection::vec(value(), 1..3),
        first: bool,
    ) {
        let more: Vec<_> = values.into_iter().map(|value| (name, value)).collect();
        is_decided_the_same(&more, first)?;
    }
}

#[test]
fn the_decision_is_the_same_with_all_forwarded_headers_at_once() {
    for value in ["/admin", "trial.example", "https://browser.example", "alice", ""] {
        let more: Vec<_> =
            names().into_iter().map(|name| (name, value.as_bytes().to_vec())).collect();
        is_decided_the_same(&more, false).unwrap();
    }
}
