//! What a hit of the token cache must not skip: everything that depends on the moment, the service,
//! the connection or the keys.
#![cfg(not(target_family = "wasm"))]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use portcullis_engine::authorizer::Decision;
use portcullis_engine::reason::Reason;
use serde_json::{Value, json};

use support::{FETCHED, Peer, World, ended, policy};

const ORDERS: &str = "orders.example";
const HIT: bool = true;
const MISS: bool = false;

fn main_with(member: &str, value: Value) -> Value {
    let mut policy = policy();
    policy["providers"]["main"][member] = value;
    policy
}

fn jwks_with(member: &str, value: Value) -> Value {
    let mut policy = policy();
    policy["providers"]["main"]["jwks"][member] = value;
    policy
}

fn honest() -> Value {
    json!({})
}

#[test]
fn a_hit_of_a_token_that_has_ended_is_refused_and_forgotten() {
    let mut world = World::of(&policy());
    let token = world.cached(&honest());
    world.pass(300 + 29);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), HIT));
    world.pass(1);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Err(Reason::TokenExpired), HIT));
    assert_eq!(world.authorizer.cache_mut().len(), 0);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Err(Reason::TokenExpired), MISS));
}

/// A clock that goes back by less than a step would.
#[test]
fn a_hit_of_a_token_that_has_not_begun_is_refused() {
    for (claim, reason) in [("nbf", Reason::TokenNotYetValid), ("iat", Reason::TokenIssuedInFuture)]
    {
        let mut world = World::of(&main_with("leeway", json!(0)));
        let token = world.cached(&json!({ "claims": { claim: 0 } }));
        world.step(-3);
        assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Err(reason), HIT), "{claim}");
    }
}

#[test]
fn a_hit_of_a_token_older_than_max_age_is_refused() {
    let mut world = World::of(&main_with("max_age", json!(60)));
    let token = world.cached(&json!({ "claims": { "iat": 0 } }));
    world.pass(60 + 29);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), HIT));
    world.pass(1);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Err(Reason::TokenTooOld), HIT));
}

/// Without an age it may have any.
#[test]
fn a_token_that_does_not_say_when_it_was_issued_is_too_old_for_any_max_age() {
    let mut world = World::of(&main_with("max_age", json!(60)));
    let ageless = corpus::token(&json!({ "claims": { "iat": null } }), world.now.wall.0);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &ageless)), (Err(Reason::TokenTooOld), MISS));
}

#[test]
fn a_hit_at_a_service_with_other_audiences_is_refused() {
    let mut world = World::of(&policy());
    let token = world.cached(&honest());
    let elsewhere = world.show("reports.example", "/orders", &token);
    assert_eq!(ended(&elsewhere), (Err(Reason::AudienceMismatch), HIT));
    let both = world.cached(&json!({ "claims": { "aud": ["reports-api", "orders-api"] } }));
    assert_eq!(ended(&world.show("reports.example", "/orders", &both)), (Ok(()), HIT));
}

#[test]
fn a_hit_over_another_connection_than_the_one_that_the_token_is_bound_to_is_refused() {
    let (certificate, other) = ([7; 32], [8; 32]);
    let mut world = World::of(&policy());
    world.peer = Peer(Some(certificate));
    let bound = json!({ "claims": { "cnf": { "x5t#S256": BASE64URL.encode(certificate) } } });
    let token = world.cached(&bound);
    for stranger in [None, Some(other), Some([0; 32])] {
        world.peer = Peer(stranger);
        let verdict = world.show(ORDERS, "/orders", &token);
        assert_eq!(ended(&verdict), (Err(Reason::BindingMismatch), HIT), "{stranger:?}");
    }
    world.peer = Peer(Some(certificate));
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), HIT));
}

#[test]
fn a_hit_with_keys_older_than_max_stale_is_refused() {
    let mut world = World::of(&jwks_with("max_stale", json!("10m")));
    let token = world.cached(&json!({ "claims": { "exp": 3600 } }));
    world.pass(599);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), HIT));
    world.pass(1);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Err(Reason::KeysStale), HIT));
    world.fetch(&corpus::jwks("all"), FETCHED + 600);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), HIT));
}

#[test]
fn a_hit_for_another_row_needs_that_rows_roles() {
    let mut world = World::of(&policy());
    let token = world.cached(&honest());
    assert_eq!(ended(&world.show(ORDERS, "/admin", &token)), (Err(Reason::RoleMissing), HIT));
    assert_eq!(ended(&world.show(ORDERS, "/nowhere", &token)), (Err(Reason::RouteUndeclared), HIT));
    assert_eq!(ended(&world.show(ORDERS, "/me", &token)), (Ok(()), HIT));
}

