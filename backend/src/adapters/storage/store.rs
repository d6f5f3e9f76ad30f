//! The store: connection pools and the transactions on them.

use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::MigrateError;
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _, Row as _};

use super::dialect::{Dialect, POSTGRES, SQLITE};
use super::transaction::{ActiveKey, ActiveKeys, SqlTransaction};
use crate::application::ports::{IdempotencyKey, Store, StoreError, Transaction};

/// Time limit for a request to get a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of connections that only read.
const MAX_READERS: u32 = 8;

/// SQLite or PostgreSQL database.
pub struct SqlStore {
    dialect: &'static Dialect,
    url: String,
    readers: AnyPool,
    writers: AnyPool,
    active_keys: ActiveKeys,
}

/// Reason why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has an unknown scheme.
    #[error("the scheme of the database URL must be `sqlite:` or `postgres:`")]
    Scheme,
    /// Each connection would have a database of its own, so no transaction would see another's
    /// commits.
    #[error("a SQLite database in memory is not supported: name a file")]
    Memory,
    /// The driver rejects the URL.
    #[error("the database URL is not valid")]
    Url(#[source] sqlx::Error),
    /// A migration failed.
    #[error("the migrations could not be applied")]
    Migration(#[from] MigrateError),
}

impl OpenError {
    /// Returns whether opening the database may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Migration(MigrateError::Execute(_)))
    }
}

impl SqlStore {
    /// Creates the connection pools. They connect lazily, so this succeeds while the database is
    /// down.
    ///
    /// # Errors
    /// If the URL is not valid.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        install_default_drivers();
        let (dialect, url) = match url.split_once(':') {
            Some(("sqlite", _)) if url.contains(":memory:") || url.contains("mode=memory") => {
                return Err(OpenError::Memory);
            }
            // `mode=rwc` creates a missing file
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

    /// Migrates the schema. Several processes may do so concurrently.
    ///
    /// # Errors
    /// If the database is unreachable, or a migration fails or differs from the one that was
    /// applied.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        // on a connection of its own, to which no timeout of requests applies
        let mut connection = AnyConnection::connect(&self.url).await.map_err(MigrateError::from)?;
        self.dialect.migrations.run(&mut connection).await?;
        connection.close().await.map_err(MigrateError::from)?;
        Ok(())
    }

    /// Closes the connections when their transactions have ended.
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
        // the set detects concurrent requests in this process, the database those in other
        // processes
        let Some(active_key) = self.active_keys.take(key) else { return Ok(None) };
        let mut tx =
            self.begin(&self.writers, self.dialect.begin_write, true, Some(active_key)).await?;
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
        let applied: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success = TRUE")
                .fetch_one(&self.readers)
                .await
                .map_err(|error| self.dialect.error(error))?;
        if usize::try_from(applied) == Ok(self.dialect.migrations.iter().count()) {
            Ok(())
        } else {
            Err(StoreError::Unavailable(
                "the applied migrations are not those of this program".into(),
            ))
        }
    }
}

/// Returns the number of the database's lock for a key. If two keys collide, one of the requests
/// gets a conflict and is retried.
fn lock_id(key: &IdempotencyKey) -> i64 {
    let mut hash = Sha256::new();
    for part in [key.principal.issuer(), key.principal.subject(), key.method, key.route, &key.key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}
