//! What a refused request takes from the heap does not grow with what an attacker puts into it.
//!
//! CVE-2026-48042, CVE-2026-47774 (Envoy): cookies split over many fields, and nested documents,
//! cost more than their bytes. CVE-2025-61920 (Authlib): a token of any size was read to its end.
//! Blocks and bytes of the heap are counted, not time: they are the same in every run.
#![cfg(not(target_family = "wasm"))]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use portcullis_engine::authorizer::Decision;
use portcullis_engine::reason::Reason;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use serde_json::json;

use support::{World, policy};

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

const HOST: &str = "orders.example";
/// `limits.token_bytes` where a policy says nothing.
const LIMIT: usize = 16 * 1024;

/// Blocks and bytes that `what` takes, given back or not.
fn taken<T>(what: impl FnOnce() -> T) -> (T, u64, u64) {
    let before = dhat::HeapStats::get();
    let done = what();
    let after = dhat::HeapStats::get();
    (done, after.total_blocks - before.total_blocks, after.total_bytes - before.total_bytes)
}

fn headers(more: Vec<(&str, String)>) -> Vec<(String, Vec<u8>)> {
    let pseudo =
        [(":authority", HOST), (":path", "/orders"), (":method", "GET"), (":scheme", "https")];
    let pseudo = pseudo.into_iter().map(|(name, value)| (name, value.to_owned()));
    pseudo.chain(more).map(|(name, value)| (name.to_owned(), value.into_bytes())).collect()
}

/// What a decision takes that ends so; `Ok`: it passes.
fn cost(world: &mut World, sent: &[(String, Vec<u8>)], expected: Result<(), Reason>) -> (u64, u64) {
    let (verdict, blocks, bytes) =
        taken(|| world.authorizer.decide(&Request::new(Headers(sent)), &world.peer, world.now));
    let end = match verdict.decision {
        Decision::Allow(_) => Ok(()),
        Decision::Refuse(reason) => Err(reason),
        Decision::Wait(..) => panic!("the keys are there"),
    };
    assert_eq!(end, expected);
    (blocks, bytes)
}

fn with_token(token: &str) -> Vec<(String, Vec<u8>)> {
    headers(vec![("authorization", format!("Bearer {token}"))])
}

/// A token with this payload and a signature that no key made.
fn unsigned(payload: &str) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "ed" }).to_string();
    [BASE64URL.encode(header), BASE64URL.encode(payload), BASE64URL.encode([1; 64])].join(".")
}

/// One test: whatever else ran at the same time would be counted too.
#[test]
fn what_a_refusal_takes_from_the_heap_does_not_grow_with_depth_cookies_or_size() {
    let _counting = dhat::Profiler::builder().testing().build();
    let mut by_cookie = policy();
    by_cookie["providers"]["main"]["token_source"] =
        json!({ "cookie": { "name": "__Host-token", "origins": ["https://shop.example"] } });
    let (mut bearers, mut cookies) = (World::of(&policy()), World::of(&by_cookie));

    // from one byte above the limit to 1 MiB: the token is not read
    for size in [LIMIT + 1, 48 * 1024, 1 << 20] {
        for filling in ["x", ".", "ey."] {
            let token = filling.repeat(size.div_ceil(filling.len()))[..size].to_owned();
            let sent = with_token(&token);
            assert_eq!(
                cost(&mut bearers, &sent, Err(Reason::TokenTooLarge)),
                (0, 0),
                "{size} bytes of {filling}"
            );
        }
    }

    // one level more than are read, and as many as a token holds. The padding makes all payloads
    // equally long.
    let nested = |depth: usize, open: &str, close: &str| {
        let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let payload = format!(r#"{{"x":{value},"pad":""#);
        let pad = "p".repeat(11_000 - payload.len());
        unsigned(&format!(r#"{payload}{pad}"}}"#))
    };
    for (open, close, deepest) in [("[", "]", 5_000), (r#"{"a":"#, "}", 1_500)] {
        for depth in [17, 100, deepest] {
            let sent = with_token(&nested(depth, open, close));
            let (blocks, bytes) = cost(&mut bearers, &sent, Err(Reason::ClaimsMalformed));
            // the three parts, and a byte for each level
            assert!(
                blocks <= 32 && bytes <= 32 * 1024,
                "{open} {depth} deep: {blocks} blocks, {bytes} bytes"
            );
        }
    }

    // of a payload that no signature vouches for, only `iss` is read: members and lists are not
    // kept
    let members =
        |count, member: fn(usize) -> String| (0..count).map(member).collect::<Vec<_>>().concat();
    let [(blocks, _), costly @ ..] = [
        String::new(),
        members(700, |at| format!(r#""n{at}":{{}},"#)),
        r#""same":0,"#.repeat(700),
        format!(r#""list":[{}0],"#, "[1],".repeat(1_000)),
        members(500, |at| format!(r#""\u0061{at}":"\n","#)),
    ]
    .map(|members: String| {
        let payload = format!(r#"{{{members}"iss":"https://main.example","pad":""#);
        let pad = "p".repeat(11_000 - payload.len());
        let sent = with_token(&unsigned(&format!(r#"{payload}{pad}"}}"#)));
        cost(&mut bearers, &sent, Err(Reason::SignatureInvalid))
    });
    // what an escape is decoded into is one buffer for all of them
    assert!(costly.iter().all(|(more, _)| *more <= blocks + 4), "{blocks} blocks, and {costly:?}");

    // cookie crumbs in one field and in a field each (RFC 9113 8.2.3): none is copied, whether the
    // token is among them or not
    let token = corpus::token(&json!({}), cookies.now.wall.0);
    let known = headers(vec![("cookie", format!("__Host-token={token}"))]);
    cost(&mut cookies, &known, Ok(()));
    let crumb = |number: usize| format!("c{number}=v");
    let (token, twice) =
        (format!("__Host-token={token}"), format!("__Host-token={token}; __Host-token={token}"));
    for count in [1, 100, 10_000] {
        let crumbs: Vec<_> = (0..count).map(crumb).collect();
        for (last, expected) in [
            ("z=z".to_owned(), Err(Reason::TokenMissing)),
            (twice.clone(), Err(Reason::CredentialsAmbiguous)),
            ("__Host-token=x".to_owned(), Err(Reason::TokenMalformed)),
            (token.clone(), Ok(())),
        ] {
            let all: Vec<_> = crumbs.iter().cloned().chain([last]).collect();
            let joined = headers(vec![("cookie", all.join("; "))]);
            let split = headers(all.into_iter().map(|crumb| ("cookie", crumb)).collect());
            // more than a browser keeps are not looked through
            let expected = if count > 512 { Err(Reason::CredentialsAmbiguous) } else { expected };
            for sent in [joined, split] {
                assert_eq!(
                    cost(&mut cookies, &sent, expected),
                    (0, 0),
                    "{count} crumbs, {expected:?}"
                );
            }
        }
    }
}
