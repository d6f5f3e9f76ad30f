//! The store: connections, and the transactions that are begun on them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::MigrateError;
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _, Row as _};

use super::dialect::{Dialect, POSTGRES, SQLITE};
use super::transaction::SqlTransaction;
use crate::application::ports::{IdempotencyKey, Store, StoreError, Transaction};

/// How long a request waits for a connection before it is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How many may read at the same time.
const MAX_READERS: u32 = 8;

/// SQLite or PostgreSQL.
pub struct SqlStore {
    dialect: &'static Dialect,
    url: String,
    readers: AnyPool,
    writers: AnyPool,
    active_keys: ActiveKeys,
}

/// Why there is no storage.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such kind.
    #[error("the database URL must begin with `sqlite:` or `postgres:`")]
    Scheme,
    /// A transaction must see what another committed, and each connection would have a memory of its own.
    #[error("a SQLite database in memory cannot be used: name a file")]
    Memory,
    /// Not one that the driver understands.
    #[error("the database URL cannot be understood")]
    Url(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the migrations could not be applied")]
    Migration(#[from] MigrateError),
}

impl OpenError {
    /// Whether the same may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Migration(MigrateError::Execute(_)))
    }
}

impl SqlStore {
    /// Names the database. Connections are made when they are needed, so this succeeds while it is down.
    ///
    /// # Errors
    /// If the URL is not one.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        install_default_drivers();
        let (dialect, url) = match url.split_once(':') {
            Some(("sqlite", _)) if url.contains(":memory:") || url.contains("mode=memory") => {
                return Err(OpenError::Memory);
            }
            // a file that is not there yet is made
            Some(("sqlite", _)) if url.contains('?') => (&SQLITE, url.to_owned()),
            Some(("sqlite", _)) => (&SQLITE, format!("{url}?mode=rwc")),
            Some(("postgres" | "postgresql", _)) => (&POSTGRES, url.to_owned()),
            _ => return Err(OpenError::Scheme),
        };
        let pool = |size, statements: [&'static [&'static str]; 2]| {
            AnyPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        for statement in statements.into_iter().flatten() {
                            connection.execute(*statement).await?;
                        }
                        Ok(())
                    })
                })
                .connect_lazy(&url)
                .map_err(OpenError::Url)
        };
        let readers = pool(MAX_READERS, [dialect.on_connect, dialect.on_connect_read_only])?;
        let writers = pool(dialect.max_writers, [dialect.on_connect, &[]])?;
        Ok(Self { dialect, url, readers, writers, active_keys: ActiveKeys::default() })
    }

    /// Brings the schema up to date. Several may try at the same time.
    ///
    /// # Errors
    /// If the database cannot be reached, or a migration fails or was changed after it was applied.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        // on a connection of its own, which no timeout of a request's cuts off
        let mut connection = AnyConnection::connect(&self.url).await.map_err(MigrateError::from)?;
        self.dialect.migrations.run(&mut connection).await?;
        connection.close().await.map_err(MigrateError::from)?;
        Ok(())
    }

    /// Ends the connections, once what is under way on them has ended.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    async fn begin(
        &self,
        pool: &AnyPool,
        statement: &'static str,
        writes: bool,
        active_key: Option<ActiveKey>,
    ) -> Result<SqlTransaction, StoreError> {
        let tx = pool.begin_with(statement).await.map_err(|error| self.dialect.error(error))?;
        Ok(SqlTransaction::new(tx, self.dialect, writes, active_key))
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(self.begin(&self.readers, self.dialect.begin_read, false, None).await?))
    }

    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(self.begin(&self.writers, self.dialect.begin_write, true, None).await?))
    }

    async fn write_exclusive(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError> {
        // twins in this process are told apart here, those in other processes by the database
        let Some(active_key) = self.active_keys.take(key) else { return Ok(None) };
        let mut tx = self.begin(&self.writers, self.dialect.begin_write, true, Some(active_key)).await?;
        if let Some(try_lock) = self.dialect.try_lock {
            let row = tx.fetch_optional(sqlx::query(try_lock).bind(lock_id(key))).await?;
            let taken = row.map(|row| row.try_get("taken")).transpose();
            if taken.map_err(|error| self.dialect.error(error))? != Some(true) {
                return Ok(None);
            }
        }
        Ok(Some(Box::new(tx)))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success = TRUE")
            .fetch_one(&self.readers)
            .await
            .map_err(|error| self.dialect.error(error))?;
        if usize::try_from(applied) == Ok(self.dialect.migrations.iter().count()) {
            Ok(())
        } else {
            Err(StoreError::Unavailable("migrations are missing, or newer than this program".into()))
        }
    }
}

/// The number of the database's lock for a key. Two keys of one number would only be told to come back later.
fn lock_id(key: &IdempotencyKey) -> i64 {
    let mut hash = Sha256::new();
    for part in [key.principal.issuer(), key.principal.subject(), key.method, key.route, &key.key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// The keys that are being worked on in this process.
#[derive(Clone, Default)]
struct ActiveKeys(Arc<Mutex<HashSet<IdempotencyKey>>>);

/// One of them, until it is dropped.
pub(super) struct ActiveKey {
    key: IdempotencyKey,
    active_keys: ActiveKeys,
}

impl ActiveKeys {
    fn take(&self, key: &IdempotencyKey) -> Option<ActiveKey> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        fresh.then(|| ActiveKey { key: key.clone(), active_keys: self.clone() })
    }
}

impl Drop for ActiveKey {
    fn drop(&mut self) {
        self.active_keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
