//! Which keys there are: what the JWKS shows, and which key signs.
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{KeyKind, SigningKey};
use crate::Misuse;

/// What can be told of a key.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// The key id.
    pub kid: String,
    /// The kind of key.
    pub kind: KeyKind,
    /// Whether the JWKS shows it.
    pub published: bool,
    /// Whether tokens of its kind are signed with it.
    pub current: bool,
}

/// All keys, oldest first. A withdrawn one stays, so that tests can sign with it still.
pub(crate) struct KeyRing(Vec<Entry>);

struct Entry {
    key: SigningKey,
    published: bool,
}

impl KeyRing {
    /// One new key of each kind.
    pub(crate) fn generate() -> Self {
        let fresh = |kind| Entry { key: SigningKey::generate(kind), published: true };
        Self(KeyKind::ALL.into_iter().map(fresh).collect())
    }

    /// What can be told of every key, oldest first.
    pub(crate) fn list(&self) -> Vec<KeyInfo> {
        let info = |Entry { key, published }: &Entry| KeyInfo {
            kid: key.kid().to_owned(),
            kind: key.kind(),
            published: *published,
            current: std::ptr::eq(key, self.current(key.kind())),
        };
        self.0.iter().map(info).collect()
    }

    /// Makes `key` the one that signs for its kind. The one before stays published, unless it has
    /// the same id.
    pub(crate) fn rotate(&mut self, key: SigningKey) {
        for entry in self.0.iter_mut().filter(|entry| entry.key.kid() == key.kid()) {
            entry.published = false;
        }
        self.0.push(Entry { key, published: true });
    }

    /// Takes the key out of the JWKS. It signs on if it is the current one: such is a provider
    /// badly run.
    pub(crate) fn withdraw(&mut self, kid: &str) -> Result<(), Misuse> {
        self.by_kid(kid)?;
        for entry in self.0.iter_mut().filter(|entry| entry.key.kid() == kid) {
            entry.published = false;
        }
        Ok(())
    }

    /// Takes every key but the current ones out of the JWKS, and tells which.
    pub(crate) fn withdraw_old(&mut self) -> Vec<String> {
        let mut old = Vec::new();
        for (info, entry) in self.list().into_iter().zip(&mut self.0) {
            if entry.published && !info.current {
                entry.published = false;
                old.push(info.kid);
            }
        }
        old
    }

    /// The newest key of that kind.
    pub(crate) fn current(&self, kind: KeyKind) -> &SigningKey {
        let entry = self.0.iter().rfind(|entry| entry.key.kind() == kind);
        &entry.expect("there is a key of each kind from the start, and none is ever forgotten").key
    }

    /// The newest key of that id, published or not.
    pub(crate) fn by_kid(&self, kid: &str) -> Result<&SigningKey, Misuse> {
        let entry = self.0.iter().rfind(|entry| entry.key.kid() == kid);
        entry.map(|entry| &entry.key).ok_or_else(|| Misuse::UnknownKey(kid.to_owned()))
    }

    /// The JWKS (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        let published: Vec<_> =
            self.0.iter().filter(|entry| entry.published).map(|entry| entry.key.jwk()).collect();
        json!({ "keys": published })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(ring: &KeyRing) -> Vec<String> {
        let keys = ring.jwks()["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn after_a_rotation_the_new_key_signs_and_the_old_one_stays_until_it_is_withdrawn() {
        let mut ring = KeyRing::generate();
        let old = ring.current(KeyKind::P256).kid().to_owned();
        ring.rotate(SigningKey::generate(KeyKind::P256));
        let new = ring.current(KeyKind::P256).kid().to_owned();
        assert_ne!(old, new);
        assert_eq!(published(&ring).len(), 5);

        assert_eq!(ring.withdraw_old(), std::slice::from_ref(&old));
        assert!(!published(&ring).contains(&old) && published(&ring).contains(&new));
        assert_eq!(
            ring.by_kid(&old).unwrap().kid(),
            old,
            "a withdrawn key can be signed with still"
        );
        assert!(ring.withdraw_old().is_empty());
    }

    #[test]
    fn a_key_under_the_same_id_takes_the_place_of_the_old_one() {
        let mut ring = KeyRing::generate();
        let before = ring.current(KeyKind::Ed25519).clone();
        ring.rotate(SigningKey::generate(KeyKind::Ed25519).under_kid(before.kid()));
        assert_eq!(published(&ring).iter().filter(|kid| *kid == before.kid()).count(), 1);
        assert_ne!(ring.current(KeyKind::Ed25519).jwk()["x"], before.jwk()["x"]);
    }

    #[test]
    fn a_current_key_that_is_withdrawn_signs_on_unpublished() {
        let mut ring = KeyRing::generate();
        let kid = ring.current(KeyKind::Rsa).kid().to_owned();
        ring.withdraw(&kid).unwrap();
        assert!(!published(&ring).contains(&kid));
        assert_eq!(ring.current(KeyKind::Rsa).kid(), kid);
        assert_eq!(ring.withdraw("nope"), Err(Misuse::UnknownKey("nope".to_owned())));
    }
}
