//! What is filled once and then asked at every request, by a text that the client chose. It is
//! sorted rather than hashed: most policies have a few hosts, issuers and keys, and to hash a text
//! takes more code than to find it among so few. Twice as many entries cost one more comparison.

use std::cmp::Ordering;

/// Values by text, byte for byte.
#[derive(Clone, Debug)]
pub(crate) struct SortedMap<V>(Vec<(Box<[u8]>, V)>);

impl<V> Default for SortedMap<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> SortedMap<V> {
    /// The value of that text.
    pub(crate) fn get(&self, text: &[u8]) -> Option<&V> {
        self.0.get(self.place(text).ok()?).map(|(_, value)| value)
    }

    /// The value of that text, to change it.
    pub(crate) fn get_mut(&mut self, text: &[u8]) -> Option<&mut V> {
        let place = self.place(text).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Gives the text this value; `Some`: in place of that one.
    pub(crate) fn insert(&mut self, text: &[u8], value: V) -> Option<V> {
        match self.place(text) {
            Ok(place) => self.0.get_mut(place).map(|(_, known)| std::mem::replace(known, value)),
            Err(gap) => {
                self.0.insert(gap, (text.into(), value));
                None
            }
        }
    }

    /// Gives back what it has room for beyond its entries.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Where the text is, or would be. Not `binary_search_by`: that compares in two places and
    /// never before its end, which is twice the code on the way of a request.
    fn place(&self, text: &[u8]) -> Result<usize, usize> {
        let (mut from, mut to) = (0, self.0.len());
        while let Some((known, _)) = self.0.get(from..to).and_then(|open| open.get(open.len() / 2))
        {
            let middle = from.midpoint(to);
            match order(known, text) {
                Ordering::Equal => return Ok(middle),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        Err(from)
    }
}

/// An order that compares bytes only of texts of one length, since most are of another.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_has_its_last_value_and_no_other_text_has_any(
            texts in prop::collection::vec("[ab]{0,3}", 0..20), asked in "[ab]{0,3}",
        ) {
            let mut lookup = SortedMap::default();
            let mut expected = BTreeMap::new();
            for (value, text) in texts.iter().enumerate() {
                prop_assert_eq!(lookup.insert(text.as_bytes(), value), expected.insert(text.as_bytes(), value));
            }
            prop_assert_eq!(lookup.get(asked.as_bytes()), expected.get(asked.as_bytes()));
            prop_assert_eq!(lookup.get_mut(asked.as_bytes()), expected.get_mut(asked.as_bytes()));
        }
    }
}
