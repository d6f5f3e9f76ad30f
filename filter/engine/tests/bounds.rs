//! What one worker remembers is bounded, and what it is spared is spared: tokens by count and by
//! bytes, the least recently used out first; assertions minted at most once in half of their life.
#![cfg(not(target_family = "wasm"))]
mod support;

use std::collections::HashSet;

use portcullis_engine::authorizer::Decision;
use portcullis_engine::reason::Reason;
use proptest::prelude::*;
use serde_json::{Value, json};

use support::{NOW, World, ended, policy, signing_key};

const ORDERS: &str = "orders.example";

fn bounded(tokens: usize, bytes: usize) -> World {
    let mut policy = policy();
    policy["cache"] = json!({ "tokens": tokens, "bytes": bytes });
    World::of(&policy)
}

/// A token of its own for each number.
fn token(number: usize) -> String {
    corpus::token(&json!({ "claims": { "jti": format!("t-{number:04}") } }), NOW)
}

fn is_hit(world: &mut World, token: &str) -> bool {
    let (end, hit) = ended(&world.show(ORDERS, "/orders", token));
    assert_eq!(end, Ok(()));
    hit
}

#[test]
fn of_too_many_tokens_the_least_recently_used_goes_first() {
    let mut world = bounded(3, 1 << 20);
    let [a, b, c, d] = [1, 2, 3, 4].map(token);
    for token in [&a, &b, &c] {
        assert!(!is_hit(&mut world, token));
    }
    assert!(is_hit(&mut world, &a));
    assert!(!is_hit(&mut world, &d), "it takes the place of b");
    assert!([&a, &c, &d].iter().all(|token| is_hit(&mut world, token)));
    assert_eq!(world.authorizer.cache_mut().len(), 3);
    assert!(!is_hit(&mut world, &b));
}

/// Without it, whoever shows a new token each time would push out the tokens of all others.
#[test]
fn tokens_that_never_come_again_do_not_push_out_those_that_do() {
    let mut world = bounded(300, 1 << 20);
    let known = token(0);
    assert!(!is_hit(&mut world, &known) && is_hit(&mut world, &known));
    for number in 1..=1000 {
        assert!(!is_hit(&mut world, &token(number)));
    }
    assert!(is_hit(&mut world, &known), "a thousand tokens in a cache of 300 later");
    let late = token(1000);
    assert!(
        !is_hit(&mut world, &late) && is_hit(&mut world, &late),
        "known from its second use on"
    );
}

#[test]
fn of_too_many_bytes_the_least_recently_used_go_first() {
    let mut roomy = bounded(100, 1 << 20);
    is_hit(&mut roomy, &token(1));
    let one = roomy.authorizer.cache_mut().bytes();
    assert!(one > token(1).len() && one < 4 * token(1).len(), "{one} bytes for {}", token(1).len());

    let mut world = bounded(100, 3 * one);
    for number in 1..=4 {
        assert!(!is_hit(&mut world, &token(number)));
    }
    assert_eq!(
        (world.authorizer.cache_mut().len(), world.authorizer.cache_mut().bytes()),
        (3, 3 * one)
    );
    assert!([2, 3, 4].iter().all(|number| is_hit(&mut world, &token(*number))));
    assert!(!is_hit(&mut world, &token(1)));
    let large = json!({ "claims": { "x": "x".repeat(one) } });
    let large = corpus::token(&large, NOW);
    assert!(!is_hit(&mut world, &large) && is_hit(&mut world, &large), "it takes the place of two");
    assert!(world.authorizer.cache_mut().bytes() <= 3 * one);
}

#[test]
fn what_is_larger_than_the_bound_or_where_nothing_may_be_kept_is_not_kept() {
    for (tokens, bytes) in [(100, 200), (100, 0), (0, 1 << 20)] {
        let mut world = bounded(tokens, bytes);
        assert!(
            !is_hit(&mut world, &token(1)) && !is_hit(&mut world, &token(1)),
            "{tokens} {bytes}"
        );
        assert_eq!(
            (world.authorizer.cache_mut().len(), world.authorizer.cache_mut().bytes()),
            (0, 0)
        );
    }
}

