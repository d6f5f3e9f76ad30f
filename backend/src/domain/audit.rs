//! Audit records of the admin bypass.

use portcullis_principal::PrincipalId;

use super::ownership::Operation;
use super::values::{AuditId, Text, Timestamp};

/// Outcome of a use of the bypass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The operation was performed.
    Done,
    /// The operation was permitted but could not be performed.
    Rejected,
}

/// Record of one use of the bypass. Records are never changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Identifier of the record.
    pub id: AuditId,
    /// Time of the operation.
    pub at: Timestamp,
    /// The admin.
    pub principal: PrincipalId,
    /// The operation.
    pub operation: Operation,
    /// Name of the resource, such as `order 0190…`.
    pub resource: String,
    /// Outcome of the operation.
    pub outcome: Outcome,
    /// Reason that the admin gave.
    pub reason: Option<Text<500>>,
    /// Id of the request, as in the log.
    pub request_id: Option<String>,
}
