//! What a database has to say for itself. Everything else is the same SQL for all.

use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;

use crate::application::ports::{Constraint, StoreError};

/// One kind of database.
pub(super) struct Dialect {
    /// The schema.
    pub(super) migrations: &'static Migrator,
    /// What each new connection is told first.
    pub(super) greeting: &'static [&'static str],
    /// What a connection that only reads is told besides.
    pub(super) reader_greeting: &'static [&'static str],
    /// How many connections may write at the same time, unless the operator says otherwise.
    pub(super) writers: u32,
    /// Begins a transaction that sees one state of things, and writes nothing.
    pub(super) begin_read: &'static str,
    /// Begins a transaction that writes.
    pub(super) begin_write: &'static str,
    /// Whether a row that is read must be locked by name, because other writers are at work.
    pub(super) locks_rows: bool,
    /// Takes the lock of that number until the end of the transaction, and says whether it could.
    pub(super) try_lock: Option<&'static str>,
    /// The constraint that was hit.
    pub(super) constraint: fn(&dyn DatabaseError) -> Option<Constraint>,
    /// Whether the same may succeed later.
    pub(super) passes: fn(&dyn DatabaseError) -> bool,
}

impl Dialect {
    pub(super) fn error(&self, error: sqlx::Error) -> StoreError {
        match &error {
            sqlx::Error::Database(database) => match (self.constraint)(&**database) {
                Some(constraint) => StoreError::Constraint(constraint),
                None if (self.passes)(&**database) => StoreError::Unavailable(error.into()),
                None => StoreError::Broken(error.into()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => StoreError::Unavailable(error.into()),
            _ => StoreError::Broken(error.into()),
        }
    }
}
