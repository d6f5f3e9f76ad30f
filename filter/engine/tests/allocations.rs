//! What a request of a known token takes from the heap: a block is a call of the allocator, and
//! inside the sandbox each costs as much as the comparison of a token. The bounds are what was
//! measured: whoever needs more has to say here what for.
#![cfg(not(target_family = "wasm"))]
mod support;

use portcullis_engine::authorizer::{Decision, Verdict};
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use serde_json::json;

use support::{World, policy, signing_key};

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

/// How many blocks `what` takes, given back or not.
fn blocks<T>(what: impl FnOnce() -> T) -> (T, u64) {
    let before = dhat::HeapStats::get().total_blocks;
    let done = what();
    (done, dhat::HeapStats::get().total_blocks - before)
}

fn headers(path: &str, carrier: (&str, &str)) -> Vec<(String, Vec<u8>)> {
    let pseudo = [
        (":authority", "orders.example"),
        (":path", path),
        (":method", "GET"),
        (":scheme", "https"),
    ];
    let all = pseudo.into_iter().chain([("x-request-id", "0b8f3c3e"), carrier]);
    all.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

/// One test: whatever else ran at the same time would be counted too.
#[test]
fn a_cached_token_takes_no_heap_to_be_decided_and_told() {
    let _counting = dhat::Profiler::builder().testing().build();
    let mut policy = policy();
    let row = json!({ "match": "GET /orders/{order_id}", "roles": ["customer"] });
    policy["services"]["orders"]["routes"].as_array_mut().expect("rows").push(row);
    let mut world = World::of(&policy);
    let (token, key, policy) =
        (world.cached(&json!({})), signing_key(), world.authorizer.policy().clone());
    let bearer = format!("Bearer {token}");
    for path in ["/orders", "/orders/4711?page=2", "/me"] {
        let sent = headers(path, ("authorization", &bearer));
        for minted in [false, true] {
            let (verdict, decided) = blocks(|| {
                world.authorizer.decide(&Request::new(Headers(&sent)), &world.peer, world.now)
            });
            let Verdict { decision: Decision::Allow(permit), trace } = verdict else {
                panic!("{verdict:?}")
            };
            assert!(trace.authn.cached, "{path}");
            assert_eq!(
                decided, 0,
                "{path}: host, row, token, roles: all is borrowed, or was kept with the token"
            );
            let minting = (world.authorizer.assertions_mut(), Some(&key));
            let (identity, told) = blocks(|| permit.headers(&policy, minting, "GET", world.now));
            assert_eq!(identity.expect("a hand-off").iter().count(), 4, "{path}");
            if minted {
                assert_eq!(told, 0, "{path}: all is borrowed");
            }
            let (removed, removing) = blocks(|| {
                assert!(permit.cookies_left(&policy, Headers(&sent)).is_none());
                sent.iter().filter(|(name, _)| permit.removes(&policy, name)).count()
            });
            assert_eq!((removed, removing), (1, 0), "{path}: names are compared where they are");
        }
    }

    // who is refused at the gate costs no more
    for (path, carrier) in [("/admin", ("authorization", &*bearer)), ("/orders", ("accept", "*/*"))]
    {
        let sent = headers(path, carrier);
        let (verdict, decided) = blocks(|| {
            world.authorizer.decide(&Request::new(Headers(&sent)), &world.peer, world.now)
        });
        assert!(matches!(verdict.decision, Decision::Refuse(_)), "{verdict:?}");
        assert_eq!(decided, 0, "{path}");
    }
}
