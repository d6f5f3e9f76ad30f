//! A token is its bytes: changed in one of them it is refused, and its meaning does not hang on the
//! order of its members.
#![cfg(not(target_family = "wasm"))]
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use portcullis_engine::authorizer::{Authorizer, Decision, Verdict};
use portcullis_engine::clock::{Clocks, UnixTime};
use portcullis_engine::jose::signature::Algorithm;
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

mod support;
use support::{NOW, Peer, monotonic, signing_key};

fn authorizer() -> Authorizer {
    thread_local! {
        static POLICY: Rc<Policy> = Rc::new(Policy::from_json(corpus::policy().to_string().as_bytes()).unwrap());
    }
    POLICY.with(|policy| Authorizer::new(Rc::clone(policy), RUST_CRYPTO))
}

fn now() -> Clocks {
    Clocks { wall: UnixTime(NOW), monotonic: monotonic(1) }
}

fn decide(authorizer: &mut Authorizer, headers: &[(String, Vec<u8>)]) -> Verdict {
    authorizer.decide(&Request::new(Headers(headers)), &Peer::default(), now())
}

/// Shows a token to `/me`.
fn show(authorizer: &mut Authorizer, token: &[u8]) -> Verdict {
    let headers = [
        (":method", b"GET".to_vec()),
        (":path", b"/me".to_vec()),
        (":authority", b"main.example".to_vec()),
        ("authorization", [b"Bearer ", token].concat()),
    ];
    decide(authorizer, &headers.map(|(name, value)| (name.to_owned(), value)))
}

fn passes(authorizer: &mut Authorizer, token: &[u8]) -> bool {
    !matches!(show(authorizer, token).decision, Decision::Refuse(_))
}

/// A good token, and a gate that has it in its cache.
fn known(algorithm: Algorithm) -> (Authorizer, Vec<u8>) {
    let token = corpus::token(&json!({ "alg": algorithm.name() }), NOW).into_bytes();
    let mut authorizer = authorizer();
    assert!(
        passes(&mut authorizer, &token) && show(&mut authorizer, &token).trace.authn.cached,
        "{algorithm:?}"
    );
    (authorizer, token)
}

/// CVE-2026-35030 (litellm): a part of the token was the key of the cache.
///
/// Every byte of it: a bit flipped (all bits where a verification is cheap), taken out, twice.
#[test]
fn no_change_of_one_bit_or_length_of_one_byte_passes() {
    for algorithm in Algorithm::ALL {
        let (mut authorizer, token) = known(algorithm);
        let mut refused = |at: usize, what: &str, changed: &[u8]| {
            assert!(
                !passes(&mut authorizer, changed),
                "{algorithm:?}: {what} at {at} of {}",
                token.len()
            );
        };
        let cheap = algorithm == Algorithm::EdDSA;
        for at in 0..token.len() {
            for bit in if cheap { 0..8 } else { at % 8..at % 8 + 1 } {
                let mut changed = token.clone();
                changed[at] ^= 1 << bit;
                refused(at, "a bit flipped", &changed);
            }
            if !cheap && at % 16 != 0 {
                continue;
            }
            let (before, after) = token.split_at(at);
            refused(at, "a byte missing", &[before, &after[1..]].concat());
            refused(at, "a byte twice", &[before, &after[..1], after].concat());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_mutation_of_one_byte_of_a_good_token_passes(
        algorithm in prop::sample::select(Algorithm::ALL.to_vec()),
        at: prop::sample::Index,
        byte: u8,
    ) {
        thread_local! {
            static KNOWN: std::cell::RefCell<Vec<(Algorithm, Authorizer, Vec<u8>)>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        KNOWN.with_borrow_mut(|all| {
            if all.is_empty() {
                all.extend(Algorithm::ALL.map(|algorithm| {
                    let (authorizer, token) = known(algorithm);
                    (algorithm, authorizer, token)
                }));
            }
            let (_, authorizer, token) = all.iter_mut().find(|(it, ..)| *it == algorithm).unwrap();
            let mut changed = token.clone();
            let at = at.index(changed.len());
            prop_assume!(changed[at] != byte);
            changed[at] = byte;
            prop_assert!(!passes(authorizer, &changed), "{:?}: {} at {}", algorithm, byte, at);
            prop_assert!(show(authorizer, token).trace.authn.cached, "the good one is still known");
            Ok(())
        })?;
    }
}

/// A JSON text, its members in the order that `rank` gives, at every depth, with white space
/// between them.
fn written(value: &Value, rank: &dyn Fn(&str) -> u64) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| rank(name));
            let members = members
                .into_iter()
                .map(|(name, value)| format!("{} : {}", json!(name), written(value, rank)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(" ,\n\t"))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(|item| written(item, rank)).collect::<Vec<_>>().join(" , ")
            )
        }
        other => other.to_string(),
    }
}

