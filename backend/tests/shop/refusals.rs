//! Every error response can be traced: its request id is in a header, in the problem document and
//! in the log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::adapters::http::{RequestQuota, operations_app};
use backend::application::Settings;
use backend::application::ports::{IdempotencyKey, Store, StoreError, Transaction};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::support::http::{Response, lines, state};
use crate::support::process::wait_for;
use crate::support::{Database, Person, Process, Service};

/// Sends a request with its own id, and expects the id in the header, the document and the log.
async fn traced(process: &Process, request: RequestBuilder, status: u16, reason: &str) {
    let id = Uuid::now_v7().to_string();
    let response = request.header("x-request-id", &id).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-request-id"]),
        (status, &id.parse().unwrap()),
        "{reason}"
    );
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{reason}");
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["reason"], &body["request_id"]), (&json!(reason), &json!(id)));
    // the last line: the cause may have been logged before
    let line = wait_for("the log line", || {
        let log = process.log();
        log.into_iter().find(|line| line.contains(&id) && line.contains("\"answered\""))
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["status"], &line["span"]["request_id"]), (&json!(status), &json!(id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_id_of_an_error_is_in_its_header_document_and_log_line() {
    let database = Database::sqlite().await;
    let limits = ["--max-body", "1000", "--max-body-time", "0.5", "--max-time", "0.5"];
    let (process, client) = (Process::start(&database.url, &limits), Client::new());
    let (alice, bob, sam) =
        (Person::customer("alice"), Person::customer("bob"), Person::seller("sam"));
    let url = |path: &str| format!("{}{path}", process.address);
    let by = |who: &Person, method, path: &str| process.request(&client, who, method, path);
    let created = async |request: RequestBuilder| {
        let body: Value =
            request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
        body["id"].as_str().unwrap().to_owned()
    };
    let tea = json!({ "name": "Tea", "price": { "cents": 250, "currency": "EUR" }, "stock": 1 });
    let product = created(by(&sam, Method::POST, "/products").json(&tea)).await;
    let order = created(by(&alice, Method::POST, "/orders").json(&lines(&product, 1))).await;
    let (product_path, order_path) = (format!("/products/{product}"), format!("/orders/{order}"));

    let orders = || by(&alice, Method::POST, "/orders");
    let change = || by(&sam, Method::PUT, &product_path).json(&tea);
    let sent = |request: RequestBuilder, body: &str| {
        request.header("content-type", "application/json").body(body.to_owned())
    };
    let forged = client.get(url("/me")).header("x-auth-principal", "a.b.c");
    for (request, status, reason) in [
        (client.get(url("/me")), 401, "assertion-missing"),
        (forged, 401, "assertion-invalid"),
        (client.get(url("/products")).header("x-auth-principal", "x"), 401, "assertion-invalid"),
        (by(&bob, Method::GET, &order_path), 403, "no-right"),
        (client.get(url("/nothing")), 404, "no-such-path"),
        (client.get(url("/docs/index.html")), 404, "no-such-path"),
        (client.get(url("/products/x")), 404, "absent"),
        (client.patch(url("/orders")), 405, "method-not-allowed"),
        (sent(orders(), "{"), 400, "body-malformed"),
        (sent(orders(), "{}").header("idempotency-key", "a b"), 400, "header-invalid"),
        (by(&alice, Method::POST, "/orders").json(&lines(&product, 1)), 409, "out-of-stock"),
        (change().header("if-match", "\"9\""), 412, "precondition-failed"),
        (sent(orders(), &" ".repeat(1001)), 413, "body-too-large"),
        (orders().body("{}"), 415, "media-type-unsupported"),
        (sent(orders(), "{}"), 422, "fields-invalid"),
        (client.get(url("/products?limit=0")), 422, "fields-invalid"),
        (change(), 428, "precondition-required"),
    ] {
        traced(&process, request, status, reason).await;
    }
    // another program holds the database's write lock
    let mut other = AnyConnection::connect(&database.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    traced(
        &process,
        by(&alice, Method::POST, "/orders").json(&lines(&product, 1)),
        503,
        "too-slow",
    )
    .await;
    other.execute("ROLLBACK").await.unwrap();
    for (path, method, status, reason) in [
        ("/nothing", Method::GET, 404, "no-such-path"),
        ("/metrics", Method::POST, 405, "method-not-allowed"),
    ] {
        let request = client.request(method, format!("{}{path}", process.operations));
        traced(&process, request, status, reason).await;
    }
    database.execute("DELETE FROM _sqlx_migrations").await.unwrap();
    let ready = client.get(format!("{}/readyz", process.operations));
    traced(&process, ready, 503, "storage-unavailable").await;
}

/// Storage that panics.
struct Panicking;

#[async_trait]
impl Store for Panicking {
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError> {
        panic!("read")
    }
    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError> {
        panic!("write")
    }
    async fn write_exclusive(
        &self,
        _: &IdempotencyKey,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError> {
        panic!("write alone")
    }
    async fn ready(&self) -> Result<(), StoreError> {
        panic!("ready")
    }
}

#[tokio::test]
async fn a_panic_is_a_traceable_500_and_releases_its_permits() {
    let mut app = state(Arc::new(Panicking), Settings::default());
    app.limits.concurrency = Arc::new(Semaphore::new(1));
    app.limits.quota = RequestQuota::new(1, 1);
    let shop = Service::of(app.clone());
    for _ in 0..3 {
        shop.send("GET", "/products", &[], "").await.problem(500, "internal");
        shop.post(&Person::customer("alice"), "/orders", json!({ "lines": [] }))
            .await
            .problem(500, "internal");
    }
    let operators = Service { router: operations_app(app) };
    operators.send("GET", "/readyz", &[], "").await.problem(500, "internal");
    assert_eq!(operators.send("GET", "/livez", &[], "").await.is(200).body, "alive\n");
}

/// Storage whose readiness check never returns. Counts the checks.
struct Stuck(Arc<Semaphore>);

#[async_trait]
impl Store for Stuck {
    async fn read(&self) -> Result<Box<dyn Transaction>, StoreError> {
        std::future::pending().await
    }
    async fn write(&self) -> Result<Box<dyn Transaction>, StoreError> {
        std::future::pending().await
    }
    async fn write_exclusive(
        &self,
        _: &IdempotencyKey,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError> {
        std::future::pending().await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.add_permits(1);
        std::future::pending().await
    }
}

#[tokio::test]
async fn waiting_readiness_probes_are_limited_and_do_not_block_livez() {
    let asking = Arc::new(Semaphore::new(0));
    let app = state(Arc::new(Stuck(Arc::clone(&asking))), Settings::default());
    let operators = Service { router: operations_app(app) };
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let operators = operators.clone();
        waiting.spawn(async move { operators.send("GET", "/readyz", &[], "").await });
    }
    let _all = asking.acquire_many(8).await.unwrap();
    let refused = operators.send("GET", "/readyz", &[], "").await.problem(503, "too-busy");
    assert_eq!(refused.header("retry-after"), "1");
    operators.send("GET", "/metrics", &[], "").await.problem(503, "too-busy");
    operators.send("GET", "/livez", &[], "").await.is(200);
    assert_eq!(asking.available_permits(), 0, "the database was asked no more than that");
}

#[tokio::test]
async fn a_503_of_the_concurrency_limit_can_be_traced() {
    let database = Database::sqlite().await;
    let mut app = state(database.store.clone(), Settings::default());
    app.limits.concurrency = Arc::new(Semaphore::new(0));
    Service::of(app.clone()).send("GET", "/products", &[], "").await.problem(503, "too-busy");
    app.limits.time = Duration::ZERO;
    app.limits.concurrency = Arc::new(Semaphore::new(1));
    Service::of(app).send("GET", "/products", &[], "").await.problem(503, "too-slow");
}

#[tokio::test]
async fn a_malformed_request_id_is_replaced_by_a_uuid() {
    let database = Database::sqlite().await;
    let shop = Service::new(database.store.clone());
    let named = |response: &Response| response.header("x-request-id").to_owned();
    let longest = "a".repeat(128);
    for id in ["0af76519-16cd-43dd-8448-eb211c80319c", "Root=1-01J9Z3.r_1~x:a/b+c", &longest] {
        for path in ["/products", "/nothing", "/me"] {
            assert_eq!(named(&shop.send("GET", path, &[("x-request-id", id)], "").await), id);
        }
    }
    for id in
        ["", "a b", "a\"b", "<script>", "a\tb", "ä", "a,b", "a;b", "${jndi}", &"a".repeat(129)]
    {
        for path in ["/products", "/nothing", "/me"] {
            let response = shop.send("GET", path, &[("x-request-id", id)], "").await;
            let given = named(&response);
            assert!(Uuid::parse_str(&given).is_ok(), "{id}: {given}");
            if path != "/products" {
                assert_eq!(response.body["request_id"], json!(given));
            }
        }
    }
    // two ids: neither is used
    let twice =
        shop.send("GET", "/me", &[("x-request-id", "r-1"), ("x-request-id", "r-2")], "").await;
    assert!(Uuid::parse_str(&named(&twice)).is_ok());
    assert_eq!(twice.body["request_id"], json!(named(&twice)));
}
