//! Hash of a policy: equal for documents that say the same.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::policy::document::{Document, ProviderDocument};
use crate::policy::values::UniqueMap;

/// Hashes a document, with its providers replaced by `resolved`, whose presets are written out:
/// SHA-256 of its JSON, of which serde writes fields and names in a fixed order, cut to 8 bytes.
pub(super) fn hash(document: &Document, resolved: &UniqueMap<ProviderDocument>) -> Box<str> {
    let document = Document { providers: resolved.clone(), ..document.clone() };
    let mut hasher = Sha256::new();
    // neither a hasher nor a document of strings, numbers and lists returns an error
    let _ = serde_json::to_writer(&mut hasher, &document);
    hasher
        .finalize()
        .iter()
        .take(8)
        .fold(String::with_capacity(16), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
        .into()
}
