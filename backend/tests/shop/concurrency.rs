//! Concurrent requests on each database: nothing is sold twice, no update is lost, and no request
//! waits forever.

use std::collections::HashSet;

use backend::adapters::storage::SqlStore;
use backend::application::ports::{IdempotencyKey, Store as _};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::task::JoinSet;

use crate::on_each_database;
use crate::support::http::{Response, lines};
use crate::support::{Database, Person, Service};

on_each_database![
    one_of_two_buyers_of_the_last_piece_gets_it_and_the_other_gets_409,
    two_hundred_orders_on_fifty_pieces_sell_exactly_fifty,
    one_of_many_updates_with_the_same_entity_tag_succeeds,
    concurrent_orders_and_cancellations_of_the_same_products_do_not_deadlock,
    a_repeated_request_gets_409_while_the_first_is_in_progress,
    concurrent_requests_with_one_key_place_one_order,
];

async fn buy_at_once(shop: &Service, product: &str, buyers: usize) -> Vec<Response> {
    let mut orders = JoinSet::new();
    for n in 0..buyers {
        let (shop, body) = (shop.clone(), lines(product, 1));
        orders.spawn(async move {
            shop.post(&Person::customer(&format!("buyer-{n}")), "/orders", body).await
        });
    }
    orders.join_all().await
}

fn count(responses: &[Response], status: u16) -> usize {
    responses.iter().filter(|response| response.status == status).count()
}

async fn one_of_two_buyers_of_the_last_piece_gets_it_and_the_other_gets_409(database: Database) {
    let shop = Service::new(database.store.clone());
    for _ in 0..10 {
        let product = shop.product(&Person::seller("sam"), 250, 1).await;
        let mut responses = buy_at_once(&shop, &product, 2).await;
        assert_eq!(count(&responses, 201), 1, "{responses:?}");
        responses.retain(|response| response.status != 201);
        responses.remove(0).problem(409, "out-of-stock");
        assert_eq!(shop.stock(&product).await, 0);
    }
}

async fn two_hundred_orders_on_fifty_pieces_sell_exactly_fifty(database: Database) {
    let shop = Service::new(database.store.clone());
    let product = shop.product(&Person::seller("sam"), 250, 50).await;
    let mut responses = buy_at_once(&shop, &product, 200).await;
    // requests that got 503 are retried
    while count(&responses, 503) > 0 {
        let again = count(&responses, 503);
        responses.retain(|response| response.status != 503);
        responses.extend(buy_at_once(&shop, &product, again).await);
    }
    assert_eq!((count(&responses, 201), count(&responses, 409)), (50, 150));
    assert_eq!(shop.stock(&product).await, 0);
    let mut sold = HashSet::new();
    let mut next = Some("/orders?limit=100".to_owned());
    while let Some(path) = next {
        let page = shop.get(&Person::admin("root"), &path).await.is(200);
        sold.extend(page.ids().into_iter().map(str::to_owned));
        next = page.next_page();
    }
    assert_eq!(sold.len(), 50);
}

async fn one_of_many_updates_with_the_same_entity_tag_succeeds(database: Database) {
    let shop = Service::new(database.store.clone());
    let sam = Person::seller("sam");
    let path = format!("/products/{}", shop.product(&sam, 250, 5).await);
    let mut updates = JoinSet::new();
    for n in 0..20 {
        let (shop, sam, path) = (shop.clone(), sam.clone(), path.clone());
        let body = json!({ "name": format!("Tea {n}"), "price": { "cents": 250, "currency": "EUR" }, "stock": 5 });
        updates.spawn(async move {
            shop.call(&sam, "PUT", &path, &[("if-match", "\"1\"")], Some(body)).await
        });
    }
    let responses = updates.join_all().await;
    assert_eq!((count(&responses, 200), count(&responses, 412)), (1, 19), "{responses:?}");
    let winner = responses.iter().find(|response| response.status == 200).unwrap();
    assert_eq!(shop.send("GET", &path, &[], "").await.body["name"], winner.body["name"]);
}

