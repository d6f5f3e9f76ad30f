//! Use cases of audit records. The role table decides who is an auditor; audit records have no
//! owner.

use super::failure::Failure;
use super::ports::Page;
use super::session::{Caller, Session, Shop};
use crate::domain::audit::AuditRecord;
use crate::domain::values::AuditId;

/// Lists the audit records, newest first.
///
/// # Errors
/// See [`Failure`].
pub async fn read_audit(
    shop: &Shop,
    caller: &Caller,
    page: Page<AuditId>,
) -> Result<Vec<AuditRecord>, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let records = session.tx.audit_records(page).await?;
    session.commit(records).await
}
