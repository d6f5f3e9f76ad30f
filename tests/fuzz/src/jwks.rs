//! A provider's document of keys.

use std::rc::Rc;

use portcullis_engine::authorizer::{Authorizer, Decision};
use portcullis_engine::clock::Monotonic;
use portcullis_engine::jose::jwks::{Key, KeySet};
use portcullis_engine::jose::signature::Algorithm;
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::{Policy, ProviderId};
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use serde_json::json;

use crate::fixture::{NOW, Peer, at, headers, load};

/// Larger than what a key of the seeds has; a provider with larger ones is as slow as it likes to
/// be.
const KEYS: usize = 4;

/// What can be read is used; a signature that nobody made verifies by no key of it.
pub fn jwks(input: &[u8]) {
    thread_local! {
        static POLICY: (Rc<Policy>, ProviderId) = fetched();
    }
    let Ok(set) = KeySet::parse(input) else { return };
    assert!(!set.keys().is_empty() && set.keys().len() + set.ignored() <= 1000);
    let again = KeySet::parse(input).expect("the same text");
    let identities = |set: &KeySet| set.keys().iter().map(Key::identity).collect::<Vec<_>>();
    assert_eq!(identities(&set), identities(&again));
    let fits =
        |key: &Key| Algorithm::ALL.into_iter().filter(|it| key.fits(*it)).collect::<Vec<_>>();
    // a provider has a bound for the size of such keys
    let pss_only =
        set.keys().iter().all(|key| fits(key).iter().all(|it| it.name().starts_with("PS")));
    let keys: Vec<_> = set.keys().iter().take(KEYS).cloned().collect();
    POLICY.with(|(policy, main)| {
        let mut authorizer = Authorizer::new(Rc::clone(policy), RUST_CRYPTO);
        authorizer.key_store_mut().install(*main, set, Monotonic(1));
        assert!(
            authorizer.key_store().state(*main).is_some_and(|state| state.usable > 0 || pss_only)
        );
        for key in keys {
            assert!(key.kid().is_none_or(|kid| (1..=256).contains(&kid.len())));
            let fitting = fits(&key);
            assert!(!fitting.is_empty(), "a key that fits nothing");
            for algorithm in fitting {
                for signature in signatures() {
                    forged_is_refused(&mut authorizer, &key, algorithm, &signature);
                }
            }
        }
    });
}

/// The policy of the corpus, but that the keys of `main` are fetched.
pub(crate) fn fetched() -> (Rc<Policy>, ProviderId) {
    let mut document = corpus::policy();
    document["providers"]["main"]["jwks"] =
        json!({ "uri": "https://main.example/jwks", "cluster": "main" });
    let policy = load(&document);
    let main = policy.provider_of_issuer("https://main.example").expect("a provider");
    (policy, main)
}

/// Of the lengths that signatures have: all zero, all one, and the neutral element with a zero,
/// which verifies by an Ed25519 key of small order.
fn signatures() -> Vec<Vec<u8>> {
    let mut neutral = vec![0; 64];
    neutral[0] = 1;
    let mut all = vec![neutral];
    for length in [64, 96, 256] {
        all.extend([vec![0; length], vec![1; length]]);
    }
    all
}

fn forged_is_refused(
    authorizer: &mut Authorizer,
    key: &Key,
    algorithm: Algorithm,
    signature: &[u8],
) {
    let mut header = json!({ "alg": algorithm.name(), "typ": "JWT" });
    if let Some(kid) = key.kid() {
        header["kid"] = json!(kid);
    }
    let claims = json!({
        "iss": "https://main.example", "sub": "mallory", "aud": "orders-api", "exp": NOW + 300, "typ": "Bearer",
    });
    let token = crate::token::joined([
        header.to_string().as_bytes(),
        claims.to_string().as_bytes(),
        signature,
    ]);
    let bearer = format!("Bearer {token}").into_bytes();
    let headers = headers(b"GET", b"/me", b"main.example", [("authorization".to_owned(), bearer)]);
    let verdict = authorizer.decide(&Request::new(Headers(&headers)), &Peer(None), at(0));
    assert!(matches!(verdict.decision, Decision::Refuse(_)), "{:?}", verdict.decision);
}
