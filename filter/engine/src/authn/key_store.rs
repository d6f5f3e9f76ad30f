//! The keys of every provider as one worker knows them: which key verifies a token, and which keys
//! are still in use. It fetches nothing; the adapter installs what it fetched.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use jsonwebtoken::crypto::CryptoProvider;

use crate::clock::Monotonic;
use crate::jose::jwks::{Key, KeyIdentity, KeySet};
use crate::jose::signature::{Algorithm, Proof, Verifiers};
use crate::model::{KeySource, Policy, Provider, ProviderId};
use crate::reason::Reason;
use crate::sorted_map::SortedMap;

/// Withdrawn key ids remembered for one provider. Beyond it the oldest is forgotten.
const MAX_WITHDRAWN: usize = 64;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PendingKeys {
    /// The provider's first keys.
    AllKeys,
    /// A key whose id no fetch has looked for since the request arrived.
    Kid,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyLookupError {
    /// The token is refused.
    Refused(Reason),
    /// A fetch may bring it.
    Wait(PendingKeys),
}

/// A key in use. Cached tokens hold on to theirs, and see when it is withdrawn.
#[derive(Debug)]
pub(crate) struct LoadedKey {
    key: Key,
    verifiers: Verifiers,
    withdrawn: Cell<bool>,
}

/// The keys of all providers of one policy.
#[derive(Debug)]
pub struct KeyStore {
    crypto: &'static CryptoProvider,
    rings: Vec<ProviderKeys>,
}

/// The keys of one provider.
#[derive(Debug, Default)]
struct ProviderKeys {
    /// As [`Provider::max_pss_key_bits`].
    max_pss_key_bits: usize,
    loaded: Option<Loaded>,
    withdrawn: VecDeque<WithdrawnKid>,
}

#[derive(Debug)]
struct Loaded {
    keys: Vec<Rc<LoadedKey>>,
    by_kid: SortedMap<Vec<Rc<LoadedKey>>>,
    set: KeySet,
    /// When the fetch began that brought them; `None`: inline, never stale.
    started_at: Option<Monotonic>,
}

/// The id of a key that the provider has withdrawn.
#[derive(Debug)]
struct WithdrawnKid {
    kid: Box<str>,
    /// When the fetch began whose document no longer had the key.
    since: Monotonic,
}

/// What is known of a provider's keys, for gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// Keys in use.
    pub usable: usize,
    /// Keys of the document that cannot be used.
    pub ignored: usize,
    /// When the fetch began that brought them; `None`: inline.
    pub started_at: Option<Monotonic>,
}

impl KeyStore {
    /// A ring for each provider; inline keys are in use at once.
    pub fn new(policy: &Policy, crypto: &'static CryptoProvider) -> Self {
        let ring = |provider: &Provider| {
            let loaded = match &provider.keys {
                KeySource::Inline(set) => Some(Loaded::new(set.clone(), None, None)),
                KeySource::Uri(_) | KeySource::Discovery(_) => None,
            };
            ProviderKeys {
                max_pss_key_bits: provider.max_pss_key_bits,
                loaded,
                ..ProviderKeys::default()
            }
        };
        Self { crypto, rings: policy.providers().iter().map(ring).collect() }
    }

    /// Puts the keys in use that a fetch brought which began at `started_at`. Keys that the fetch
    /// did not bring are withdrawn, and end the tokens that they signed.
    pub fn install(&mut self, provider: ProviderId, set: KeySet, started_at: Monotonic) {
        let Some(ring) = self.ring_mut(provider) else { return };
        // an older document never replaces a newer one
        if ring
            .loaded
            .as_ref()
            .is_some_and(|loaded| loaded.started_at.is_none_or(|newer| newer >= started_at))
        {
            return;
        }
        let before = ring.loaded.take();
        let had = before.iter().flat_map(|loaded| &loaded.keys).filter_map(|key| key.key.kid());
        let had: Vec<Box<str>> = had.map(Box::from).collect();
        let loaded = Loaded::new(set, Some(started_at), before);
        for kid in had.into_iter().filter(|kid| loaded.by_kid.get(kid.as_bytes()).is_none()) {
            ring.withdraw(kid, started_at);
        }
        ring.loaded = Some(loaded);
    }

    /// What is known of a provider's keys; `None`: nothing yet.
    pub fn state(&self, provider: ProviderId) -> Option<KeyState> {
        let loaded = self.ring(provider)?.loaded.as_ref()?;
        let for_pss_only = |key: &&Key| key.alg().is_some_and(Algorithm::is_pss);
        let too_large = self.too_large_for_pss(provider).filter(for_pss_only).count();
        let (usable, ignored) = (loaded.keys.len() - too_large, loaded.set.ignored() + too_large);
        Some(KeyState { usable, ignored, started_at: loaded.started_at })
    }

