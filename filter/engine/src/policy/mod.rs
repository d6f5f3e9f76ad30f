//! Reads and compiles policies.
//!
//! [`document`] is what serde reads; `compile` checks it and returns the
//! [`Policy`](crate::model::Policy), which is built for look-ups: issuers and hosts are binary
//! searches, routes are found in a tree, roles are bits. A document with an error gives no policy,
//! and the gateway keeps the one that it has. [`merge()`] combines several files into one document.

mod compile;
pub mod configuration;
pub mod document;
mod error;
mod hash;
mod merge;
mod presets;
mod read;
#[cfg(feature = "schema")]
mod schema;
mod strict;
#[cfg(test)]
mod testing;
mod text;
mod values;

pub use self::document::{Date, Document, ModeDocument};
pub use self::error::{PolicyError, PolicyErrors, file_and_place};
pub use self::merge::{Merged, merge};
#[cfg(feature = "schema")]
pub use self::schema::json_schema;
pub use self::values::{Count, Json, Seconds, UniqueMap};
pub use crate::jose::json::ClaimPath;
pub use crate::model::{
    Assertion, CacheBounds, ClaimRule, Endpoint, Found, Identity, KeySource, KeyTimes, Limits,
    MAX_ASSERTION_TTL, Mode, Policy, Provider, ProviderId, Row, RowId, Service, ServiceId, Waiting,
};
pub use crate::request::{SourceId, TokenSource};

impl Policy {
    /// Reads and compiles a document in JSON: what Envoy and Istio hand over.
    ///
    /// # Errors
    /// Every mistake in it, with its place and its mend; of a text that is no document, the first.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyErrors> {
        Self::compile(&Document::from_json(json)?)
    }
}

#[cfg(test)]
mod tests;
