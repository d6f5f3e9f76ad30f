//! Audit records. The schema rejects changes and deletions.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::query;

use super::rows::{decode, encode, id, optional_text, principal_id, time, upper_bound};
use super::transaction::{SqlTransaction, broken, column};
use crate::application::ports::{Audit, Page, StoreError};
use crate::domain::audit::{AuditRecord, Outcome};
use crate::domain::ownership::Operation;
use crate::domain::values::AuditId;

const OUTCOMES: [(Outcome, &str); 2] = [(Outcome::Done, "done"), (Outcome::Rejected, "rejected")];

#[async_trait]
impl Audit for SqlTransaction {
    async fn record(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO audit_records (id, at, issuer, subject, operation, resource, outcome, reason, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        );
        let statement = statement
            .bind(record.id.to_string())
            .bind(record.at.0)
            .bind(record.principal.issuer().to_owned())
            .bind(record.principal.subject().to_owned())
            .bind(record.operation.id())
            .bind(record.resource.clone())
            .bind(encode(&OUTCOMES, &record.outcome))
            .bind(record.reason.as_ref().map(|reason| reason.as_str().to_owned()))
            .bind(record.request_id.clone());
        self.execute(statement).await.map(drop)
    }

    async fn audit_records(&mut self, page: Page<AuditId>) -> Result<Vec<AuditRecord>, StoreError> {
        let statement =
            query("SELECT * FROM audit_records WHERE id < $1 ORDER BY id DESC LIMIT $2");
        let statement = statement.bind(upper_bound(&page)).bind(i64::from(page.limit));
        self.fetch_all(statement).await?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<AuditRecord, StoreError> {
    let operation: &str = column(row, "operation")?;
    let known = Operation::ALL.iter().find(|known| known.id() == operation);
    Ok(AuditRecord {
        id: id(row, "id")?,
        at: time(row, "at")?,
        principal: principal_id(row, "issuer", "subject")?,
        operation: *known.ok_or_else(|| broken(format!("`{operation}` is not an operation")))?,
        resource: column(row, "resource")?,
        outcome: decode(&OUTCOMES, column(row, "outcome")?)?,
        reason: optional_text(row, "reason")?,
        request_id: column(row, "request_id")?,
    })
}
