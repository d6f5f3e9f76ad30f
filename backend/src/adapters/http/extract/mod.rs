//! What the handlers ask of a request: one extractor a file. Whoever asks for a [`Caller`] first learns nothing from a
//! request without one.
//!
//! [`Caller`]: crate::application::Caller

mod caller;
mod etag;
mod idempotency;
mod identifier;
mod page;
mod precondition;
mod sent;

pub(super) use etag::{IfNoneMatch, tagged};
pub(super) use idempotency::IdempotencyHeader;
pub(super) use identifier::{Identifier, Identifiers};
pub(super) use page::{PageQuery, page_before, page_of};
pub(super) use sent::{Faults, Sent};
