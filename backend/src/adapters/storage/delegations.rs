//! Delegations.

use async_trait::async_trait;
use portcullis_principal::PrincipalId;
use sqlx::any::AnyRow;
use sqlx::query;

use super::rows::{SCOPES, decode, encode, id, principal_id, time, upper_bound};
use super::transaction::{SqlTransaction, column};
use crate::application::ports::{Delegations, Page, StoreError};
use crate::domain::delegation::{Delegation, RevokeDelegation};
use crate::domain::ownership::{Authorized, Permit};
use crate::domain::values::DelegationId;

#[async_trait]
impl Delegations for SqlTransaction {
    async fn delegation(
        &mut self,
        delegation: DelegationId,
    ) -> Result<Option<Delegation>, StoreError> {
        self.lock("SELECT id FROM delegations WHERE id = $1 FOR UPDATE", delegation.to_string())
            .await?;
        let statement =
            query("SELECT * FROM delegations WHERE id = $1").bind(delegation.to_string());
        self.fetch_optional(statement).await?.as_ref().map(read).transpose()
    }

    async fn insert_delegation(
        &mut self,
        delegation: &Authorized<Delegation>,
    ) -> Result<(), StoreError> {
        let statement = query(
            "INSERT INTO delegations (id, grantor_issuer, grantor_subject, delegate_issuer, delegate_subject, scope,
                                      granted_at, until)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let statement = statement
            .bind(delegation.id.to_string())
            .bind(delegation.grantor.issuer().to_owned())
            .bind(delegation.grantor.subject().to_owned())
            .bind(delegation.delegate.issuer().to_owned())
            .bind(delegation.delegate.subject().to_owned())
            .bind(encode(&SCOPES, &delegation.scope))
            .bind(delegation.granted_at.0)
            .bind(delegation.until.0);
        self.execute(statement).await.map(drop)
    }

    async fn delete_delegation(
        &mut self,
        permit: &Permit<RevokeDelegation>,
    ) -> Result<(), StoreError> {
        let statement =
            query("DELETE FROM delegations WHERE id = $1").bind(permit.resource().id.to_string());
        self.execute_one(statement).await
    }

    async fn delegations_of(
        &mut self,
        principal: &PrincipalId,
        page: Page<DelegationId>,
    ) -> Result<Vec<Delegation>, StoreError> {
        let statement = query(
            "SELECT * FROM delegations
             WHERE ((grantor_issuer = $1 AND grantor_subject = $2) OR (delegate_issuer = $1 AND delegate_subject = $2))
               AND id < $3
             ORDER BY id DESC LIMIT $4",
        );
        let statement = statement
            .bind(principal.issuer().to_owned())
            .bind(principal.subject().to_owned())
            .bind(upper_bound(&page))
            .bind(i64::from(page.limit));
        self.fetch_all(statement).await?.iter().map(read).collect()
    }
}

pub(super) fn read(row: &AnyRow) -> Result<Delegation, StoreError> {
    Ok(Delegation {
        id: id(row, "id")?,
        grantor: principal_id(row, "grantor_issuer", "grantor_subject")?,
        delegate: principal_id(row, "delegate_issuer", "delegate_subject")?,
        scope: decode(&SCOPES, column(row, "scope")?)?,
        granted_at: time(row, "granted_at")?,
        until: time(row, "until")?,
    })
}