    /// The keys of a provider that might verify RSA-PSS if they were not larger than its policy
    /// permits.
    pub fn too_large_for_pss(&self, provider: ProviderId) -> impl Iterator<Item = &Key> {
        let ring = self.ring(provider);
        let keys =
            ring.and_then(|ring| ring.loaded.as_ref()).into_iter().flat_map(|loaded| &loaded.keys);
        let most = ring.map_or(0, |ring| ring.max_pss_key_bits);
        let pss = || Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_pss());
        let too_large = move |key: &&Key| pss().any(|it| key.fits(it) && !permits(most, key, it));
        keys.map(|loaded| &loaded.key).filter(too_large)
    }

    /// Whether the provider's keys are fresh enough to be used.
    ///
    /// # Errors
    /// There are none yet, or they are older than `max_stale`.
    pub(crate) fn fresh(
        &self,
        id: ProviderId,
        provider: &Provider,
        now: Monotonic,
    ) -> Result<(), KeyLookupError> {
        let loaded = self
            .ring(id)
            .and_then(|ring| ring.loaded.as_ref())
            .ok_or(KeyLookupError::Wait(PendingKeys::AllKeys))?;
        match loaded.started_at {
            Some(started_at) if now.since(started_at) >= provider.key_times.max_stale => {
                Err(KeyLookupError::Refused(Reason::KeysStale))
            }
            _ => Ok(()),
        }
    }

    /// The one key for a token's `kid` and `alg` (RFC 7515 4.1.4), among this provider's alone.
    ///
    /// A key id that the keys do not have is refused only if a fetch that began after `arrived` did
    /// not bring it: any fetch before may have been too early for a key that the provider has
    /// published since.
    ///
    /// # Errors
    /// Why there is none, or not one.
    pub(crate) fn find(
        &self,
        id: ProviderId,
        provider: &Provider,
        (kid, algorithm): (Option<&str>, Algorithm),
        (arrived, now): (Monotonic, Monotonic),
    ) -> Result<Rc<LoadedKey>, KeyLookupError> {
        self.fresh(id, provider, now)?;
        let ring = self.ring(id).ok_or(KeyLookupError::Wait(PendingKeys::AllKeys))?;
        let loaded = ring.loaded.as_ref().ok_or(KeyLookupError::Wait(PendingKeys::AllKeys))?;
        let most = ring.max_pss_key_bits;
        let Some(kid) = kid else {
            return only(&loaded.keys, most, algorithm)
                .ok_or(KeyLookupError::Refused(Reason::KeyAmbiguous));
        };
        let Some(named) = loaded.by_kid.get(kid.as_bytes()) else {
            if loaded.set.ignores(kid) {
                return Err(KeyLookupError::Refused(Reason::KeyUnsuitable));
            }
            let memory = provider.key_times.unknown_kid_interval;
            let is_absent = loaded.started_at.is_none_or(|started_at| started_at > arrived)
                || ring.withdrew(kid, now, memory);
            return Err(if is_absent {
                KeyLookupError::Refused(Reason::KeyUnknown)
            } else {
                KeyLookupError::Wait(PendingKeys::Kid)
            });
        };
        only(named, most, algorithm).ok_or_else(|| {
            let several = named.iter().any(|key| is_usable(key, most, algorithm));
            KeyLookupError::Refused(if several {
                Reason::KeyAmbiguous
            } else {
                Reason::KeyUnsuitable
            })
        })
    }

    /// Verifies a signature by a key of this ring.
    pub(crate) fn verify(
        &self,
        key: &LoadedKey,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &Vec<u8>,
    ) -> Option<Proof> {
        key.verifiers.verify(self.crypto, &key.key, algorithm, signed, signature)
    }

    fn ring(&self, provider: ProviderId) -> Option<&ProviderKeys> {
        self.rings.get(provider.0 as usize)
    }

    fn ring_mut(&mut self, provider: ProviderId) -> Option<&mut ProviderKeys> {
        self.rings.get_mut(provider.0 as usize)
    }
}

impl LoadedKey {
    /// Whether the provider has withdrawn it, or put another key under its id.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.get()
    }
}

impl ProviderKeys {
    fn withdraw(&mut self, kid: Box<str>, since: Monotonic) {
        if self.withdrawn.len() >= MAX_WITHDRAWN {
            self.withdrawn.pop_front();
        }
        self.withdrawn.push_back(WithdrawnKid { kid, since });
    }

