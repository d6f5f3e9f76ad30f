//! Rules of the JWKS refresh: what workers share, which worker fetches, and when. Pure functions:
//! the worker calls them, and the plugin makes the calls and keeps the entries.
//!
//! | module | rule |
//! |---|---|
//! | [`shared_entry`] | the document that one worker fetched for all; an entry without a valid MAC is ignored |
//! | [`lease`] | one fetch for all workers; backoff; at most one on-demand fetch for unknown key ids in an interval |
//! | [`schedule`] | when the next fetch is due: a provider may ask for a shorter interval, never for a longer one |
//! | [`discovery`] | the issuer's own document names the endpoint of its keys |

use sha2::{Digest as _, Sha256};

use crate::model::Endpoint;

pub mod discovery;
pub mod lease;
pub mod schedule;
pub mod shared_entry;

/// The names of a provider's entries in shared data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryNames {
    /// Of its [`shared_entry::Record`].
    pub record: String,
    /// Of its [`lease::Lease`].
    pub lease: String,
}

impl EntryNames {
    /// The names for an issuer whose keys, or whose discovery document, are at `uri` behind
    /// `cluster`. The same provider under another policy, or under another name, has the same keys
    /// and so the same entries.
    pub fn new(issuer: &str, Endpoint { uri, cluster, .. }: &Endpoint) -> Self {
        let hash = Sha256::digest(format!("{issuer}\n{uri}\n{cluster}"));
        let half = hash.first_chunk().copied().unwrap_or_default();
        let place = format!("{:032x}", u128::from_be_bytes(half));
        Self {
            record: format!("portcullis.record.{place}"),
            lease: format!("portcullis.lease.{place}"),
        }
    }
}
