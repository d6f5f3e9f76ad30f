//! Many at once, on each database: nothing is sold twice, nothing is lost, nobody waits for ever.

use std::collections::HashSet;

use backend::adapters::storage::SqlStore;
use backend::application::ports::{IdempotencyKey, Store as _};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::task::JoinSet;

use crate::on_each_database;
use crate::support::http::{Answer, lines};
use crate::support::{Database, Person, Service};

on_each_database![
    of_two_buyers_of_the_last_piece_one_wins_and_the_other_gets_a_409,
    two_hundred_orders_on_fifty_pieces_sell_exactly_fifty,
    of_many_updates_with_the_same_tag_one_wins,
    orders_of_the_same_things_in_any_order_and_their_cancellations_never_block_each_other_for_good,
    a_twin_of_a_request_in_progress_is_told_so,
    twins_that_race_place_one_order,
];

async fn buy_at_once(shop: &Service, product: &str, buyers: usize) -> Vec<Answer> {
    let mut orders = JoinSet::new();
    for n in 0..buyers {
        let (shop, body) = (shop.clone(), lines(product, 1));
        orders
            .spawn(async move { shop.post(&Person::customer(&format!("buyer-{n}")), "/orders", body).await });
    }
    orders.join_all().await
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn of_two_buyers_of_the_last_piece_one_wins_and_the_other_gets_a_409(database: Database) {
    let shop = Service::new(database.store.clone());
    for _ in 0..10 {
        let product = shop.product(&Person::seller("sam"), 250, 1).await;
        let mut answers = buy_at_once(&shop, &product, 2).await;
        assert_eq!(count(&answers, 201), 1, "{answers:?}");
        answers.retain(|answer| answer.status != 201);
        answers.remove(0).problem(409, "out-of-stock");
        assert_eq!(shop.stock(&product).await, 0);
    }
}

async fn two_hundred_orders_on_fifty_pieces_sell_exactly_fifty(database: Database) {
    let shop = Service::new(database.store.clone());
    let product = shop.product(&Person::seller("sam"), 250, 50).await;
    let mut answers = buy_at_once(&shop, &product, 200).await;
    // who was told to come back later does so
    while count(&answers, 503) > 0 {
        let again = count(&answers, 503);
        answers.retain(|answer| answer.status != 503);
        answers.extend(buy_at_once(&shop, &product, again).await);
    }
    assert_eq!((count(&answers, 201), count(&answers, 409)), (50, 150));
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

async fn of_many_updates_with_the_same_tag_one_wins(database: Database) {
    let shop = Service::new(database.store.clone());
    let sam = Person::seller("sam");
    let path = format!("/products/{}", shop.product(&sam, 250, 5).await);
    let mut updates = JoinSet::new();
    for n in 0..20 {
        let (shop, sam, path) = (shop.clone(), sam.clone(), path.clone());
        let body =
            json!({ "name": format!("Tea {n}"), "price": { "cents": 250, "currency": "EUR" }, "stock": 5 });
        updates
            .spawn(async move { shop.call(&sam, "PUT", &path, &[("if-match", "\"1\"")], Some(body)).await });
    }
    let answers = updates.join_all().await;
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 19), "{answers:?}");
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(shop.send("GET", &path, &[], "").await.body["name"], winner.body["name"]);
}

async fn orders_of_the_same_things_in_any_order_and_their_cancellations_never_block_each_other_for_good(
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
            let wanted: Vec<Value> =
                wanted.iter().map(|product| json!({ "product_id": product, "quantity": 1 })).collect();
            let order = shop.post(&who, "/orders", json!({ "lines": wanted })).await.created();
            shop.call(&who, "POST", &format!("/orders/{order}/cancellation"), &[], None).await.is(200);
        });
    }
    buyers.join_all().await;
    for product in &products {
        assert_eq!(shop.stock(product).await, 1_000);
    }
}

async fn a_twin_of_a_request_in_progress_is_told_so(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, product) = (Person::customer("alice"), shop.product(&Person::seller("sam"), 250, 5).await);
    // somebody else holds what the first one needs
    let mut other = AnyConnection::connect(&database.url).await.unwrap();
    if database.url.starts_with("sqlite") {
        other.execute("BEGIN IMMEDIATE").await.unwrap();
    } else {
        other.execute("BEGIN").await.unwrap();
        other.execute("SELECT * FROM products FOR UPDATE").await.unwrap();
    }
    let send = || {
        let (shop, alice, body) = (shop.clone(), alice.clone(), lines(&product, 1));
        async move { shop.call(&alice, "POST", "/orders", &[("idempotency-key", "k")], Some(body)).await }
    };
    let (first, second) = (tokio::spawn(send()), tokio::spawn(send()));
    // whichever came second is answered at once; the other one goes on by itself
    let answer = tokio::select! { answer = first => answer, answer = second => answer };
    let answer = answer.unwrap();
    let answer = answer.problem(409, "request-in-progress");
    assert_eq!(answer.header("retry-after"), "1");
    other.execute("ROLLBACK").await.unwrap();
    // asked again, both are one
    let placed = loop {
        let answer = send().await;
        if answer.status != 409 {
            break answer.created();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(shop.get(&alice, "/orders").await.ids(), [&*placed]);
    assert_eq!(shop.stock(&product).await, 4);
}

/// The claim is the database's, not only the process's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test postgres"]
async fn a_key_is_worked_on_by_one_of_several_processes_on_postgres() {
    let database = Database::postgres().await;
    let (here, there) = (&database.store, SqlStore::open(&database.url).unwrap());
    let principal = Person::customer("alice").id();
    let key = IdempotencyKey { principal, method: "POST", route: "/orders", key: "k".to_owned() };
    let first = here.write_exclusive(&key).await.unwrap().unwrap();
    assert!(there.write_exclusive(&key).await.unwrap().is_none());
    first.commit().await.unwrap();
    assert!(there.write_exclusive(&key).await.unwrap().is_some());
}

async fn twins_that_race_place_one_order(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, product) = (Person::customer("alice"), shop.product(&Person::seller("sam"), 250, 50).await);
    let mut twins = JoinSet::new();
    for _ in 0..20 {
        let (shop, alice, body) = (shop.clone(), alice.clone(), lines(&product, 1));
        twins.spawn(async move {
            shop.call(&alice, "POST", "/orders", &[("idempotency-key", "k")], Some(body)).await
        });
    }
    let answers = twins.join_all().await;
    let ids: HashSet<_> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| &answer.body["id"]).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(count(&answers, 201) + count(&answers, 409), 20, "{answers:?}");
    assert_eq!(shop.stock(&product).await, 49);
}