async fn concurrent_orders_and_cancellations_of_the_same_products_do_not_deadlock(
    database: Database,
) {
    let shop = Service::new(database.store.clone());
    let sam = Person::seller("sam");
    let mut products = Vec::new();
    for _ in 0..5 {
        products.push(shop.product(&sam, 250, 1_000).await);
    }
    let mut buyers = JoinSet::new();
    for n in 0..20 {
        let shop = shop.clone();
        let mut wanted = products.clone();
        wanted.rotate_left(n % 5);
        if n % 2 == 0 {
            wanted.reverse();
        }
        buyers.spawn(async move {
            let who = Person::customer(&format!("buyer-{n}"));
            let wanted: Vec<Value> = wanted
                .iter()
                .map(|product| json!({ "product_id": product, "quantity": 1 }))
                .collect();
            let order = shop.post(&who, "/orders", json!({ "lines": wanted })).await.created();
            shop.call(&who, "POST", &format!("/orders/{order}/cancellation"), &[], None)
                .await
                .is(200);
        });
    }
    buyers.join_all().await;
    for product in &products {
        assert_eq!(shop.stock(product).await, 1_000);
    }
}

async fn a_repeated_request_gets_409_while_the_first_is_in_progress(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, product) =
        (Person::customer("alice"), shop.product(&Person::seller("sam"), 250, 5).await);
    // another connection holds a lock that the first request needs
    let mut other = AnyConnection::connect(&database.url).await.unwrap();
    if database.url.starts_with("sqlite") {
        other.execute("BEGIN IMMEDIATE").await.unwrap();
    } else {
        other.execute("BEGIN").await.unwrap();
        other.execute("SELECT * FROM products FOR UPDATE").await.unwrap();
    }
    let send = || {
        let (shop, alice, body) = (shop.clone(), alice.clone(), lines(&product, 1));
        async move {
            shop.call(&alice, "POST", "/orders", &[("idempotency-key", "k")], Some(body)).await
        }
    };
    let (first, second) = (tokio::spawn(send()), tokio::spawn(send()));
    // the second request is rejected immediately; the first one continues
    let response = tokio::select! { response = first => response, response = second => response };
    let response = response.unwrap();
    let response = response.problem(409, "request-in-progress");
    assert_eq!(response.header("retry-after"), "1");
    other.execute("ROLLBACK").await.unwrap();
    // repeated requests return the same order
    let placed = loop {
        let response = send().await;
        if response.status != 409 {
            break response.created();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(shop.get(&alice, "/orders").await.ids(), [&*placed]);
    assert_eq!(shop.stock(&product).await, 4);
}

/// The lock is the database's, not only the process's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test postgres"]
async fn a_key_is_locked_across_processes_on_postgres() {
    let database = Database::postgres().await;
    let (here, there) = (&database.store, SqlStore::open(&database.url).unwrap());
    let principal = Person::customer("alice").id();
    let key = IdempotencyKey { principal, method: "POST", route: "/orders", key: "k".to_owned() };
    let first = here.write_exclusive(&key).await.unwrap().unwrap();
    assert!(there.write_exclusive(&key).await.unwrap().is_none());
    first.commit().await.unwrap();
    assert!(there.write_exclusive(&key).await.unwrap().is_some());
}

async fn concurrent_requests_with_one_key_place_one_order(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, product) =
        (Person::customer("alice"), shop.product(&Person::seller("sam"), 250, 50).await);
    let mut twins = JoinSet::new();
    for _ in 0..20 {
        let (shop, alice, body) = (shop.clone(), alice.clone(), lines(&product, 1));
        twins.spawn(async move {
            shop.call(&alice, "POST", "/orders", &[("idempotency-key", "k")], Some(body)).await
        });
    }
    let responses = twins.join_all().await;
    let ids: HashSet<_> = responses
        .iter()
        .filter(|response| response.status == 201)
        .map(|response| &response.body["id"])
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(count(&responses, 201) + count(&responses, 409), 20, "{responses:?}");
    assert_eq!(shop.stock(&product).await, 49);
}
