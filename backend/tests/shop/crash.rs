//! The process is killed and restarted: acknowledged orders exist, no order is incomplete, and
//! unanswered requests can be repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::on_each_database;
use crate::support::http::lines;
use crate::support::{Database, Person, Process};

const WRITES: usize = 500;
const STOCK: i64 = 10_000;
/// The process is killed after this many responses.
const ANSWERED: usize = 150;

on_each_database![a_killed_process_loses_no_acknowledged_order_and_leaves_no_incomplete_one];

fn buyer(n: usize) -> Person {
    Person::customer(&format!("buyer-{}", n % 10))
}

/// Orders two pieces under an idempotency key. Returns the id of the order if there was a response.
async fn order(process: &Process, client: &Client, product: &str, n: usize) -> Option<String> {
    let request =
        process.request(client, &buyer(n), Method::POST, "/orders").json(&lines(product, 2));
    let response = request.header("idempotency-key", format!("order-{n}")).send().await.ok()?;
    if response.status() != 201 {
        return None;
    }
    let body: Value = response.json().await.ok()?;
    Some(body["id"].as_str().unwrap().to_owned())
}

async fn get(
    process: &Process,
    client: &Client,
    who: &Person,
    path: &str,
) -> (Value, Option<String>) {
    let response = process
        .request(client, who, Method::GET, path)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
    let next = link.and_then(|link| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned()));
    (response.json().await.unwrap(), next)
}

async fn a_killed_process_loses_no_acknowledged_order_and_leaves_no_incomplete_one(
    database: Database,
) {
    let process = Arc::new(Process::start(&database.url, &[]));
    let client = Client::new();
    let body =
        json!({ "name": "Tea", "price": { "cents": 250, "currency": "EUR" }, "stock": STOCK });
    let product =
        process.request(&client, &Person::seller("sam"), Method::POST, "/products").json(&body);
    let product: Value = product.send().await.unwrap().json().await.unwrap();
    let product: Arc<str> = product["id"].as_str().unwrap().into();

    let mut acknowledged = BTreeMap::new();
    let mut writes = JoinSet::new();
    for writer in 0..10 {
        let (process, client, product) =
            (Arc::clone(&process), client.clone(), Arc::clone(&product));
        writes.spawn(async move {
            let mut mine = Vec::new();
            for n in (writer..WRITES).step_by(10) {
                match order(&process, &client, &product, n).await {
                    Some(id) => mine.push((n, id)),
                    // the process was killed
                    None => break,
                }
                // the first writer kills the process
                if writer == 0 && mine.len() >= ANSWERED / 10 {
                    process.kill();
                    break;
                }
            }
            mine
        });
    }
    while let Some(mine) = writes.join_next().await {
        acknowledged.extend(mine.unwrap());
    }
    assert!(
        (ANSWERED / 10..WRITES).contains(&acknowledged.len()),
        "killed in the middle: {}",
        acknowledged.len()
    );

    let process = Process::start(&database.url, &[]);
    let mut placed = BTreeMap::new();
    for n in 0..WRITES {
        let id = order(&process, &client, &product, n).await.unwrap();
        assert!(
            acknowledged.get(&n).is_none_or(|before| *before == id),
            "order {n} is the one that was acknowledged"
        );
        placed.insert(n, id);
    }
    let distinct: BTreeSet<_> = placed.values().cloned().collect();
    assert_eq!(distinct.len(), WRITES, "each key is one order");

    let (mut stored, mut next) = (BTreeSet::new(), Some("/orders?limit=100".to_owned()));
    while let Some(path) = next {
        let (page, more) = get(&process, &client, &Person::admin("root"), &path).await;
        for order in page["items"].as_array().unwrap() {
            assert_eq!(order["lines"][0]["quantity"], 2, "incomplete order: {order}");
            stored.insert(order["id"].as_str().unwrap().to_owned());
        }
        next = more;
    }
    assert_eq!(stored, distinct, "the stored orders are the acknowledged ones");
    let (product, _) =
        get(&process, &client, &Person::customer("buyer-0"), &format!("/products/{product}")).await;
    assert_eq!(product["stock"], STOCK - 2 * i64::try_from(WRITES).unwrap(), "the stock adds up");
}
