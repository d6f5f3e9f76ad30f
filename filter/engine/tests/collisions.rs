//! A decision and the identity headers do not depend on earlier requests: a gate with filled caches
//! gives the same as a new one.
//!
//! CVE-2026-35030 (litellm), CVE-2026-33729 and GO-2026-5239 (OpenFGA): a cache key held only a
//! part of what the result depends on, or joined texts so that two keys were equal.
#![cfg(not(target_family = "wasm"))]
mod support;

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use portcullis_engine::authorizer::{Authorizer, Decision};
use portcullis_engine::clock::{Clocks, UnixTime};
use portcullis_engine::jose::jwks::KeySet;
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use support::{FETCHED, NOW, Peer, World, ended, monotonic, policy, signing_key};

/// A request, by its number in each of these lists.
#[derive(Clone, Copy, Debug)]
struct Asked {
    token: usize,
    host: usize,
    path: usize,
    method: usize,
    peer: usize,
    seconds: i64,
}

const HOSTS: [&str; 5] =
    ["orders.example", "reports.example", "trial.example", "orders.example:443", "other.example"];
const PATHS: [&str; 6] = ["/me", "/orders", "/admin", "/orders?x=/admin", "/me/orders", "/m/e"];
/// Some are longer than what the key of an assertion holds, or differ where a key that pads would
/// not.
const METHODS: [&str; 8] = [
    "GET",
    "HEAD",
    "GET\0",
    "GET\0\0\0\0\0\0\0\0\0\0\0\0\0",
    "AAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAB",
    "get",
    "POST",
];
const PEERS: [Option<[u8; 32]>; 3] = [None, Some([1; 32]), Some([2; 32])];

/// Tokens that differ in one thing each, or in where the same texts begin and end.
fn tokens() -> Vec<String> {
    let bound = |peer: u8| json!({ "x5t#S256": BASE64URL.encode([peer; 32]) });
    let claims = [
        json!({}),
        json!({ "jti": "t-2" }),
        json!({ "jti": null }),
        json!({ "sub": "bob" }),
        json!({ "sub": "t-1", "jti": "alice" }),
        json!({ "sub": "alicet-1", "jti": null }),
        json!({ "sub": "alice\n", "jti": null }),
        json!({ "aud": ["reports-api"] }),
        json!({ "aud": ["orders-api", "reports-api"] }),
        json!({ "realm_access": { "roles": ["admin"] } }),
        json!({ "realm_access": { "roles": ["customer", "admin"] } }),
        json!({ "realm_access": { "roles": ["customer,admin"] } }),
        json!({ "realm_access": { "roles": ["customeradmin"] } }),
        json!({ "realm_access": { "roles": [] } }),
        json!({ "cnf": bound(1) }),
        json!({ "cnf": bound(2) }),
        json!({ "exp": 5 }),
        json!({ "nbf": 40 }),
        json!({ "exp": -100 }),
    ];
    let mut tokens: Vec<_> =
        claims.iter().map(|claims| corpus::token(&json!({ "claims": claims }), NOW)).collect();
    // the end of a good token, by which it is found in the cache, behind another beginning
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (first, second) = (parts(&tokens[0]), parts(&tokens[9]));
    let collisions = [
        [&*first[0], &second[1], &first[2]].join("."),
        [&*second[0], &first[1], &second[2]].join("."),
        [&*first[0], &first[1], &first[1], &first[2]].join("."),
        format!("A{}", tokens[0]),
        first[2].clone(),
        format!("..{}", first[2]),
        tokens[0][tokens[0].len() - 24..].to_owned(),
    ];
    tokens.extend(collisions);
    tokens
}

/// What every world here begins with, read once.
fn read() -> (Rc<Policy>, KeySet) {
    let mut policy = policy();
    let rows = policy["services"]["orders"]["routes"].clone();
    policy["services"]["trial"] = json!({
        "hosts": ["trial.example"], "mode": { "shadow": { "until": "2999-12-31" } }, "routes": rows,
    });
    // two services whose names and audiences meet when they are joined with what stands beside them
    policy["services"]["orders"]["assertion_audience"] = json!("a");
    policy["services"]["reports"]["assertion_audience"] = json!("aa");
    policy["cache"] = json!({ "tokens": 8, "assertions": 8 });
    let policy = Policy::from_json(policy.to_string().as_bytes())
        .unwrap_or_else(|errors| panic!("{errors}"));
    (Rc::new(policy), KeySet::parse(corpus::jwks("all").to_string().as_bytes()).unwrap())
}

fn world() -> World {
    thread_local! {
        static READ: (Rc<Policy>, KeySet) = read();
    }
    let (policy, keys) = READ.with(Clone::clone);
    let now = Clocks { wall: UnixTime(NOW), monotonic: monotonic(FETCHED) };
    let mut world =
        World { authorizer: Authorizer::new(policy, RUST_CRYPTO), peer: Peer::default(), now };
    let main = world.main();
    world.authorizer.key_store_mut().install(main, keys, now.monotonic);
    world
}

