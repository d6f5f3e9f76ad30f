//! Verified tokens, each known by its exact bytes. A hit spares parsing and the signature, nothing else: what depends on
//! the clock, the keys, the service or the connection is judged every time. A cache belongs to one policy.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;
use rustc_hash::FxBuildHasher;

use super::admission::Admission;
use super::claims::Standing;
use super::keyring::LoadedKey;
use super::token::HeadersLately;
use super::words;
use crate::handoff::{Caller, GrantedLately};
use crate::policy::CacheBounds;
use crate::time::Now;

/// The wall clock may drift so far from the monotonic one between two requests; more is a step.
const DRIFT: u64 = 5;
/// What an entry takes besides its texts, about.
const OVERHEAD: usize = 256;

/// A token that was verified: whose it is, and what must still be judged.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) caller: Rc<Caller>,
    pub(crate) standing: Standing,
    pub(crate) key: Rc<LoadedKey>,
}

/// The verified tokens of one worker, the least recently used first out.
#[derive(Debug)]
pub struct TokenCache {
    /// By the end of the token, which is of its signature: nobody can choose it.
    tokens: LruCache<Tail, Entry, FxBuildHasher>,
    admission: Admission,
    bytes: usize,
    max_bytes: usize,
    clocks: Option<Now>,
    counts: CacheCounts,
    callers: u64,
    /// What the callers of these tokens were granted, to be shared with those that come.
    pub(crate) lately: GrantedLately,
    /// The headers of tokens that were verified.
    pub(crate) headers: HeadersLately,
}

/// The end of a token. It is of its signature, so its words are as even as hashes, and as hard to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail(pub(super) [u64; 3]);

impl Tail {
    pub(super) fn of(token: &[u8]) -> Option<Self> {
        let (words, _) = token.last_chunk::<24>()?.as_chunks();
        <[[u8; 8]; 3]>::try_from(words).ok().map(|words| Self(words.map(u64::from_le_bytes)))
    }
}

impl Hash for Tail {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

#[derive(Debug)]
struct Entry {
    token: Box<[u8]>,
    verified: Rc<Verified>,
    bytes: usize,
    /// It has come more than once.
    again: bool,
}

/// What the cache did since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Tokens found.
    pub hits: u32,
    /// Tokens not found, or found and of no use any more.
    pub misses: u32,
}

impl TokenCache {
    /// An empty cache.
    pub fn new(bounds: CacheBounds) -> Self {
        // nothing fits where nothing may be kept: the bytes bound sees to that
        let tokens = NonZeroUsize::new(bounds.tokens).unwrap_or(NonZeroUsize::MIN);
        Self {
            tokens: LruCache::with_hasher(tokens, FxBuildHasher),
            admission: Admission::new(bounds.tokens),
            bytes: 0,
            max_bytes: if bounds.tokens == 0 { 0 } else { bounds.bytes },
            clocks: None,
            counts: CacheCounts::default(),
            callers: 0,
            lately: GrantedLately::default(),
            headers: HeadersLately::default(),
        }
    }

    /// Compares the clocks with the last time: a step of the wall clock empties the cache, since times that were judged
    /// by it cannot be trusted to have been judged.
    pub(crate) fn note(&mut self, now: Now) {
        if let Some(before) = self.clocks.replace(now) {
            let passed = now.steady.since(before.steady).as_secs();
            if now.wall.0.abs_diff(before.wall.0.saturating_add(passed)) > DRIFT {
                self.clear();
            }
        }
    }

    /// A number that no caller has.
    pub(crate) fn number(&mut self) -> u64 {
        self.callers += 1;
        self.callers
    }

    /// What is known of this very token. One whose key was withdrawn is forgotten.
    pub(crate) fn get(&mut self, token: &[u8]) -> Option<Rc<Verified>> {
        let found = self.find(token);
        let count = if found.is_some() { &mut self.counts.hits } else { &mut self.counts.misses };
        *count = count.saturating_add(1);
        found
    }

    fn find(&mut self, token: &[u8]) -> Option<Rc<Verified>> {
        let tail = Tail::of(token)?;
        let entry = self.tokens.get_mut(&tail).filter(|entry| words::same(&entry.token, token))?;
        if entry.verified.key.is_withdrawn() {
            self.remove(&tail);
            return None;
        }
        if !entry.again {
            entry.again = true;
            self.admission.came_again();
        }
        Some(Rc::clone(&entry.verified))
    }

    /// Whether a token that was verified, and is not here, is worth a place.
    pub(crate) fn admits(&mut self, token: &[u8]) -> bool {
        Tail::of(token).is_some_and(|tail| self.admission.admits(&tail))
    }

    /// Keeps a token that it [`admits`](Self::admits), if it is not too large.
    pub(crate) fn insert(&mut self, token: &[u8], verified: Verified) {
        let Some(tail) = Tail::of(token) else { return };
        let bytes = OVERHEAD + token.len() + verified.caller.bytes() + verified.standing.bytes();
        if bytes > self.max_bytes {
            return;
        }
        self.remove(&tail);
        let entry = Entry { token: token.into(), verified: Rc::new(verified), bytes, again: false };
        if let Some((_, gone)) = self.tokens.push(tail, entry) {
            self.bytes = self.bytes.saturating_sub(gone.bytes);
        }
        self.bytes += bytes;
        while self.bytes > self.max_bytes {
            let Some((_, gone)) = self.tokens.pop_lru() else { break };
            self.bytes = self.bytes.saturating_sub(gone.bytes);
        }
    }

    /// Forgets a token that has ended.
    pub(crate) fn forget(&mut self, token: &[u8]) {
        if let Some(tail) = Tail::of(token) {
            self.remove(&tail);
        }
    }

    fn remove(&mut self, tail: &Tail) {
        if let Some(gone) = self.tokens.pop(tail) {
            self.bytes = self.bytes.saturating_sub(gone.bytes);
        }
    }

    fn clear(&mut self) {
        self.tokens.clear();
        self.bytes = 0;
    }

    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Bytes of what it holds, about.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hits and misses since the last call.
    pub fn take_counts(&mut self) -> CacheCounts {
        std::mem::take(&mut self.counts)
    }
}
