//! Hash of a policy: equal for documents that say the same.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::policy::document::{Document, ProviderDocument};
use crate::policy::values::UniqueMap;

/// A document as it is hashed: members in a fixed order, names sorted, presets written out. It
/// borrows, since a clone of the document would cost the module 4,760 bytes.
#[derive(Serialize)]
struct Canonical<'a> {
    providers: &'a UniqueMap<ProviderDocument>,
    services: &'a UniqueMap<super::document::ServiceDocument>,
    identity: &'a super::document::IdentityDocument,
    mode: Option<super::ModeDocument>,
    problem_base: Option<&'a str>,
    headers: &'a super::document::HeaderRulesDocument,
    access_log: bool,
    limits: &'a super::document::LimitsDocument,
    waiting: &'a super::document::WaitingDocument,
    cache: &'a super::document::CacheDocument,
    lint: &'a super::document::LintDocument,
}

/// Hashes a document, with its providers replaced by `resolved`.
pub(super) fn hash(document: &Document, resolved: &UniqueMap<ProviderDocument>) -> Box<str> {
    let Document {
        providers: _,
        services,
        identity,
        mode,
        problem_base,
        headers,
        access_log,
        limits,
        waiting,
        cache,
        lint,
    } = document;
    let canonical = Canonical {
        providers: resolved,
        services,
        identity,
        mode: *mode,
        problem_base: problem_base.as_deref(),
        headers,
        access_log: *access_log,
        limits,
        waiting,
        cache,
        lint,
    };
    let mut hasher = Sha256::new();
    // neither a hasher nor a document of strings, numbers and lists returns an error
    let _ = serde_json::to_writer(&mut hasher, &canonical);
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
