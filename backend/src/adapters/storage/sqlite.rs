//! SQLite: one file, one process. Writers queue for the one writing connection, so there is nothing to deadlock on.

use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;

use super::dialect::Dialect;
use crate::application::ports::Constraint;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

pub(super) static SQLITE: Dialect = Dialect {
    migrations: &MIGRATIONS,
    greeting: &[
        // readers go on while one writes
        "PRAGMA journal_mode = WAL",
        // a commit is on the disk when it returns
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        // of another process, such as a backup
        "PRAGMA busy_timeout = 3000",
    ],
    reader_greeting: &["PRAGMA query_only = ON"],
    writers: 1,
    begin_read: "BEGIN",
    begin_write: "BEGIN IMMEDIATE",
    locks_rows: false,
    try_lock: None,
    constraint,
    passes,
};

/// A `CHECK` is reported by its name, a `UNIQUE` by its columns.
fn constraint(error: &dyn DatabaseError) -> Option<Constraint> {
    let (_, what) = error.message().split_once(" constraint failed: ")?;
    match what {
        "products_stock_not_negative" => Some(Constraint::StockNegative),
        "memberships.organisation_id, memberships.issuer, memberships.subject" => {
            Some(Constraint::MemberTwice)
        }
        "co_owners.order_id, co_owners.issuer, co_owners.subject" => Some(Constraint::CoOwnerTwice),
        "idempotency_keys.issuer, idempotency_keys.subject, idempotency_keys.method, idempotency_keys.route, \
         idempotency_keys.key" => Some(Constraint::KeyTwice),
        _ => None,
    }
}

/// By the primary result code, which is the low byte of the extended one (<https://sqlite.org/rescode.html>).
fn passes(error: &dyn DatabaseError) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, BUSY | LOCKED | READONLY | IOERR | FULL | CANTOPEN))
}
