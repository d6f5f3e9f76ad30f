//! The keys of every provider as one worker knows them: which key verifies a token, and which keys are still in use. It
//! fetches nothing; the adapter installs what it fetched.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use jsonwebtoken::crypto::CryptoProvider;

use super::algorithm::Algorithm;
use super::jwks::{Key, KeyIdentity, KeySet};
use super::signature::{Proof, Verifiers};
use crate::lookup::Lookup;
use crate::policy::{KeySource, Policy, Provider, ProviderId};
use crate::reason::Reason;
use crate::time::Steady;

/// Withdrawn key ids remembered for one provider. Beyond it the oldest is forgotten.
const MAX_WITHDRAWN: usize = 64;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The provider's first keys.
    AllKeys,
    /// A key whose id no fetch has looked for since the request arrived.
    Kid,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The token is refused.
    Refused(Reason),
    /// A fetch may bring it.
    Wait(Missing),
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
pub struct Keyring {
    crypto: &'static CryptoProvider,
    rings: Vec<Ring>,
}

/// The keys of one provider.
#[derive(Debug, Default)]
struct Ring {
    /// As [`Provider::max_pss_key_bits`].
    max_pss_key_bits: usize,
    loaded: Option<Loaded>,
    withdrawn: VecDeque<WithdrawnKid>,
}

#[derive(Debug)]
struct Loaded {
    keys: Vec<Rc<LoadedKey>>,
    by_kid: Lookup<Vec<Rc<LoadedKey>>>,
    set: KeySet,
    /// When the fetch began that brought them; `None`: inline, never stale.
    begun: Option<Steady>,
}

/// The id of a key that the provider has withdrawn.
#[derive(Debug)]
struct WithdrawnKid {
    kid: Box<str>,
    /// When the fetch began whose document no longer had the key.
    since: Steady,
}

/// What is known of a provider's keys, for gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// Keys in use.
    pub usable: usize,
    /// Keys of the document that cannot be used.
    pub ignored: usize,
    /// When the fetch began that brought them; `None`: inline.
    pub begun: Option<Steady>,
}

impl Keyring {
    /// A ring for each provider; inline keys are in use at once.
    pub fn new(policy: &Policy, crypto: &'static CryptoProvider) -> Self {
        let ring = |provider: &Provider| {
            let loaded = match &provider.keys {
                KeySource::Inline(set) => Some(Loaded::new(set.clone(), None, None)),
                KeySource::Uri(_) | KeySource::Discovery(_) => None,
            };
            Ring { max_pss_key_bits: provider.max_pss_key_bits, loaded, ..Ring::default() }
        };
        Self { crypto, rings: policy.providers().iter().map(ring).collect() }
    }

    /// Puts the keys in use that a fetch brought which began at `begun`. Keys that the fetch did not bring are withdrawn,
    /// and end the tokens that they signed.
    pub fn install(&mut self, provider: ProviderId, set: KeySet, begun: Steady) {
        let Some(ring) = self.ring_mut(provider) else { return };
        // an older document never replaces a newer one
        if ring.loaded.as_ref().is_some_and(|loaded| loaded.begun.is_none_or(|newer| newer >= begun)) {
            return;
        }
        let before = ring.loaded.take();
        let had = before.iter().flat_map(|loaded| &loaded.keys).filter_map(|key| key.key.kid());
        let had: Vec<Box<str>> = had.map(Box::from).collect();
        let loaded = Loaded::new(set, Some(begun), before);
        for kid in had.into_iter().filter(|kid| loaded.by_kid.get(kid.as_bytes()).is_none()) {
            ring.withdraw(kid, begun);
        }
        ring.loaded = Some(loaded);
    }

    /// What is known of a provider's keys; `None`: nothing yet.
    pub fn state(&self, provider: ProviderId) -> Option<KeyState> {
        let loaded = self.ring(provider)?.loaded.as_ref()?;
        let for_pss_only = |key: &&Key| key.alg().is_some_and(Algorithm::is_pss);
        let too_large = self.too_large_for_pss(provider).filter(for_pss_only).count();
        let (usable, ignored) = (loaded.keys.len() - too_large, loaded.set.ignored() + too_large);
        Some(KeyState { usable, ignored, begun: loaded.begun })
    }

