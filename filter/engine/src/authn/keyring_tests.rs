//! Which key verifies a token, which key ids are worth a fetch, and which document is the newest.
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::signature::RUST_CRYPTO;
use super::*;
use crate::policy::Policy;

const MAIN: ProviderId = ProviderId(0);

fn policy(jwks: &Value) -> Policy {
    let document = json!({
        "providers": { "main": {
            "issuer": "https://main.example", "audiences": ["a"], "jwks": jwks,
            "algorithms": ["EdDSA", "RS256"], "token_types": ["at+jwt"],
        } },
        "services": { "a": { "hosts": ["*"], "routes": [{ "match": "GET /", "authenticated": true }] } },
    });
    Policy::from_json(document.to_string().as_bytes()).unwrap()
}

fn fetched() -> Policy {
    policy(&json!({ "uri": "https://main.example/jwks", "cluster": "main", "max_stale": "1h" }))
}

fn at(seconds: u64) -> Steady {
    Steady::default().plus(Duration::from_secs(seconds))
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// One of many Ed25519 keys.
fn key(kid: &str, number: u8) -> Value {
    use base64::Engine as _;
    let public = ed25519_dalek::SigningKey::from_bytes(&[number; 32]).verifying_key();
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(public.as_bytes());
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x })
}

/// A ring with one key, `a`, fetched at 100 s.
fn ring(policy: &Policy) -> Keyring {
    let mut keyring = Keyring::new(policy, RUST_CRYPTO);
    keyring.install(MAIN, set(&[key("a", 1)]), at(100));
    keyring
}

/// The key for a request that arrives at `now`.
fn find(keyring: &Keyring, policy: &Policy, kid: &str, now: u64) -> Result<Rc<LoadedKey>, NoKey> {
    find_again(keyring, policy, kid, now, now)
}

/// The key for a request that arrived at `arrived`, and has waited until `now`.
fn find_again(
    keyring: &Keyring,
    policy: &Policy,
    kid: &str,
    arrived: u64,
    now: u64,
) -> Result<Rc<LoadedKey>, NoKey> {
    keyring.find(MAIN, &policy.providers()[0], (Some(kid), Algorithm::EdDSA), (at(arrived), at(now)))
}

const WAIT: Option<NoKey> = Some(NoKey::Wait(Missing::Kid));
const UNKNOWN: Option<NoKey> = Some(NoKey::Refused(Reason::KeyUnknown));

#[test]
fn before_the_first_keys_every_kid_waits_for_them_and_stale_keys_verify_nothing() {
    let policy = fetched();
    let keyring = Keyring::new(&policy, RUST_CRYPTO);
    assert_eq!(find(&keyring, &policy, "a", 1).err(), Some(NoKey::Wait(Missing::AllKeys)));
    let keyring = ring(&policy);
    assert!(find(&keyring, &policy, "a", 100 + 3599).is_ok());
    let stale = Some(NoKey::Refused(Reason::KeysStale));
    assert_eq!(find(&keyring, &policy, "a", 100 + 3600).err(), stale);
    assert_eq!(find(&keyring, &policy, "nobody's", 100 + 3600).err(), stale);
}

#[test]
fn a_request_with_an_unknown_kid_waits_until_a_fetch_begun_after_it_arrived_did_not_bring_it() {
    let policy = fetched();
    let mut keyring = ring(&policy);
    let waited_since_110 = |keyring: &Keyring, now| find_again(keyring, &policy, "b", 110, now);
    assert_eq!(waited_since_110(&keyring, 110).err(), WAIT);
    // begun before: it may have come too early for the key
    keyring.install(MAIN, set(&[key("a", 1)]), at(109));
    assert_eq!(waited_since_110(&keyring, 111).err(), WAIT);
    keyring.install(MAIN, set(&[key("a", 1)]), at(112));
    assert_eq!(waited_since_110(&keyring, 113).err(), UNKNOWN);
    keyring.install(MAIN, set(&[key("a", 1), key("b", 2)]), at(120));
    assert!(waited_since_110(&keyring, 121).is_ok());
}

