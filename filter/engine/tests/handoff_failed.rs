//! A permit that cannot be handed over: a fault of ours that ends the request, whatever the mode.
use std::rc::Rc;

use corpus::cases;
use portcullis_engine::authorizer::{Authorizer, Decision, DecisionTrace, apply_mode};
use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use serde_json::json;

const NOW: Clocks = Clocks { wall: UnixTime(1_800_000_000), monotonic: Monotonic(1) };

/// CVE-2026-124679 (APISIX): a fault of the plugin let the request pass.
#[test]
fn what_cannot_be_handed_over_never_passes_in_shadow_mode_neither() {
    let mut document = corpus::policy();
    document["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
    let policy = Policy::from_json(document.to_string().as_bytes()).unwrap();
    let mut authorizer = Authorizer::new(Rc::new(policy), RUST_CRYPTO);
    let policy = Rc::clone(authorizer.policy());

    // the honest token is the first case; there is no key to sign its assertion with
    let case = &cases()[0];
    let sent = case.sent(NOW.wall.0);
    let pseudo =
        [(":method", sent.method), (":path", sent.target), (":authority", case.host.clone())];
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value)).into_iter();
    let headers: Vec<_> =
        pseudo.chain(sent.headers).map(|(name, value)| (name, value.into_bytes())).collect();
    let request = Request::new(Headers(&headers));
    let Decision::Allow(permit) = authorizer.decide(&request, &(), NOW).decision else {
        panic!("{}", case.name)
    };
    assert!(permit.headers(&policy, (authorizer.assertions_mut(), None), "GET", NOW).is_err());

    let end = |reason| apply_mode(&policy, &mut DecisionTrace::default(), reason, NOW);
    assert!(matches!(end(Reason::TokenMissing), Decision::Allow(_)), "the policy is a trial");
    assert!(matches!(end(Reason::HandoffFailed), Decision::Refuse(Reason::HandoffFailed)));
}