/// What becomes of a request, and all that the service is told: an assertion's times apart, which
/// its reuse moves.
fn outcome(world: &mut World, tokens: &[String], asked: Asked) -> String {
    let Asked { token, host, path, method, peer, .. } = asked;
    world.peer = Peer(PEERS[peer]);
    let method = METHODS[method];
    let headers = [
        (":method", method.to_owned()),
        (":path", PATHS[path].to_owned()),
        (":authority", HOSTS[host].to_owned()),
        ("authorization", format!("Bearer {}", tokens[token])),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.into_bytes()));
    let verdict = world.authorizer.decide(&Request::new(Headers(&headers)), &world.peer, world.now);
    let Decision::Allow(permit) = &verdict.decision else {
        return format!("{:?}", verdict.decision);
    };
    let (policy, key, now) = (world.authorizer.policy().clone(), signing_key(), world.now);
    let told = permit
        .headers(&policy, (world.authorizer.assertions_mut(), Some(&key)), method, now)
        .unwrap();
    let told = told.iter().map(|(name, value)| match name {
        "x-auth-principal" => {
            let payload = BASE64URL.decode(value.split('.').nth(1).unwrap()).unwrap();
            let mut claims: Value = serde_json::from_slice(&payload).unwrap();
            let time = |claims: &mut Value, name| claims[name].take().as_u64().unwrap();
            let (issued, ends) = (time(&mut claims, "iat"), time(&mut claims, "exp"));
            assert!(issued <= now.wall.0 && now.wall.0 < ends, "{asked:?}: it is good now");
            format!("{name}: {claims}")
        }
        _ => format!("{name}: {value}"),
    });
    format!("{:?} {:?}", permit.shadow(), told.collect::<Vec<_>>())
}

fn asked() -> impl Strategy<Value = Asked> {
    // mostly few of each, so that requests meet each other
    let of = |count: usize| prop_oneof![3 => 0..3_usize.min(count), 1 => 0..count];
    let parts = (
        of(tokens().len()),
        of(HOSTS.len()),
        of(PATHS.len()),
        of(METHODS.len()),
        of(PEERS.len()),
        0..8_i64,
    );
    parts.prop_map(|(token, host, path, method, peer, seconds)| Asked {
        token,
        host,
        path,
        method,
        peer,
        seconds,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_memory_of_other_requests_changes_a_decision_or_what_the_service_is_told(
        all in prop::collection::vec(asked(), 1..60),
    ) {
        let (tokens, mut known) = (tokens(), world());
        for asked in all {
            known.pass(asked.seconds);
            let mut fresh = world();
            fresh.now = known.now;
            let (remembered, expected) = (outcome(&mut known, &tokens, asked), outcome(&mut fresh, &tokens, asked));
            prop_assert_eq!(remembered, expected, "{:?}", asked);
        }
    }
}

/// The same, for every two requests that differ in one thing only.
#[test]
fn no_two_requests_that_differ_in_one_part_share_what_the_service_is_told() {
    let tokens = tokens();
    let base = Asked { token: 0, host: 2, path: 0, method: 0, peer: 0, seconds: 0 };
    let mut pairs = Vec::new();
    for token in 0..tokens.len() {
        pairs.push((base, Asked { token, ..base }));
        pairs.push((Asked { token: 10, ..base }, Asked { token, ..base }));
    }
    pairs.extend((0..HOSTS.len()).map(|host| (base, Asked { host, ..base })));
    pairs.extend((0..PATHS.len()).map(|path| (base, Asked { path, ..base })));
    for (one, other) in [(0, 2), (0, 3), (2, 3), (4, 5), (0, 1), (0, 6)] {
        // without a row, only the method distinguishes them
        for path in [0, 4] {
            pairs
                .push((Asked { method: one, path, ..base }, Asked { method: other, path, ..base }));
        }
    }
    for token in [0, 14, 15] {
        let with = |peer| Asked { token, peer, ..base };
        pairs.extend(
            (0..PEERS.len())
                .flat_map(|one| (0..PEERS.len()).map(move |other| (with(one), with(other)))),
        );
    }
    for (one, other) in pairs {
        for (one, other) in [(one, other), (other, one)] {
            let mut known = world();
            // twice, so that it is kept
            for _ in 0..2 {
                outcome(&mut known, &tokens, one);
            }
            let expected = outcome(&mut world(), &tokens, other);
            assert_eq!(outcome(&mut known, &tokens, other), expected, "{one:?}, then {other:?}");
        }
    }
}

/// A token in the cache stands there by the end of its signature: a forged one with the same end
/// neither passes nor puts it out.
#[test]
fn a_forged_token_with_the_end_of_a_known_one_is_refused_and_leaves_it_known() {
    let mut world = World::of(&policy());
    let good = world.cached(&json!({}));
    let signature = good.rsplit('.').next().unwrap();
    for claims in [
        json!({ "sub": "bob" }),
        json!({ "realm_access": { "roles": ["admin"] } }),
        json!({ "exp": 9_999 }),
    ] {
        let other = corpus::token(&json!({ "claims": claims }), NOW);
        let forged = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
        let (end, hit) = ended(&world.show("orders.example", "/orders", &forged));
        assert_eq!((end, hit), (Err(Reason::SignatureInvalid), false), "{claims}");
        assert_eq!(ended(&world.show("orders.example", "/orders", &good)), (Ok(()), true));
    }
}
