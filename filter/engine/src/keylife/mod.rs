//! The keys' life between provider and workers: what is shared, who fetches, when, and what a reply must be like. Pure
//! rules; the adapter makes the calls and keeps the entries.
//!
//! | module | rule |
//! |---|---|
//! | [`seal`] | what comes out of shared data is trusted only with a MAC |
//! | [`record`] | the document that one worker fetched for all |
//! | [`lease`] | one fetch for all workers; backoff; at most one extra fetch for unknown key ids in an interval |
//! | [`schedule`] | when the next fetch is due, with jitter |
//! | [`freshness`] | a provider may ask for a shorter refresh, never for a longer one |
//! | [`discovery`] | the issuer's own document says where its keys are |

pub mod discovery;
pub mod freshness;
pub mod lease;
pub mod record;
pub mod schedule;
pub mod seal;

use sha2::{Digest as _, Sha256};

use crate::policy::Endpoint;

/// The names of a provider's entries in shared data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryNames {
    /// Of its [`record::Record`].
    pub record: String,
    /// Of its [`lease::Lease`].
    pub lease: String,
}

impl EntryNames {
    /// The names for an issuer whose keys, or whose discovery document, are at `uri` behind `cluster`. The same provider under another
    /// policy, or under another name, has the same keys and so the same entries.
    pub fn new(issuer: &str, Endpoint { uri, cluster, .. }: &Endpoint) -> Self {
        let hash = Sha256::digest(format!("{issuer}\n{uri}\n{cluster}"));
        let half = hash.first_chunk().copied().unwrap_or_default();
        let place = format!("{:032x}", u128::from_be_bytes(half));
        Self { record: format!("portcullis.record.{place}"), lease: format!("portcullis.lease.{place}") }
    }
}