/// A case that can be written anew: its token is two JSON objects, signed by the honest key.
struct Rewritable {
    case: corpus::Case,
    token: String,
    header: Value,
    claims: Value,
    /// What becomes of it as it is.
    outcome: String,
}

impl Rewritable {
    fn of(case: corpus::Case) -> Option<Self> {
        let token = case.token(NOW)?;
        let parts = token.split('.').take(2).map(|part| BASE64URL.decode(part).ok());
        let parts: Vec<_> = parts.collect::<Option<_>>()?;
        let object = |part: &[u8]| {
            let object =
                serde_json::from_slice::<Map<String, Value>>(part).ok().map(Value::Object)?;
            // serde_json keeps one of two equal members, and reads numbers as it likes
            (object.to_string().len() == part.len()).then_some(object)
        };
        let (header, claims) = (object(&parts[0])?, object(&parts[1])?);
        if corpus::signed("EdDSA", &parts[0], &parts[1]) != token {
            return None;
        }
        let outcome = outcome(&case, &token, &token);
        Some(Self { case, token, header, claims, outcome })
    }
}

/// What comes of a case with another token in the place of its own: the decision, and what the
/// service is told.
fn outcome(case: &corpus::Case, own: &str, token: &str) -> String {
    let sent = case.sent(NOW);
    let pseudo =
        [(":method", sent.method), (":path", sent.target), (":authority", case.host.clone())];
    let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value));
    let others = sent.headers.into_iter().map(|(name, value)| (name, value.replace(own, token)));
    let headers: Vec<_> =
        pseudo.chain(others).map(|(name, value)| (name, value.into_bytes())).collect();
    let mut authorizer = authorizer();
    let verdict = decide(&mut authorizer, &headers);
    let Decision::Allow(permit) = &verdict.decision else {
        return format!("{:?}", verdict.decision);
    };
    let (policy, key) = (authorizer.policy().clone(), signing_key());
    let told =
        permit.headers(&policy, (authorizer.assertions_mut(), Some(&key)), "GET", now()).unwrap();
    format!("{:?} {told:?}", permit.shadow())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_decision_does_not_hang_on_the_order_of_members(seed: u64) {
        thread_local! {
            static CASES: Vec<Rewritable> = corpus::cases().into_iter().filter_map(Rewritable::of).collect();
        }
        let rank = |name: &str| {
            name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        };
        CASES.with(|cases| {
            prop_assert!(cases.len() > 100, "{} cases", cases.len());
            for Rewritable { case, token, header, claims, outcome: before } in cases {
                let [header, claims] = [header, claims].map(|part| written(part, &rank));
                let shuffled = corpus::signed("EdDSA", header.as_bytes(), claims.as_bytes());
                let after = outcome(case, token, &shuffled);
                prop_assert_eq!(before, &after, "{}: {} {}", case.name, header, claims);
            }
            Ok(())
        })?;
    }
}