    /// Whether the provider withdrew a key of this id within the last `memory`. The provider may
    /// publish the id again, so this is not remembered for ever.
    fn withdrew(&self, kid: &str, now: Monotonic, memory: Duration) -> bool {
        self.withdrawn.iter().any(|it| *it.kid == *kid && now.since(it.since) < memory)
    }
}

impl Loaded {
    /// Keys that were in use before go on as they are; the others are made, and those that are gone
    /// are withdrawn.
    fn new(set: KeySet, started_at: Option<Monotonic>, before: Option<Self>) -> Self {
        let before = before.map(|loaded| loaded.keys).unwrap_or_default();
        let mut known: HashMap<KeyIdentity, Rc<LoadedKey>> =
            before.into_iter().map(|key| (key.key.identity(), key)).collect();
        let mut keys = Vec::new();
        for key in set.keys() {
            let make = || Rc::new(LoadedKey::from(key.clone()));
            // the same key twice in one document is one key
            if keys.iter().all(|it: &Rc<LoadedKey>| it.key.identity() != key.identity()) {
                keys.push(known.remove(&key.identity()).unwrap_or_else(make));
            }
        }
        for gone in known.into_values() {
            gone.withdrawn.set(true);
        }
        let mut by_kid: SortedMap<Vec<_>> = SortedMap::default();
        for key in &keys {
            let Some(kid) = key.key.kid().map(str::as_bytes) else { continue };
            match by_kid.get_mut(kid) {
                Some(named) => named.push(Rc::clone(key)),
                None => drop(by_kid.insert(kid, vec![Rc::clone(key)])),
            }
        }
        Self { keys, by_kid, set, started_at }
    }
}

/// Whether a key may verify signatures of an algorithm where RSA-PSS is permitted up to
/// `max_pss_key_bits`.
fn is_usable(key: &LoadedKey, max_pss_key_bits: usize, algorithm: Algorithm) -> bool {
    key.key.fits(algorithm) && permits(max_pss_key_bits, &key.key, algorithm)
}

/// The sandbox verifies RSA-PSS itself, so what a bad signature costs grows with the square of the
/// key's length.
fn permits(max_pss_key_bits: usize, key: &Key, algorithm: Algorithm) -> bool {
    !algorithm.is_pss() || key.rsa_bits().is_none_or(|bits| bits <= max_pss_key_bits)
}

/// The one key that fits, if there is exactly one.
fn only(
    among: &[Rc<LoadedKey>],
    max_pss_key_bits: usize,
    algorithm: Algorithm,
) -> Option<Rc<LoadedKey>> {
    let mut fitting = among.iter().filter(|key| is_usable(key, max_pss_key_bits, algorithm));
    fitting.next().filter(|_| fitting.next().is_none()).cloned()
}