    /// The keys of a provider that might verify RSA-PSS if they were not larger than its policy permits.
    pub fn too_large_for_pss(&self, provider: ProviderId) -> impl Iterator<Item = &Key> {
        let ring = self.ring(provider);
        let keys = ring.and_then(|ring| ring.loaded.as_ref()).into_iter().flat_map(|loaded| &loaded.keys);
        let most = ring.map_or(0, |ring| ring.max_pss_key_bits);
        let pss = || Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_pss());
        let too_large = move |key: &&Key| pss().any(|it| key.fits(it) && !permits(most, key, it));
        keys.map(|loaded| &loaded.key).filter(too_large)
    }

    /// Whether the provider's keys are fresh enough to be used.
    ///
    /// # Errors
    /// There are none yet, or they are older than `max_stale`.
    pub(crate) fn fresh(&self, id: ProviderId, provider: &Provider, now: Steady) -> Result<(), NoKey> {
        let loaded =
            self.ring(id).and_then(|ring| ring.loaded.as_ref()).ok_or(NoKey::Wait(Missing::AllKeys))?;
        match loaded.begun {
            Some(begun) if now.since(begun) >= provider.key_times.max_stale => {
                Err(NoKey::Refused(Reason::KeysStale))
            }
            _ => Ok(()),
        }
    }

    /// The one key for a token's `kid` and `alg` (RFC 7515 4.1.4), among this provider's alone.
    ///
    /// A key id that the keys do not have is refused only if a fetch that began after `arrived` did not bring it: any
    /// fetch before may have been too early for a key that the provider has published since.
    ///
    /// # Errors
    /// Why there is none, or not one.
    pub(crate) fn find(
        &self,
        id: ProviderId,
        provider: &Provider,
        (kid, algorithm): (Option<&str>, Algorithm),
        (arrived, now): (Steady, Steady),
    ) -> Result<Rc<LoadedKey>, NoKey> {
        self.fresh(id, provider, now)?;
        let ring = self.ring(id).ok_or(NoKey::Wait(Missing::AllKeys))?;
        let loaded = ring.loaded.as_ref().ok_or(NoKey::Wait(Missing::AllKeys))?;
        let most = ring.max_pss_key_bits;
        let Some(kid) = kid else {
            return only(&loaded.keys, most, algorithm).ok_or(NoKey::Refused(Reason::KeyAmbiguous));
        };
        let Some(named) = loaded.by_kid.get(kid.as_bytes()) else {
            if loaded.set.ignores(kid) {
                return Err(NoKey::Refused(Reason::KeyUnsuitable));
            }
            let memory = provider.key_times.unknown_kid_interval;
            let is_absent =
                loaded.begun.is_none_or(|begun| begun > arrived) || ring.withdrew(kid, now, memory);
            return Err(if is_absent {
                NoKey::Refused(Reason::KeyUnknown)
            } else {
                NoKey::Wait(Missing::Kid)
            });
        };
        only(named, most, algorithm).ok_or_else(|| {
            let several = named.iter().any(|key| is_usable(key, most, algorithm));
            NoKey::Refused(if several { Reason::KeyAmbiguous } else { Reason::KeyUnsuitable })
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

    fn ring(&self, provider: ProviderId) -> Option<&Ring> {
        self.rings.get(provider.0 as usize)
    }

    fn ring_mut(&mut self, provider: ProviderId) -> Option<&mut Ring> {
        self.rings.get_mut(provider.0 as usize)
    }
}

impl LoadedKey {
    /// Whether the provider has withdrawn it, or put another key under its id.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.get()
    }
}

impl Ring {
    fn withdraw(&mut self, kid: Box<str>, since: Steady) {
        if self.withdrawn.len() >= MAX_WITHDRAWN {
            self.withdrawn.pop_front();
        }
        self.withdrawn.push_back(WithdrawnKid { kid, since });
    }

    /// Whether the provider withdrew a key of this id within the last `memory`. The provider may publish the id again,
    /// so this is not remembered for ever.
    fn withdrew(&self, kid: &str, now: Steady, memory: Duration) -> bool {
        self.withdrawn.iter().any(|it| *it.kid == *kid && now.since(it.since) < memory)
    }
}

impl Loaded {
    /// Keys that were in use before go on as they are; the others are made, and those that are gone are withdrawn.
    fn new(set: KeySet, begun: Option<Steady>, before: Option<Self>) -> Self {
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
        let mut by_kid: Lookup<Vec<_>> = Lookup::default();
        for key in &keys {
            let Some(kid) = key.key.kid().map(str::as_bytes) else { continue };
            match by_kid.get_mut(kid) {
                Some(named) => named.push(Rc::clone(key)),
                None => drop(by_kid.insert(kid, vec![Rc::clone(key)])),
            }
        }
        Self { keys, by_kid, set, begun }
    }
}

/// Whether a key may verify signatures of an algorithm where RSA-PSS is permitted up to `max_pss_key_bits`.
fn is_usable(key: &LoadedKey, max_pss_key_bits: usize, algorithm: Algorithm) -> bool {
    key.key.fits(algorithm) && permits(max_pss_key_bits, &key.key, algorithm)
}

/// The sandbox verifies RSA-PSS itself, so what a bad signature costs grows with the square of the key's length.
fn permits(max_pss_key_bits: usize, key: &Key, algorithm: Algorithm) -> bool {
    !algorithm.is_pss() || key.rsa_bits().is_none_or(|bits| bits <= max_pss_key_bits)
}

/// The one key that fits, if there is exactly one.
fn only(among: &[Rc<LoadedKey>], max_pss_key_bits: usize, algorithm: Algorithm) -> Option<Rc<LoadedKey>> {
    let mut fitting = among.iter().filter(|key| is_usable(key, max_pss_key_bits, algorithm));
    fitting.next().filter(|_| fitting.next().is_none()).cloned()
}

impl From<Key> for LoadedKey {
    fn from(key: Key) -> Self {
        Self { key, verifiers: Verifiers::default(), withdrawn: Cell::new(false) }
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
