//! Database outages and recovery.

use std::sync::Arc;

use backend::adapters::storage::SqlStore;
use backend::application::ports::{Store as _, StoreError};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::http::lines;
use crate::support::{Database, Person, Service};

/// TCP proxy in front of the database whose connections can be cut and restored.
struct Wire {
    address: String,
    whole: watch::Sender<bool>,
    relay: JoinHandle<()>,
}

impl Wire {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (whole, watched) = watch::channel(true);
        let relay = tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (mut watched, server) = (watched.clone(), server.clone());
                tokio::spawn(async move {
                    if *watched.borrow()
                        && let Ok(mut server) = TcpStream::connect(server).await
                    {
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                            _ = watched.wait_for(|whole| !whole) => {}
                        }
                    }
                });
            }
        });
        Self { address, whole, relay }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test postgres"]
async fn an_unreachable_postgres_is_a_503_until_it_returns() {
    let database = Database::postgres().await;
    let (scheme_and_user, rest) =
        database.url.rsplit_once('@').unwrap_or(("postgres://", &database.url[11..]));
    let (server, name) = rest.split_once('/').unwrap();
    let wire = Wire::to(server.to_owned()).await;
    let store =
        Arc::new(SqlStore::open(&format!("{scheme_and_user}@{}/{name}", wire.address)).unwrap());
    let shop = Service::new(store.clone());
    let alice = Person::customer("alice");
    let product = shop.product(&Person::seller("sam"), 250, 5).await;
    let path = format!("/orders/{}", shop.order(&alice, &product, 1).await);

    wire.whole.send_replace(false);
    for response in
        [shop.get(&alice, &path).await, shop.post(&alice, "/orders", lines(&product, 1)).await]
    {
        let response = response.problem(503, "storage-unavailable");
        assert_eq!(response.header("retry-after"), "1");
    }
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    wire.whole.send_replace(true);
    store.ready().await.unwrap();
    shop.get(&alice, &path).await.is(200);
    shop.order(&alice, &product, 1).await;
    assert_eq!(shop.stock(&product).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_sqlite_file_is_a_503_for_writers_until_it_is_unlocked() {
    let database = Database::sqlite().await;
    let shop = Service::new(database.store.clone());
    let alice = Person::customer("alice");
    let product = shop.product(&Person::seller("sam"), 250, 5).await;
    let path = format!("/orders/{}", shop.order(&alice, &product, 1).await);

    let mut other = AnyConnection::connect(&database.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    shop.get(&alice, &path).await.is(200);
    let refused =
        shop.post(&alice, "/orders", lines(&product, 1)).await.problem(503, "storage-unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    other.execute("ROLLBACK").await.unwrap();
    shop.order(&alice, &product, 1).await;
    assert_eq!(shop.stock(&product).await, 3);
}
