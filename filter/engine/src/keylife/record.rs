//! What one worker fetched for all: the JWKS document as it came, and when it was fetched.

use crate::time::Steady;

/// A fetched document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When its fetch began.
    pub begun: Steady,
    /// For how many seconds the provider says that it is fresh; `None`: it does not say.
    pub fresh_for: Option<u32>,
    /// The document.
    pub jwks: Vec<u8>,
}

/// Changes with the form of an entry, so that a new version of the plugin does not misread an old one's.
const FORM: u8 = 2;
const UNSAID: u32 = u32::MAX;

impl Record {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(13 + self.jwks.len());
        bytes.push(FORM);
        bytes.extend(self.begun.0.to_be_bytes());
        bytes.extend(self.fresh_for.unwrap_or(UNSAID).to_be_bytes());
        bytes.extend(&self.jwks);
        bytes
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&form, bytes) = bytes.split_first()?;
        let (begun, bytes) = bytes.split_first_chunk::<8>()?;
        let (fresh_for, bytes) = bytes.split_first_chunk::<4>()?;
        let fresh_for = u32::from_be_bytes(*fresh_for);
        (form == FORM).then(|| Self {
            begun: Steady(u64::from_be_bytes(*begun)),
            fresh_for: (fresh_for != UNSAID).then_some(fresh_for),
            jwks: bytes.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_a_cut_one_not_at_all() {
        for fresh_for in [None, Some(0), Some(300)] {
            let record = Record { begun: Steady(5), fresh_for, jwks: b"{}".to_vec() };
            let bytes = record.encode();
            assert_eq!(Record::decode(&bytes), Some(record));
            for length in 0..bytes.len() - 2 {
                assert_eq!(Record::decode(&bytes[..length]), None);
            }
            assert_eq!(Record::decode(&[&[9], &bytes[1..]].concat()), None);
        }
    }
}