/// Whatever a policy says of a token's size: what is parsed before the signature is known stays
/// small.
#[test]
fn header_and_payload_are_bounded_however_large_a_token_may_be() {
    let mut policy = policy();
    policy["limits"] = json!({ "token_bytes": 1 << 20 });
    let mut world = World::of(&policy);
    let mut end = |header: usize, payload: usize| {
        let mut head = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "ed", "x": "" });
        let mut claims = json!({
            "iss": "https://main.example", "sub": "alice", "aud": "orders-api", "exp": NOW + 300, "typ": "Bearer",
            "realm_access": { "roles": ["customer"] }, "x": "",
        });
        for (part, size) in [(&mut head, header), (&mut claims, payload)] {
            part["x"] = "x".repeat(size.saturating_sub(part.to_string().len())).into();
        }
        let token =
            corpus::signed("EdDSA", head.to_string().as_bytes(), claims.to_string().as_bytes());
        ended(&world.show(ORDERS, "/orders", &token)).0
    };
    let (header, payload) = (8 * 1024, 64 * 1024);
    assert_eq!(end(header, payload), Ok(()));
    assert_eq!(end(header + 1, 0), Err(Reason::HeaderMalformed));
    assert_eq!(end(0, payload + 1), Err(Reason::ClaimsMalformed));
}

/// The assertion of a request, at a moment.
fn assertion(world: &mut World, path: &str, token: &str) -> String {
    let verdict = world.show(ORDERS, path, token);
    let Decision::Allow(permit) = verdict.decision else { panic!("{verdict:?}") };
    let policy = world.authorizer.policy().clone();
    let (key, now) = (signing_key(), world.now);
    let headers = permit
        .headers(&policy, (world.authorizer.assertions_mut(), Some(&key)), "GET", now)
        .unwrap();
    let assertion = headers.iter().find(|(name, _)| *name == "x-auth-principal");
    assertion.expect("an assertion").1.to_owned()
}

#[test]
fn an_assertion_is_minted_at_most_once_in_half_of_its_life() {
    let mut policy = policy();
    policy["identity"] = json!({ "assertion": { "ttl": "60s" } });
    let mut world = World::of(&policy);
    let long = json!({ "claims": { "exp": 3600 } });
    let token = world.cached(&long);
    let mut minted = HashSet::new();
    for second in 0..120 {
        minted.insert(assertion(&mut world, "/orders", &token));
        assert_eq!(minted.len(), second / 30 + 1, "after {second} s");
        world.pass(1);
    }
}

/// As many as the policy says, the least recently used out first; none where it says none.
#[test]
fn assertions_in_use_are_bounded() {
    for (bound, used_again) in
        [(3, [true, true]), (2, [false, true]), (1, [false, false]), (0, [false, false])]
    {
        let mut policy = policy();
        policy["cache"] = json!({ "assertions": bound });
        let mut world = World::of(&policy);
        let tokens = [1, 2, 3].map(token);
        let minted = tokens.each_ref().map(|token| assertion(&mut world, "/orders", token));
        world.pass(1);
        // the last one first, so that nothing is put out that is still to be asked for
        for number in [1, 0] {
            let again = assertion(&mut world, "/orders", &tokens[number]);
            assert_eq!(again == minted[number], used_again[number], "{bound} {number}");
        }
    }
}

/// CVE-2026-33729 (`OpenFGA`). Whole sequences of requests are tried in `collisions.rs`.
#[test]
fn an_assertion_is_of_one_caller_and_one_row() {
    let mut world = World::of(&policy());
    let alice = world.cached(&json!({}));
    // the same subject and the same claims, but for the token's id
    let again = token(2);
    let bob = corpus::token(&json!({ "claims": { "sub": "bob" } }), NOW);
    let mut seen = HashSet::new();
    for token in [&alice, &again, &bob] {
        for path in ["/orders", "/me"] {
            let minted = assertion(&mut world, path, token);
            assert_eq!(assertion(&mut world, path, token), minted, "it is used again");
            assert!(seen.insert(minted), "{path}");
        }
    }
}

/// The subject that an assertion names.
fn subject(assertion: &str) -> String {
    use base64::Engine as _;
    let payload = assertion.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()["sub"].as_str().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in whatever order: the bounds hold, and everybody is told about nobody but
    /// the caller.
    #[test]
    fn the_bounds_hold_and_no_caller_gets_anothers_assertion(
        tokens in 0_usize..5,
        bytes in 0_usize..6_000,
        asked in prop::collection::vec((0_usize..8, 0_i64..40), 1..60),
    ) {
        let mut world = bounded(tokens, bytes);
        let people: Vec<_> = (0..8)
            .map(|number| {
                let name = format!("person-{number}");
                let changes = json!({ "claims": { "sub": name, "exp": 100_000, "pad": "x".repeat(number * 100) } });
                (corpus::token(&changes, NOW), name)
            })
            .collect();
        for (number, seconds) in asked {
            world.pass(seconds);
            let (token, name) = &people[number];
            let assertion = assertion(&mut world, "/orders", token);
            prop_assert!(subject(&assertion).ends_with(name.as_str()), "{}", subject(&assertion));
            let cache = world.authorizer.cache_mut();
            prop_assert!(cache.len() <= tokens && cache.bytes() <= bytes);
        }
    }
}
