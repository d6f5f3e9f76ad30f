//! Looks at the kilobyte that a token is, eight bytes at a time. WebAssembly has neither `memcmp` nor `memchr`, and the loops that
//! stand for them take one byte after the other: for a cached token they cost more than all the rest of its decision.

/// A word with this byte everywhere.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Whether both hold the same bytes.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let ((ones, rest), (others, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    rest == other_rest && ones.len() == others.len() && ones.iter().zip(others).all(|(a, b)| a == b)
}

/// Whether one of these may stand between two tokens: a space, a control character, a comma.
pub(crate) fn has_separator(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_word = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        let comma = word ^ all(b',');
        // the lowest byte that borrows from its highest bit is below what was taken away (Warren, Hacker's Delight, 6-1)
        let below_bang = word.wrapping_sub(all(b'!')) & !word;
        let zero = comma.wrapping_sub(all(1)) & !comma;
        (below_bang | zero) & all(0x80) != 0
    };
    words.iter().any(in_word) || rest.iter().any(|byte| *byte <= b' ' || *byte == b',')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_separator_is_found_wherever_it_stands() {
        for length in 0..40 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'e'; length];
                    bytes[at] = byte;
                    let is_one = byte <= b' ' || byte == b',';
                    assert_eq!(has_separator(&bytes), is_one, "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn separators_are_found_as_byte_by_byte(bytes: Vec<u8>) {
            prop_assert_eq!(has_separator(&bytes), bytes.iter().any(|byte| *byte <= b' ' || *byte == b','));
        }

        #[test]
        fn a_text_is_the_same_as_itself_and_as_nothing_else(bytes: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            prop_assert!(same(&bytes, &bytes.clone()));
            prop_assert!(!same(&bytes, &[&*bytes, &[0]].concat()) && !same(&[&*bytes, &[0]].concat(), &bytes));
            if !bytes.is_empty() {
                let mut other = bytes.clone();
                other[at.index(bytes.len())] ^= 1 << bit;
                prop_assert!(!same(&bytes, &other));
            }
        }
    }
}