/// The service accepts another provider only, or the token comes from where another provider has
/// its tokens.
#[test]
fn a_hit_at_a_service_that_does_not_accept_the_issuer_is_refused() {
    let mut world = World::of(&policy());
    let token = world.cached(&honest());
    let misplaced = [("x-proxy-token", token.as_str())];
    for host in ["proxies.example", ORDERS] {
        let verdict = world.ask(host, "/orders", &misplaced);
        assert_eq!(ended(&verdict), (Err(Reason::IssuerNotAccepted), HIT), "{host}");
    }
}

#[test]
fn a_withdrawn_key_ends_its_cached_tokens() {
    let mut world = World::of(&policy());
    let tokens = ["EdDSA", "RS256", "ES256"].map(|alg| world.cached(&json!({ "alg": alg })));
    let mut rest = corpus::jwks("all");
    rest["keys"].as_array_mut().unwrap().retain(|key| key["kid"] != "ed");
    world.fetch(&rest, FETCHED + 1);
    world.pass(2);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &tokens[0])), (Err(Reason::KeyUnknown), MISS));
    for kept in &tokens[1..] {
        assert_eq!(
            ended(&world.show(ORDERS, "/orders", kept)),
            (Ok(()), HIT),
            "its key is still there"
        );
    }
    // a key that comes back does not bring back what was forgotten
    world.fetch(&corpus::jwks("all"), FETCHED + 3);
    world.pass(2);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &tokens[0])), (Ok(()), MISS));
}

#[test]
fn another_key_under_the_same_kid_ends_the_cached_tokens_of_the_first() {
    let mut world = World::of(&policy());
    let token = world.cached(&honest());
    world.fetch(&corpus::jwks("other"), FETCHED + 1);
    world.pass(2);
    assert_eq!(
        ended(&world.show(ORDERS, "/orders", &token)),
        (Err(Reason::SignatureInvalid), MISS)
    );
    let new = corpus::token(&json!({ "alg": "stranger" }), world.now.wall.0);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &new)), (Ok(()), MISS));
}

/// The same key material under the same `kid`, but now for another algorithm only, is another key.
#[test]
fn a_key_whose_alg_has_changed_ends_its_cached_tokens() {
    let mut world = World::of(&policy());
    let token = world.cached(&json!({ "alg": "RS256" }));
    let mut changed = corpus::jwks("all");
    for key in changed["keys"].as_array_mut().unwrap().iter_mut().filter(|key| key["kid"] == "rsa")
    {
        key["alg"] = json!("PS256");
    }
    world.fetch(&changed, FETCHED + 1);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Err(Reason::KeyUnsuitable), MISS));
}

#[test]
fn a_step_of_the_wall_clock_empties_the_cache_and_a_drift_does_not() {
    for step in [-3600, -31, -6, 6, 31] {
        let mut world = World::of(&policy());
        let token = world.cached(&json!({ "claims": { "iat": null } }));
        world.step(step);
        assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), MISS), "{step} s");
    }
    let mut world = World::of(&policy());
    let token = world.cached(&honest());
    for drift in [5, -5, 3, -3] {
        world.step(drift);
        assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), HIT), "{drift} s");
    }
    world.pass(250);
    assert_eq!(ended(&world.show(ORDERS, "/orders", &token)), (Ok(()), HIT), "both clocks went on");
}

/// Neither a bad signature, nor a token that is too large, nor one that is refused now is ever
/// kept.
#[test]
fn what_is_refused_is_not_cached() {
    let mut world = World::of(&policy());
    for changes in [
        json!({ "then": "flip-signature" }),
        json!({ "alg": "stranger" }),
        json!({ "claims": { "exp": -31 } }),
        json!({ "claims": { "nbf": 60 } }),
        json!({ "claims": { "aud": "other" } }),
        json!({ "claims": { "cnf": { "jkt": "x" } } }),
        json!({ "claims": { "typ": "ID" } }),
    ] {
        let token = corpus::token(&changes, world.now.wall.0);
        for _ in 0..2 {
            let verdict = world.show(ORDERS, "/orders", &token);
            assert!(
                matches!(verdict.decision, Decision::Refuse(_)) && !verdict.trace.authn.cached,
                "{changes}"
            );
        }
        assert_eq!(world.authorizer.cache_mut().len(), 0, "{changes}");
    }
}
