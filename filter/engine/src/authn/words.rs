//! Looks at the kilobyte that a token is, four times eight bytes at a time. WebAssembly has neither `memcmp` nor `memchr`, and the
//! loops that stand for them take one byte after the other: for a cached token they cost more than all the rest of its decision.

/// What is looked at between two branches. Its words are named one by one below: for size the compiler unrolls no loop, and
/// rolled up this takes twice as long.
type Block = [[u8; 8]; 4];

/// All blocks, and what is left.
fn blocks(bytes: &[u8]) -> (&[Block], &[u8]) {
    let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % size_of::<Block>());
    (whole.as_chunks().0.as_chunks().0, rest)
}

/// A word with this byte everywhere.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Whether both hold the same bytes.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let ((ones, rest), (others, other_rest)) = (blocks(one), blocks(other));
    let differ = |(one, other): (&Block, &Block)| {
        let [o0, o1, o2, o3] = one.map(u64::from_ne_bytes);
        let [p0, p1, p2, p3] = other.map(u64::from_ne_bytes);
        (o0 ^ p0) | (o1 ^ p1) | (o2 ^ p2) | (o3 ^ p3) != 0
    };
    rest == other_rest && ones.len() == others.len() && !ones.iter().zip(others).any(differ)
}

/// Whether one of these may stand between two tokens: a space, a control character, a comma.
pub(crate) fn has_separator(bytes: &[u8]) -> bool {
    let is_one = |byte: &u8| *byte <= b' ' || *byte == b',';
    // the lowest byte that borrows from its highest bit is below what was taken away (Warren, Hacker's Delight, 6-1); none of
    // a token's alphabet is below `-`
    let low = |word: u64| word.wrapping_sub(all(b'-')) & !word;
    let has_one = |block: &Block| {
        let [w0, w1, w2, w3] = block.map(u64::from_ne_bytes);
        (low(w0) | low(w1) | low(w2) | low(w3)) & all(0x80) != 0 && block.as_flattened().iter().any(is_one)
    };
    let (blocks, rest) = blocks(bytes);
    blocks.iter().any(has_one) || rest.iter().any(is_one)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_separator_is_found_wherever_it_stands() {
        for length in 0..70 {
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
