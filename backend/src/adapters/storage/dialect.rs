//! Differences between the databases. All other SQL is the same for both.

use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;

use crate::application::ports::{Constraint, StoreError};

/// One kind of database.
pub(super) struct Dialect {
    /// The schema.
    pub(super) migrations: &'static Migrator,
    /// Statements that each new connection executes.
    pub(super) on_connect: &'static [&'static str],
    /// Further statements that each new read-only connection executes.
    pub(super) on_connect_read_only: &'static [&'static str],
    /// Maximum number of connections that write. SQLite has one, so writers queue and cannot
    /// deadlock.
    pub(super) max_writers: u32,
    /// Begins a read-only transaction that sees one consistent snapshot.
    pub(super) begin_read: &'static str,
    /// Begins a write transaction.
    pub(super) begin_write: &'static str,
    /// Whether a row must be locked when it is loaded, because several writers run concurrently.
    pub(super) locks_rows: bool,
    /// Statement that tries to take the lock of a number until the end of the transaction.
    pub(super) try_lock: Option<&'static str>,
    /// Returns the constraint that was violated.
    pub(super) constraint: fn(&dyn DatabaseError) -> Option<Constraint>,
    /// Returns whether the operation may succeed later.
    pub(super) is_transient: fn(&dyn DatabaseError) -> bool,
}

impl Dialect {
    pub(super) fn error(&self, error: sqlx::Error) -> StoreError {
        match &error {
            sqlx::Error::Database(database) => match (self.constraint)(&**database) {
                Some(constraint) => StoreError::Constraint(constraint),
                None if (self.is_transient)(&**database) => StoreError::Unavailable(error.into()),
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

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

pub(super) static SQLITE: Dialect = Dialect {
    migrations: &SQLITE_MIGRATIONS,
    on_connect: &[
        // readers do not wait for the writer
        "PRAGMA journal_mode = WAL",
        // a commit is on disk when it returns
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        // wait for another process, such as a backup
        "PRAGMA busy_timeout = 3000",
    ],
    on_connect_read_only: &["PRAGMA query_only = ON"],
    max_writers: 1,
    begin_read: "BEGIN",
    begin_write: "BEGIN IMMEDIATE",
    locks_rows: false,
    try_lock: None,
    constraint: sqlite_constraint,
    is_transient: sqlite_is_transient,
};

/// SQLite reports a `CHECK` by its name and a `UNIQUE` by its columns.
fn sqlite_constraint(error: &dyn DatabaseError) -> Option<Constraint> {
    let (_, what) = error.message().split_once(" constraint failed: ")?;
    match what {
        "products_stock_not_negative" => Some(Constraint::NegativeStock),
        "memberships.organisation_id, memberships.issuer, memberships.subject" => {
            Some(Constraint::DuplicateMember)
        }
        "co_owners.order_id, co_owners.issuer, co_owners.subject" => {
            Some(Constraint::DuplicateCoOwner)
        }
        "idempotency_keys.issuer, idempotency_keys.subject, idempotency_keys.method, idempotency_keys.route, \
         idempotency_keys.key" => Some(Constraint::DuplicateKey),
        _ => None,
    }
}

/// By the primary result code: the low byte of the extended code
/// (<https://sqlite.org/rescode.html>).
fn sqlite_is_transient(error: &dyn DatabaseError) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| {
        matches!(code & 0xff, BUSY | LOCKED | READONLY | IOERR | FULL | CANTOPEN)
    })
}

static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

pub(super) static POSTGRES: Dialect = Dialect {
    migrations: &POSTGRES_MIGRATIONS,
    on_connect: &[
        "SET lock_timeout = '3s'",
        "SET statement_timeout = '5s'",
        "SET idle_in_transaction_session_timeout = '15s'",
    ],
    on_connect_read_only: &[],
    max_writers: 16,
    begin_read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    begin_write: "BEGIN",
    locks_rows: true,
    try_lock: Some("SELECT pg_try_advisory_xact_lock($1) AS taken"),
    constraint: postgres_constraint,
    is_transient: postgres_is_transient,
};

fn postgres_constraint(error: &dyn DatabaseError) -> Option<Constraint> {
    match error.constraint()? {
        "products_stock_not_negative" => Some(Constraint::NegativeStock),
        "memberships_once" => Some(Constraint::DuplicateMember),
        "co_owners_once" => Some(Constraint::DuplicateCoOwner),
        "idempotency_keys_once" => Some(Constraint::DuplicateKey),
        _ => None,
    }
}

/// By SQLSTATE (PostgreSQL documentation, appendix A): the classes of connections, resources and
/// operator intervention, and the codes of locks, deadlocks, serialization failures and idle
/// timeouts.
fn postgres_is_transient(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || ["40001", "40P01", "55P03", "25P03"].contains(&&*code)
}
