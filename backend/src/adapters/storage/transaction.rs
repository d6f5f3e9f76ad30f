//! Transaction on either database, and the helpers that run statements in it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row as _};

use super::dialect::Dialect;
use crate::application::ports::{IdempotencyKey, StoreError, Transaction};

pub(super) type Statement = Query<'static, Any, AnyArguments>;

/// Transaction. Dropping it rolls it back.
pub(super) struct SqlTransaction {
    tx: sqlx::Transaction<'static, Any>,
    dialect: &'static Dialect,
    writes: bool,
    /// released when the transaction has ended
    _active_key: Option<ActiveKey>,
}

impl SqlTransaction {
    pub(super) fn new(
        tx: sqlx::Transaction<'static, Any>,
        dialect: &'static Dialect,
        writes: bool,
        active_key: Option<ActiveKey>,
    ) -> Self {
        Self { tx, dialect, writes, _active_key: active_key }
    }

    /// Executes a statement. Returns the number of affected rows.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let done = statement.execute(&mut *self.tx).await;
        Ok(done.map_err(|error| self.dialect.error(error))?.rows_affected())
    }

    pub(super) async fn fetch_optional(
        &mut self,
        statement: Statement,
    ) -> Result<Option<AnyRow>, StoreError> {
        statement.fetch_optional(&mut *self.tx).await.map_err(|error| self.dialect.error(error))
    }

    pub(super) async fn fetch_all(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<AnyRow>, StoreError> {
        statement.fetch_all(&mut *self.tx).await.map_err(|error| self.dialect.error(error))
    }

    /// Locks the row that is about to be loaded, if several writers run concurrently. `statement`
    /// ends in `FOR UPDATE`.
    pub(super) async fn lock(
        &mut self,
        statement: &'static str,
        id: String,
    ) -> Result<(), StoreError> {
        if self.writes && self.dialect.locks_rows {
            self.fetch_optional(sqlx::query(statement).bind(id)).await?;
        }
        Ok(())
    }

    /// Changes exactly one row: the version that was loaded.
    pub(super) async fn execute_one(&mut self, statement: Statement) -> Result<(), StoreError> {
        match self.execute(statement).await? {
            1 => Ok(()),
            _ => Err(StoreError::Stale),
        }
    }
}

#[async_trait]
impl Transaction for SqlTransaction {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let dialect = self.dialect;
        self.tx.commit().await.map_err(|error| dialect.error(error))
    }
}

/// Decodes a column.
pub(super) fn column<'r, T>(row: &'r AnyRow, name: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, Any> + sqlx::Type<Any>,
{
    row.try_get(name).map_err(broken)
}

/// Creates the error of stored data that cannot be read.
pub(super) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Broken(error.into())
}

/// The idempotency keys of requests in progress in this process.
#[derive(Clone, Default)]
pub(super) struct ActiveKeys(Arc<Mutex<HashSet<IdempotencyKey>>>);

/// One key in progress. Dropping it releases the key.
pub(super) struct ActiveKey {
    key: IdempotencyKey,
    active_keys: ActiveKeys,
}

impl ActiveKeys {
    /// Takes a key. Returns `None` if it is in progress.
    pub(super) fn take(&self, key: &IdempotencyKey) -> Option<ActiveKey> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        fresh.then(|| ActiveKey { key: key.clone(), active_keys: self.clone() })
    }
}

impl Drop for ActiveKey {
    fn drop(&mut self) {
        self.active_keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
