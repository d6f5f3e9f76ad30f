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