/// A client that sends tomorrow's key id before the provider publishes the key harms itself only.
#[test]
fn a_kid_that_a_fetch_did_not_bring_is_not_refused_to_a_request_that_arrives_later() {
    let policy = fetched();
    let mut keyring = ring(&policy);
    assert_eq!(find(&keyring, &policy, "tomorrow", 110).err(), WAIT);
    keyring.install(MAIN, set(&[key("a", 1)]), at(111));
    assert_eq!(find_again(&keyring, &policy, "tomorrow", 110, 112).err(), UNKNOWN);
    assert_eq!(find(&keyring, &policy, "tomorrow", 112).err(), WAIT);
}

#[test]
fn a_withdrawn_kid_is_refused_at_once_and_may_come_again() {
    let policy = fetched();
    let interval = 30;
    let mut keyring = ring(&policy);
    let old = find(&keyring, &policy, "a", 101).unwrap();
    keyring.install(MAIN, set(&[key("b", 2)]), at(110));
    assert!(old.is_withdrawn());
    assert_eq!(find(&keyring, &policy, "a", 110 + interval - 1).err(), UNKNOWN);
    assert_eq!(find(&keyring, &policy, "a", 110 + interval).err(), WAIT, "it may have been published again");
    keyring.install(MAIN, set(&[key("a", 1)]), at(120));
    assert!(find(&keyring, &policy, "a", 121).is_ok());
}

#[test]
fn a_key_that_stays_is_the_same_and_another_one_under_its_kid_withdraws_it() {
    let policy = fetched();
    let mut keyring = ring(&policy);
    let first = find(&keyring, &policy, "a", 101).unwrap();
    keyring.install(MAIN, set(&[key("b", 2), key("a", 1)]), at(110));
    assert!(Rc::ptr_eq(&first, &find(&keyring, &policy, "a", 111).unwrap()) && !first.is_withdrawn());
    keyring.install(MAIN, set(&[key("a", 3)]), at(120));
    assert!(first.is_withdrawn() && !find(&keyring, &policy, "a", 121).unwrap().is_withdrawn());
}

#[test]
fn an_older_document_never_replaces_a_newer_one() {
    let policy = fetched();
    let mut keyring = ring(&policy);
    for begun in [100, 99, 0] {
        keyring.install(MAIN, set(&[key("b", 2)]), at(begun));
        assert!(find(&keyring, &policy, "a", 101).is_ok(), "begun at {begun}");
        assert_eq!(keyring.state(MAIN).unwrap().begun, Some(at(100)));
    }
    let inline = policy_with_inline_keys();
    let mut keyring = Keyring::new(&inline, RUST_CRYPTO);
    keyring.install(MAIN, set(&[key("b", 2)]), at(1));
    assert!(find(&keyring, &inline, "a", 1).is_ok(), "inline keys are the policy's own");
}

fn policy_with_inline_keys() -> Policy {
    policy(&json!({ "inline": { "keys": [key("a", 1)] } }))
}

#[test]
fn inline_keys_never_wait_and_are_never_stale() {
    let policy = policy_with_inline_keys();
    let keyring = Keyring::new(&policy, RUST_CRYPTO);
    assert!(find(&keyring, &policy, "a", 1_000_000).is_ok());
    assert_eq!(find(&keyring, &policy, "b", 1).err(), UNKNOWN);
}

#[test]
fn withdrawn_kids_fill_no_memory() {
    let policy = fetched();
    let mut keyring = ring(&policy);
    for number in 0..200_u8 {
        keyring.install(MAIN, set(&[key(&number.to_string(), number)]), at(110 + u64::from(number)));
    }
    assert_eq!(keyring.rings[0].withdrawn.len(), MAX_WITHDRAWN);
}

#[test]
fn without_a_kid_exactly_one_key_must_fit() {
    let policy = fetched();
    let of = |keys: &[Value]| {
        let mut keyring = Keyring::new(&policy, RUST_CRYPTO);
        keyring.install(MAIN, set(keys), at(1));
        keyring.find(MAIN, &policy.providers()[0], (None, Algorithm::EdDSA), (at(2), at(2))).err()
    };
    assert_eq!(of(&[key("a", 1)]), None);
    assert_eq!(of(&[key("a", 1), key("a", 1)]), None, "the same key twice is one");
    assert_eq!(of(&[key("a", 1), key("b", 2)]), Some(NoKey::Refused(Reason::KeyAmbiguous)));
}

