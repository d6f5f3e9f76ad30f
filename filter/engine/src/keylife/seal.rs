//! Shared data is keyed by the VM's id, which on Istio every plugin shares: any of them could write there. So every
//! entry carries an HMAC-SHA256 under a key derived from the hand-off key, over the entry's name and its content.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

const MAC_BYTES: usize = 32;

/// The key that entries are sealed with.
#[derive(Clone)]
pub struct SealKey(Hmac<Sha256>);

impl SealKey {
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

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_opens_only_with_its_key_under_its_name_and_unchanged() {
        let key = SealKey::new([7; 32]);
        let entry = key.seal("a", b"content");
        assert_eq!(key.open("a", &entry), Some(&b"content"[..]));
        assert_eq!(key.open("b", &entry), None);
        assert_eq!(SealKey::new([8; 32]).open("a", &entry), None);
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
