//! Which verified tokens are worth a place in the cache. Where hardly any token comes twice, keeping each one costs more than
//! the few hits spare, and what is of use is pushed out by what never comes again. So while fewer than one new token in
//! [`WORTH`] came again lately, a token is kept only when it comes a second time.

use super::cache::Tail;

/// What a place costs is about an eighth of what it spares when its token comes again: some 8 us of writing what is in no cache
/// of the processor, beside some 60 us for verifying the token anew (Envoy 1.40, RS256).
const WORTH: u32 = 8;
/// How far tokens that came again are remembered: so many new ones are kept after them.
const MOST: u32 = 256;
/// Of the tokens that were turned away, at most so many are known again.
const MAX_SLOTS: usize = 1 << 16;

/// Decides about the tokens of one cache.
#[derive(Debug)]
pub(super) struct Admission {
    /// New tokens that will still be kept at once.
    credit: u32,
    /// A mark of each token that was turned away, where no later one took its slot. Two tokens may share a mark: then one is
    /// kept a little early. Empty until the first is turned away.
    turned_away: Vec<u32>,
    slots: usize,
}

impl Admission {
    /// For a cache of so many tokens: all that fit in there are known when they come again, or most of them.
    pub(super) fn new(tokens: usize) -> Self {
        let slots = tokens.clamp(1, MAX_SLOTS).next_power_of_two();
        Self { credit: MOST, turned_away: Vec::new(), slots }
    }

    /// Whether a token that is not in the cache, and was verified, shall be kept now.
    pub(super) fn admits(&mut self, tail: &Tail) -> bool {
        let Tail([_, place, mark]) = *tail;
        // not 0, which is the mark of nobody
        let mark = low_half(mark) | 1;
        // no letter of base64 takes all values of its byte: the highest bits of such a product hang on all of them (Knuth,
        // The Art of Computer Programming 3, 6.4)
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