proptest! {
    /// Documents arrive in any order, ids are asked for at any time: the keys are always those of the newest document.
    #[test]
    fn the_keys_are_always_those_of_the_newest_document(
        events in prop::collection::vec((0_u64..50, prop::collection::vec(0_u8..4, 1..3), any::<bool>()), 1..30),
    ) {
        let policy = fetched();
        let mut keyring = Keyring::new(&policy, RUST_CRYPTO);
        let mut newest: Option<(u64, Vec<u8>)> = None;
        for (time, numbers, arrives) in events {
            if arrives {
                let keys: Vec<_> = numbers.iter().map(|number| key(&number.to_string(), *number + 1)).collect();
                keyring.install(MAIN, set(&keys), at(time));
                if newest.as_ref().is_none_or(|(begun, _)| *begun < time) {
                    newest = Some((time, numbers));
                }
            } else {
                let kid = numbers[0];
                let found = find(&keyring, &policy, &kid.to_string(), time);
                match (&newest, found) {
                    (None, found) => prop_assert_eq!(found.err(), Some(NoKey::Wait(Missing::AllKeys))),
                    (Some((_, keys)), found) => prop_assert_eq!(found.is_ok(), keys.contains(&kid)),
                }
            }
        }
    }
}

/// An RSA key of so many bits, without a private key: the tests look it up and verify nothing with it.
fn rsa(kid: &str, bits: usize, alg: Option<&str>) -> Value {
    use base64::Engine as _;
    let n = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8]);
    let mut key = json!({ "kty": "RSA", "kid": kid, "n": n, "e": "AQAB" });
    if let Some(alg) = alg {
        key["alg"] = json!(alg);
    }
    key
}

#[test]
fn an_rsa_key_over_the_bound_verifies_no_pss_signature_and_others_as_before() {
    let keys = json!({ "inline": { "keys": [
        rsa("small", 2048, Some("PS256")), rsa("large", 3072, Some("PS256")), rsa("any", 4096, None),
        rsa("v1.5", 4096, Some("RS256")),
    ] } });
    let with = |most: Option<usize>| {
        let mut document = json!({
            "providers": { "main": {
                "issuer": "https://main.example", "audiences": ["a"], "jwks": keys,
                "algorithms": ["PS256", "RS256"], "token_types": ["at+jwt"]
            } },
            "services": { "a": { "hosts": ["*"], "routes": [{ "match": "GET /", "authenticated": true }] } },
        });
        if let Some(most) = most {
            document["providers"]["main"]["max_pss_key_bits"] = json!(most);
        }
        Policy::from_json(document.to_string().as_bytes()).unwrap()
    };
    let unsuitable = Some(NoKey::Refused(Reason::KeyUnsuitable));
    for (most, too_large) in [
        (None, &["large", "any"][..]),
        (Some(2048), &["large", "any"]),
        (Some(3072), &["any"]),
        (Some(4096), &[]),
    ] {
        let policy = with(most);
        let keyring = Keyring::new(&policy, RUST_CRYPTO);
        for kid in ["small", "large", "any"] {
            let found =
                keyring.find(MAIN, &policy.providers()[0], (Some(kid), Algorithm::PS256), (at(1), at(1)));
            assert_eq!(found.err(), unsuitable.filter(|_| too_large.contains(&kid)), "{kid} {most:?}");
        }
        for kid in ["any", "v1.5"] {
            let found =
                keyring.find(MAIN, &policy.providers()[0], (Some(kid), Algorithm::RS256), (at(1), at(1)));
            assert!(found.is_ok(), "the host verifies RS256: {kid} {most:?}");
        }
        let named: Vec<_> = keyring.too_large_for_pss(MAIN).filter_map(Key::kid).collect();
        assert_eq!(named, too_large, "{most:?}");
        let state = keyring.state(MAIN).unwrap();
        let of_no_use = usize::from(too_large.contains(&"large"));
        assert_eq!((state.usable, state.ignored), (4 - of_no_use, of_no_use), "{most:?}");
    }
    // without a key id, the one key that may be used is meant
    let policy = with(None);
    let keyring = Keyring::new(&policy, RUST_CRYPTO);
    assert!(keyring.find(MAIN, &policy.providers()[0], (None, Algorithm::PS256), (at(1), at(1))).is_ok());
}
