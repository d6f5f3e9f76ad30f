//! PostgreSQL: many writers. What is loaded by id is locked; nobody waits for ever.

use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;

use super::dialect::Dialect;
use crate::application::ports::Constraint;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

pub(super) static POSTGRES: Dialect = Dialect {
    migrations: &MIGRATIONS,
    greeting: &[
        "SET lock_timeout = '3s'",
        "SET statement_timeout = '5s'",
        "SET idle_in_transaction_session_timeout = '15s'",
    ],
    reader_greeting: &[],
    writers: 16,
    begin_read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    begin_write: "BEGIN",
    locks_rows: true,
    try_lock: Some("SELECT pg_try_advisory_xact_lock($1) AS taken"),
    constraint,
    passes,
};

fn constraint(error: &dyn DatabaseError) -> Option<Constraint> {
    match error.constraint()? {
        "products_stock_not_negative" => Some(Constraint::StockNegative),
        "memberships_once" => Some(Constraint::MemberTwice),
        "co_owners_once" => Some(Constraint::CoOwnerTwice),
        "idempotency_keys_once" => Some(Constraint::KeyTwice),
        _ => None,
    }
}

/// By the class of the SQLSTATE (PostgreSQL documentation, appendix A): the connection, resources, an operator's
/// intervention; and the locks, deadlocks and serialization failures among the rest.
fn passes(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || ["40001", "40P01", "55P03", "25P03"].contains(&&*code)
}
