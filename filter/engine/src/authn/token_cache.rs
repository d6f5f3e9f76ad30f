//! Verified tokens, each known by its exact bytes. A hit spares parsing and the signature, nothing
//! else: what depends on the clock, the keys, the service or the connection is judged every time. A
//! cache belongs to one policy.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;
use rustc_hash::FxBuildHasher;

use super::caller::{Caller, RoleSetCache};
use crate::authn::claims::TokenValidity;
use crate::authn::key_store::LoadedKey;
use crate::clock::Clocks;
use crate::jose::token::HeaderCache;
use crate::jose::token::is_equal;
use crate::model::CacheBounds;

/// The wall clock may drift so far from the monotonic one between two requests; more is a step.
const DRIFT: u64 = 5;
/// What an entry takes besides its texts, about.
const OVERHEAD: usize = 256;

/// A token that was verified: whose it is, and what must still be judged.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) caller: Rc<Caller>,
    pub(crate) validity: TokenValidity,
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
    clocks: Option<Clocks>,
    counts: CacheCounts,
    callers: u64,
    /// What the callers of these tokens were granted, to be shared with those that come.
    pub(crate) role_sets: RoleSetCache,
    /// The headers of tokens that were verified.
    pub(crate) headers: HeaderCache,
}

/// The end of a token. It is of its signature, so its words are as even as hashes, and as hard to
/// choose.
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
            role_sets: RoleSetCache::default(),
            headers: HeaderCache::default(),
        }
    }

    /// Compares the clocks with the last time: a step of the wall clock empties the cache, since
    /// times that were judged by it cannot be trusted to have been judged.
    pub(crate) fn note(&mut self, now: Clocks) {
        if let Some(before) = self.clocks.replace(now) {
            let passed = now.monotonic.since(before.monotonic).as_secs();
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
        let entry = self.tokens.get_mut(&tail).filter(|entry| is_equal(&entry.token, token))?;
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
        let bytes = OVERHEAD + token.len() + verified.caller.bytes() + verified.validity.bytes();
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

/// What a place costs is about an eighth of what it spares when its token comes again: some 8 us of
/// writing what is in no cache of the processor, beside some 60 us for verifying the token anew
/// (Envoy 1.40, RS256).
const WORTH: u32 = 8;
/// How far tokens that came again are remembered: so many new ones are kept after them.
const MOST: u32 = 256;
/// Of the tokens that were turned away, at most so many are known again.
const MAX_SLOTS: usize = 1 << 16;

/// Decides which verified tokens are cached. Where hardly any token comes twice, caching each of them
/// costs more than the few hits spare, and evicts tokens that do come again. So while fewer than one
/// new token in [`WORTH`] came again lately, a token is cached only when it comes a second time.
#[derive(Debug)]
pub(super) struct Admission {
    /// New tokens that will still be kept at once.
    credit: u32,
    /// A mark of each token that was turned away, where no later one took its slot. Two tokens may
    /// share a mark: then one is kept a little early. Empty until the first is turned away.
    turned_away: Vec<u32>,
    slots: usize,
}

impl Admission {
    /// For a cache of so many tokens: all that fit in there are known when they come again, or most
    /// of them.
    pub(super) fn new(tokens: usize) -> Self {
        let slots = tokens.clamp(1, MAX_SLOTS).next_power_of_two();
        Self { credit: MOST, turned_away: Vec::new(), slots }
    }

    /// Whether a token that is not in the cache, and was verified, shall be kept now.
    pub(super) fn admits(&mut self, tail: &Tail) -> bool {
        let Tail([_, place, mark]) = *tail;
        // not 0, which is the mark of nobody
        let mark = low_half(mark) | 1;
        // no letter of base64 takes all values of its byte: the highest bits of such a product hang
        // on all of them (Knuth, The Art of Computer Programming 3, 6.4)
        let place = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = low_half(place >> (64 - MAX_SLOTS.ilog2())) as usize & (self.slots - 1);
        if self.turned_away.get(slot) == Some(&mark) {
            self.came_again();
            return true;
        }
        if self.credit > 0 {
            self.credit -= 1;
            return true;
        }
        self.turned_away.resize(self.slots, 0);
        if let Some(place) = self.turned_away.get_mut(slot) {
            *place = mark;
        }
        false
    }

    /// A token came a second time.
    pub(super) fn came_again(&mut self) {
        self.credit = (self.credit + WORTH).min(MOST);
    }
}

#[allow(clippy::cast_possible_truncation)] // that is what it is for
const fn low_half(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn tail(number: usize) -> Tail {
        let digest = Sha256::digest(number.to_le_bytes());
        let text = URL_SAFE_NO_PAD.encode(digest);
        Tail::of(text.as_bytes()).unwrap()
    }

    /// How many of these are kept, each used so often in a row.
    fn kept(admission: &mut Admission, tokens: impl Iterator<Item = usize>, uses: usize) -> usize {
        let mut kept = 0;
        for token in tokens {
            let admitted = (0..uses).position(|_| admission.admits(&tail(token)));
            kept += usize::from(admitted.is_some());
            if admitted.is_some_and(|at| at + 1 < uses) {
                admission.came_again();
            }
        }
        kept
    }

    #[test]
    fn tokens_that_never_come_again_are_not_kept_for_long() {
        let mut admission = Admission::new(10_000);
        assert_eq!(kept(&mut admission, 0..10_000, 1), MOST as usize);
    }

    #[test]
    fn every_token_that_comes_a_second_time_is_kept() {
        let mut admission = Admission::new(10_000);
        kept(&mut admission, 0..1000, 1);
        assert_eq!(kept(&mut admission, 1000..2000, 2), 1000);
        assert_eq!(kept(&mut admission, 2000..2100, 1), 100, "new ones at once again");
    }

    #[test]
    fn tokens_in_turn_are_all_kept_by_their_second_turn() {
        let mut admission = Admission::new(10_000);
        let first = kept(&mut admission, 0..5000, 1);
        (0..first).for_each(|_| admission.came_again());
        let second = kept(&mut admission, first..5000, 1);
        assert_eq!(first + second, 5000);
    }

    #[test]
    fn one_in_eight_that_comes_again_is_enough_for_all_to_be_kept_at_once() {
        let mut admission = Admission::new(10_000);
        for token in 0..100_000 {
            assert!(admission.admits(&tail(token)), "{token}");
            if token % WORTH as usize == 0 {
                admission.came_again();
            }
        }
    }

    #[test]
    fn what_is_remembered_of_tokens_is_bounded() {
        for tokens in [0, 1, 3, 10_000, usize::MAX] {
            let mut admission = Admission::new(tokens);
            kept(&mut admission, 0..100_000, 1);
            assert!(admission.turned_away.len() <= MAX_SLOTS, "{tokens}");
        }
    }
}
