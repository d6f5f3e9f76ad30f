//! Test databases: a new SQLite file, or a new database on the PostgreSQL server that
//! `PORTCULLIS_TEST_POSTGRES` names.

use std::sync::Arc;

use backend::adapters::storage::SqlStore;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;
use uuid::Uuid;

/// Environment variable with the URL of a PostgreSQL server on which databases can be created.
pub const POSTGRES: &str = "PORTCULLIS_TEST_POSTGRES";

pub struct Database {
    pub url: String,
    pub store: Arc<SqlStore>,
    _keep: Keep,
}

enum Keep {
    File { _directory: TempDir },
    Server { server: String, name: String },
}

impl Database {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("shop.db").display());
        Self::open(url, Keep::File { _directory: directory }).await
    }

    /// Creates a database. Tests that use one are ignored by default: run `cargo xtask test
    /// postgres`.
    pub async fn postgres() -> Self {
        let server = std::env::var(POSTGRES);
        let server =
            server.unwrap_or_else(|_| panic!("{POSTGRES} must be the URL of a PostgreSQL server"));
        let name = format!("shop_{}", Uuid::now_v7().simple());
        command(&server, format!("CREATE DATABASE {name}")).await;
        let (base, query) =
            server.split_once('?').map_or((&*server, None), |(base, query)| (base, Some(query)));
        let (host, _) = base.rsplit_once('/').expect("the URL names a database");
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let url = format!("{host}/{name}{query}");
        Self::open(url, Keep::Server { server, name }).await
    }

    async fn open(url: String, keep: Keep) -> Self {
        let store = SqlStore::open(&url).unwrap();
        store.migrate().await.unwrap();
        Self { url, store: Arc::new(store), _keep: keep }
    }

    /// Executes SQL without the service.
    pub async fn execute(&self, sql: impl Into<String>) -> Result<(), sqlx::Error> {
        let mut connection = AnyConnection::connect(&self.url).await?;
        connection.execute(AssertSqlSafe(sql.into())).await?;
        connection.close().await
    }
}

async fn command(server: &str, sql: String) {
    sqlx::any::install_default_drivers();
    let mut connection =
        AnyConnection::connect(server).await.expect("the PostgreSQL server responses");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Keep {
    fn drop(&mut self) {
        if let Self::Server { server, name } = self {
            let (server, sql) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
            // the runtime of the test is shutting down, so the drop needs its own
            let dropping = std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(command(&server, sql));
            });
            let _ = dropping.join();
        }
    }
}

/// Declares a test for each store, including the one in memory.
#[macro_export]
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod in_memory { $(
            #[tokio::test]
            async fn $name() {
                super::$name(std::sync::Arc::new($crate::support::memory::MemoryStore::default())).await;
            }
        )+ }
        mod on_sqlite { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::Database::sqlite().await.store.clone()).await;
            }
        )+ }
        mod on_postgres { $(
            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL: cargo xtask test postgres"]
            async fn $name() {
                super::$name($crate::support::Database::postgres().await.store.clone()).await;
            }
        )+ }
    };
}

/// Declares a test for each database.
#[macro_export]
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::Database::sqlite().await).await;
            }
        )+ }
        mod on_postgres { $(
            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL: cargo xtask test postgres"]
            async fn $name() {
                super::$name($crate::support::Database::postgres().await).await;
            }
        )+ }
    };
}