impl From<Key> for LoadedKey {
    fn from(key: Key) -> Self {
        Self { key, verifiers: Verifiers::default(), withdrawn: Cell::new(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::signature::RUST_CRYPTO;
    use crate::model::Policy;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::time::Duration;

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

    fn at(seconds: u64) -> Monotonic {
        Monotonic::default().plus(Duration::from_secs(seconds))
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
    fn ring(policy: &Policy) -> KeyStore {
        let mut key_store = KeyStore::new(policy, RUST_CRYPTO);
        key_store.install(MAIN, set(&[key("a", 1)]), at(100));
        key_store
    }

    /// The key for a request that arrives at `now`.
    fn find(
        key_store: &KeyStore,
        policy: &Policy,
        kid: &str,
        now: u64,
    ) -> Result<Rc<LoadedKey>, KeyLookupError> {
        find_again(key_store, policy, kid, now, now)
    }

    /// The key for a request that arrived at `arrived`, and has waited until `now`.
    fn find_again(
        key_store: &KeyStore,
        policy: &Policy,
        kid: &str,
        arrived: u64,
        now: u64,
    ) -> Result<Rc<LoadedKey>, KeyLookupError> {
        key_store.find(
            MAIN,
            &policy.providers()[0],
            (Some(kid), Algorithm::EdDSA),
            (at(arrived), at(now)),
        )
    }

    const WAIT: Option<KeyLookupError> = Some(KeyLookupError::Wait(PendingKeys::Kid));
    const UNKNOWN: Option<KeyLookupError> = Some(KeyLookupError::Refused(Reason::KeyUnknown));

    #[test]
    fn before_the_first_keys_every_kid_waits_for_them_and_stale_keys_verify_nothing() {
        let policy = fetched();
        let key_store = KeyStore::new(&policy, RUST_CRYPTO);
        assert_eq!(
            find(&key_store, &policy, "a", 1).err(),
            Some(KeyLookupError::Wait(PendingKeys::AllKeys))
        );
        let key_store = ring(&policy);
        assert!(find(&key_store, &policy, "a", 100 + 3599).is_ok());
        let stale = Some(KeyLookupError::Refused(Reason::KeysStale));
        assert_eq!(find(&key_store, &policy, "a", 100 + 3600).err(), stale);
        assert_eq!(find(&key_store, &policy, "nobody's", 100 + 3600).err(), stale);
    }

    #[test]
    fn a_request_with_an_unknown_kid_waits_until_a_fetch_begun_after_it_arrived_did_not_bring_it() {
        let policy = fetched();
        let mut key_store = ring(&policy);
        let waited_since_110 =
            |key_store: &KeyStore, now| find_again(key_store, &policy, "b", 110, now);
        assert_eq!(waited_since_110(&key_store, 110).err(), WAIT);
        // begun before: it may have come too early for the key
        key_store.install(MAIN, set(&[key("a", 1)]), at(109));
        assert_eq!(waited_since_110(&key_store, 111).err(), WAIT);
        key_store.install(MAIN, set(&[key("a", 1)]), at(112));
        assert_eq!(waited_since_110(&key_store, 113).err(), UNKNOWN);
        key_store.install(MAIN, set(&[key("a", 1), key("b", 2)]), at(120));
        assert!(waited_since_110(&key_store, 121).is_ok());
    }

    /// A client that sends tomorrow's key id before the provider publishes the key harms itself
    /// only.
    #[test]
    fn a_kid_that_a_fetch_did_not_bring_is_not_refused_to_a_request_that_arrives_later() {
        let policy = fetched();
        let mut key_store = ring(&policy);
        assert_eq!(find(&key_store, &policy, "tomorrow", 110).err(), WAIT);
        key_store.install(MAIN, set(&[key("a", 1)]), at(111));
        assert_eq!(find_again(&key_store, &policy, "tomorrow", 110, 112).err(), UNKNOWN);
        assert_eq!(find(&key_store, &policy, "tomorrow", 112).err(), WAIT);
    }

    #[test]
    fn a_withdrawn_kid_is_refused_at_once_and_may_come_again() {
        let policy = fetched();
        let interval = 30;
        let mut key_store = ring(&policy);
        let old = find(&key_store, &policy, "a", 101).unwrap();
        key_store.install(MAIN, set(&[key("b", 2)]), at(110));
        assert!(old.is_withdrawn());
        assert_eq!(find(&key_store, &policy, "a", 110 + interval - 1).err(), UNKNOWN);
        assert_eq!(
            find(&key_store, &policy, "a", 110 + interval).err(),
            WAIT,
            "it may have been published again"
        );
        key_store.install(MAIN, set(&[key("a", 1)]), at(120));
        assert!(find(&key_store, &policy, "a", 121).is_ok());
    }

    #[test]
    fn a_key_that_stays_is_the_same_and_another_one_under_its_kid_withdraws_it() {
        let policy = fetched();
        let mut key_store = ring(&policy);
        let first = find(&key_store, &policy, "a", 101).unwrap();
        key_store.install(MAIN, set(&[key("b", 2), key("a", 1)]), at(110));
        assert!(
            Rc::ptr_eq(&first, &find(&key_store, &policy, "a", 111).unwrap())
                && !first.is_withdrawn()
        );
        key_store.install(MAIN, set(&[key("a", 3)]), at(120));
        assert!(
            first.is_withdrawn() && !find(&key_store, &policy, "a", 121).unwrap().is_withdrawn()
        );
    }

    #[test]
    fn an_older_document_never_replaces_a_newer_one() {
        let policy = fetched();
        let mut key_store = ring(&policy);
        for started_at in [100, 99, 0] {
            key_store.install(MAIN, set(&[key("b", 2)]), at(started_at));
            assert!(find(&key_store, &policy, "a", 101).is_ok(), "begun at {started_at}");
            assert_eq!(key_store.state(MAIN).unwrap().started_at, Some(at(100)));
        }
        let inline = policy_with_inline_keys();
        let mut key_store = KeyStore::new(&inline, RUST_CRYPTO);
        key_store.install(MAIN, set(&[key("b", 2)]), at(1));
        assert!(find(&key_store, &inline, "a", 1).is_ok(), "inline keys are the policy's own");
    }

    fn policy_with_inline_keys() -> Policy {
        policy(&json!({ "inline": { "keys": [key("a", 1)] } }))
    }

    #[test]
    fn inline_keys_never_wait_and_are_never_stale() {
        let policy = policy_with_inline_keys();
        let key_store = KeyStore::new(&policy, RUST_CRYPTO);
        assert!(find(&key_store, &policy, "a", 1_000_000).is_ok());
        assert_eq!(find(&key_store, &policy, "b", 1).err(), UNKNOWN);
    }

    #[test]
    fn withdrawn_kids_fill_no_memory() {
        let policy = fetched();
        let mut key_store = ring(&policy);
        for number in 0..200_u8 {
            key_store.install(
                MAIN,
                set(&[key(&number.to_string(), number)]),
                at(110 + u64::from(number)),
            );
        }
        assert_eq!(key_store.rings[0].withdrawn.len(), MAX_WITHDRAWN);
    }

    #[test]
    fn without_a_kid_exactly_one_key_must_fit() {
        let policy = fetched();
        let of = |keys: &[Value]| {
            let mut key_store = KeyStore::new(&policy, RUST_CRYPTO);
            key_store.install(MAIN, set(keys), at(1));
            key_store
                .find(MAIN, &policy.providers()[0], (None, Algorithm::EdDSA), (at(2), at(2)))
                .err()
        };
        assert_eq!(of(&[key("a", 1)]), None);
        assert_eq!(of(&[key("a", 1), key("a", 1)]), None, "the same key twice is one");
        assert_eq!(
            of(&[key("a", 1), key("b", 2)]),
            Some(KeyLookupError::Refused(Reason::KeyAmbiguous))
        );
    }

    proptest! {
        /// Documents arrive in any order, ids are asked for at any time: the keys are always those
        /// of the newest document.
        #[test]
        fn the_keys_are_always_those_of_the_newest_document(
            events in prop::collection::vec((0_u64..50, prop::collection::vec(0_u8..4, 1..3), any::<bool>()), 1..30),
        ) {
            let policy = fetched();
            let mut key_store = KeyStore::new(&policy, RUST_CRYPTO);
            let mut newest: Option<(u64, Vec<u8>)> = None;
            for (time, numbers, arrives) in events {
                if arrives {
                    let keys: Vec<_> = numbers.iter().map(|number| key(&number.to_string(), *number + 1)).collect();
                    key_store.install(MAIN, set(&keys), at(time));
                    if newest.as_ref().is_none_or(|(started_at, _)| *started_at < time) {
                        newest = Some((time, numbers));
                    }
                } else {
                    let kid = numbers[0];
                    let found = find(&key_store, &policy, &kid.to_string(), time);
                    match (&newest, found) {
                        (None, found) => prop_assert_eq!(found.err(), Some(KeyLookupError::Wait(PendingKeys::AllKeys))),
                        (Some((_, keys)), found) => prop_assert_eq!(found.is_ok(), keys.contains(&kid)),
                    }
                }
            }
        }
    }

    /// An RSA key of so many bits, without a private key: the tests look it up and verify nothing
    /// with it.
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
        let unsuitable = Some(KeyLookupError::Refused(Reason::KeyUnsuitable));
        for (most, too_large) in [
            (None, &["large", "any"][..]),
            (Some(2048), &["large", "any"]),
            (Some(3072), &["any"]),
            (Some(4096), &[]),
        ] {
            let policy = with(most);
            let key_store = KeyStore::new(&policy, RUST_CRYPTO);
            for kid in ["small", "large", "any"] {
                let found = key_store.find(
                    MAIN,
                    &policy.providers()[0],
                    (Some(kid), Algorithm::PS256),
                    (at(1), at(1)),
                );
                assert_eq!(
                    found.err(),
                    unsuitable.filter(|_| too_large.contains(&kid)),
                    "{kid} {most:?}"
                );
            }
            for kid in ["any", "v1.5"] {
                let found = key_store.find(
                    MAIN,
                    &policy.providers()[0],
                    (Some(kid), Algorithm::RS256),
                    (at(1), at(1)),
                );
                assert!(found.is_ok(), "the host verifies RS256: {kid} {most:?}");
            }
            let named: Vec<_> = key_store.too_large_for_pss(MAIN).filter_map(Key::kid).collect();
            assert_eq!(named, too_large, "{most:?}");
            let state = key_store.state(MAIN).unwrap();
            let of_no_use = usize::from(too_large.contains(&"large"));
            assert_eq!((state.usable, state.ignored), (4 - of_no_use, of_no_use), "{most:?}");
        }
        // without a key id, the one key that may be used is meant
        let policy = with(None);
        let key_store = KeyStore::new(&policy, RUST_CRYPTO);
        assert!(
            key_store
                .find(MAIN, &policy.providers()[0], (None, Algorithm::PS256), (at(1), at(1)))
                .is_ok()
        );
    }
}
