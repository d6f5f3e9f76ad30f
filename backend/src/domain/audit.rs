//! The audit record of an admin's bypass.

use portcullis_principal::PrincipalId;

use super::ownership::Operation;
use super::values::{AuditId, Text, Timestamp};

/// What came of a bypass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, or shown.
    Done,
    /// It was admitted, and turned out not to be possible.
    Rejected,
}

/// Who did what, to what, when and why. Records are only ever added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its name for machines.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// The admin.
    pub principal: PrincipalId,
    /// Which operation.
    pub operation: Operation,
    /// On what, such as `order 0190…`.
    pub resource: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, in the admin's words.
    pub reason: Option<Text<500>>,
    /// The request, as the logs call it.
    pub request_id: Option<String>,
}
