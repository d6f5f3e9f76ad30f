//! What one worker fetched for all: the JWKS document as it came, and when it was fetched.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::clock::Monotonic;

/// A fetched document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When its fetch began.
    pub started_at: Monotonic,
    /// For how many seconds the provider says that it is fresh; `None`: it does not say.
    pub fresh_for: Option<u32>,
    /// The document.
    pub jwks: Vec<u8>,
}

/// Changes with the form of an entry, so that a new version of the plugin does not misread an old
/// one's.
const FORM: u8 = 2;
const UNSAID: u32 = u32::MAX;

impl Record {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(13 + self.jwks.len());
        bytes.push(FORM);
        bytes.extend(self.started_at.0.to_be_bytes());
        bytes.extend(self.fresh_for.unwrap_or(UNSAID).to_be_bytes());
        bytes.extend(&self.jwks);
        bytes
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&form, bytes) = bytes.split_first()?;
        let (started_at, bytes) = bytes.split_first_chunk::<8>()?;
        let (fresh_for, bytes) = bytes.split_first_chunk::<4>()?;
        let fresh_for = u32::from_be_bytes(*fresh_for);
        (form == FORM).then(|| Self {
            started_at: Monotonic(u64::from_be_bytes(*started_at)),
            fresh_for: (fresh_for != UNSAID).then_some(fresh_for),
            jwks: bytes.to_vec(),
        })
    }
}

const MAC_BYTES: usize = 32;

/// Key that authenticates shared entries. On Istio, all plugins share the data of a VM id, and any of
/// them could write it. So every entry carries an HMAC-SHA256 over its name and content, under a key
/// derived from the hand-off key.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// From 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        // HMAC pads a key that is shorter than its block with zeros (RFC 2104 2)
        let mut block = [0; 64];
        block.iter_mut().zip(secret).for_each(|(to, from)| *to = from);
        Self(Hmac::new(&block.into()))
    }

    /// `content` behind its MAC, for the entry `name`.
    pub fn seal(&self, name: &str, content: &[u8]) -> Vec<u8> {
        let mac: [u8; MAC_BYTES] = self.mac(name, content).finalize().into_bytes().into();
        [&mac, content].concat()
    }

    /// The content of the entry `name`, if it was sealed with this key for that name.
    pub fn open<'e>(&self, name: &str, entry: &'e [u8]) -> Option<&'e [u8]> {
        let (mac, content) = entry.split_at_checked(MAC_BYTES)?;
        self.mac(name, content).verify_slice(mac).ok().map(|()| content)
    }

    fn mac(&self, name: &str, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        // names hold no zero byte, so no other name and content are the same bytes
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(content);
        mac
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_a_cut_one_not_at_all() {
        for fresh_for in [None, Some(0), Some(300)] {
            let record = Record { started_at: Monotonic(5), fresh_for, jwks: b"{}".to_vec() };
            let bytes = record.encode();
            assert_eq!(Record::decode(&bytes), Some(record));
            for length in 0..bytes.len() - 2 {
                assert_eq!(Record::decode(&bytes[..length]), None);
            }
            assert_eq!(Record::decode(&[&[9], &bytes[1..]].concat()), None);
        }
    }

    #[test]
    fn an_entry_opens_only_with_its_key_under_its_name_and_unchanged() {
        let key = MacKey::new([7; 32]);
        let entry = key.seal("a", b"content");
        assert_eq!(key.open("a", &entry), Some(&b"content"[..]));
        assert_eq!(key.open("b", &entry), None);
        assert_eq!(MacKey::new([8; 32]).open("a", &entry), None);
        for at in 0..entry.len() {
            let mut changed = entry.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("a", &changed), None, "byte {at}");
        }
        for length in 0..entry.len() {
            assert_eq!(key.open("a", &entry[..length]), None, "{length} bytes");
        }
        assert_eq!(key.open("a", b""), None);
    }
}
