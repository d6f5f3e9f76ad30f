//! HTTP conventions: validation, conditional requests, idempotency, pagination, limits, and the
//! OpenAPI document.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::sync::Semaphore;

use crate::support::http::{lines, row, state};
use crate::support::{Database, Person, Process, Service};

async fn shop() -> (Service, Database) {
    let database = Database::sqlite().await;
    (Service::new(database.store.clone()), database)
}

fn product(name: &str, stock: u32) -> Value {
    json!({ "name": name, "price": { "cents": 250, "currency": "EUR" }, "stock": stock })
}

#[tokio::test]
async fn an_invalid_body_is_a_problem_document_that_names_the_field() {
    let (shop, _database) = shop().await;
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let id = shop.product(&sam, 250, 5).await;
    let assertion = alice.assertion("POST", "/orders");
    for (body, status, pointer) in [
        ("", 400, None),
        ("{", 400, None),
        (r#"{"lines":[{"product_id":"ID","quantity":1}]} x"#, 400, None),
        ("not json", 400, None),
        ("[]", 422, Some("")),
        ("{}", 422, Some("/lines")),
        (r#"{"lines":[]}"#, 422, Some("/lines")),
        (r#"{"lines":7}"#, 422, Some("/lines")),
        (r#"{"lines":[],"lines":[]}"#, 422, Some("/lines")),
        (r#"{"lines":[{}]}"#, 422, Some("/lines/0/product_id")),
        (r#"{"lines":[{"product_id":"x","quantity":1}]}"#, 422, Some("/lines/0/product_id")),
        (r#"{"lines":[{"product_id":"ID","quantity":0}]}"#, 422, Some("/lines/0/quantity")),
        (r#"{"lines":[{"product_id":"ID","quantity":-1}]}"#, 422, Some("/lines/0/quantity")),
        (r#"{"lines":[{"product_id":"ID","quantity":1.5}]}"#, 422, Some("/lines/0/quantity")),
        (r#"{"lines":[{"product_id":"ID","quantity":10001}]}"#, 422, Some("/lines/0/quantity")),
        (r#"{"lines":[{"product_id":"ID","quantity":1,"price":1}]}"#, 422, Some("/lines/0/price")),
        (
            r#"{"lines":[{"product_id":"ID","quantity":1},{"product_id":"ID","quantity":1}]}"#,
            422,
            Some("/lines"),
        ),
        (
            r#"{"lines":[{"product_id":"01900000-0000-7000-8000-000000000000","quantity":1}]}"#,
            422,
            Some("/lines/0/product_id"),
        ),
        (r#"{"lines":[],"customer_id":"bob"}"#, 422, Some("/customer_id")),
        (r#"{"lines":[],"a/b~c":1}"#, 422, Some("/a~1b~0c")),
    ] {
        let body = body.replace("ID", &id);
        let response =
            shop.send("POST", "/orders", &[("x-auth-principal", &assertion)], body.clone()).await;
        let reason = if status == 400 { "body-malformed" } else { "fields-invalid" };
        let response = response.problem(status, reason);
        let named = response.body["errors"][0]["pointer"].as_str();
        assert_eq!(named, pointer, "{body}: {response:?}");
    }
    assert_eq!(shop.stock(&id).await, 5);
    assert!(shop.get(&alice, "/orders").await.items().is_empty());
}

#[tokio::test]
async fn all_errors_of_a_body_are_reported_at_once() {
    let (shop, _database) = shop().await;
    let body = json!({ "name": " ", "price": { "cents": 0, "currency": "euro" }, "stock": 1_000_001, "description": "\u{0}" });
    let response =
        shop.post(&Person::seller("sam"), "/products", body).await.problem(422, "fields-invalid");
    let errors = response.body["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = errors.map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/name", "/description", "/price/cents", "/price/currency", "/stock"]);
}

#[tokio::test]
async fn a_body_without_a_json_content_type_is_a_415_and_one_that_is_too_large_is_a_413() {
    let (shop, _database) = shop().await;
    let assertion = Person::customer("alice").assertion("POST", "/orders");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let headers = [("x-auth-principal", &*assertion), ("content-type", kind)];
        shop.send("POST", "/orders", &headers, "{}").await.problem(415, "media-type-unsupported");
    }
    let headers =
        [("x-auth-principal", &*assertion), ("content-type", "Application/JSON; charset=utf-8")];
    shop.send("POST", "/orders", &headers, "{}").await.problem(422, "fields-invalid");
    let large = Body::from(vec![b' '; 64 * 1024 + 1]);
    shop.send("POST", "/orders", &headers, large).await.problem(413, "body-too-large");
}

#[tokio::test]
async fn entity_tags_make_reads_conditional_and_prevent_lost_updates() {
    let (shop, _database) = shop().await;
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let id = shop.product(&sam, 250, 5).await;
    let (path, order) =
        (format!("/products/{id}"), format!("/orders/{}", shop.order(&alice, &id, 1).await));
    // the stock is part of the response, so the sale has changed the entity tag
    for (sent, status) in [
        ("\"2\"", 304),
        ("W/\"2\"", 304),
        ("\"1\", \"2\"", 304),
        ("*", 304),
        ("\"1\"", 200),
        ("2", 200),
    ] {
        let response = shop.send("GET", &path, &[("if-none-match", sent)], "").await.is(status);
        assert_eq!(
            (response.header("etag"), response.body.is_null()),
            ("\"2\"", status == 304),
            "{sent}"
        );
    }
    for (sent, status, reason) in [
        (None, 428, "precondition-required"),
        (Some("\"1\""), 412, "precondition-failed"),
        (Some("W/\"2\""), 412, "precondition-failed"),
        (Some("2"), 412, "precondition-failed"),
        (Some(""), 412, "precondition-failed"),
    ] {
        let headers: Vec<_> = sent.map(|tag| ("if-match", tag)).into_iter().collect();
        let changed = shop.call(&sam, "PUT", &path, &headers, Some(product("Coffee", 5))).await;
        changed.problem(status, reason);
        shop.call(&sam, "DELETE", &path, &headers, None).await.problem(status, reason);
    }
    let cancel = format!("{order}/cancellation");
    for stale in ["\"9\"", "W/\"1\"", "1"] {
        let refused = shop.call(&alice, "POST", &cancel, &[("if-match", stale)], None).await;
        refused.problem(412, "precondition-failed");
    }
    assert_eq!(shop.send("GET", &path, &[], "").await.body["name"], "Tea");
    assert_eq!(shop.get(&alice, &order).await.body["state"], "placed");
    let changed = shop
        .call(&sam, "PUT", &path, &[("if-match", "\"9\", \"2\"")], Some(product("Coffee", 5)))
        .await;
    assert_eq!(changed.is(200).header("etag"), "\"3\"");
    shop.call(&sam, "DELETE", &path, &[("if-match", "*")], None).await.is(204);
    shop.send("GET", &path, &[], "").await.problem(404, "absent");
    assert!(shop.send("GET", "/products", &[], "").await.items().is_empty());
    shop.post(&alice, "/orders", lines(&id, 1)).await.problem(409, "product-withdrawn");
}

#[tokio::test]
async fn a_repeated_key_and_body_return_the_same_response_and_another_body_is_a_422() {
    let (shop, _database) = shop().await;
    let (alice, bob, sam) =
        (Person::customer("alice"), Person::customer("bob"), Person::seller("sam"));
    let product = shop.product(&sam, 250, 5).await;
    let send = async |who: &Person, quantity| {
        shop.call(
            who,
            "POST",
            "/orders",
            &[("idempotency-key", "k-1")],
            Some(lines(&product, quantity)),
        )
        .await
    };
    let first = send(&alice, 1).await.is(201);
    // the response is the same although the order has been cancelled
    let order = first.header("location").to_owned();
    shop.call(&alice, "POST", &format!("{order}/cancellation"), &[], None).await.is(200);
    let again = send(&alice, 1).await.is(201);
    assert_eq!(
        (&again.body, again.header("location"), again.header("etag")),
        (&first.body, &*order, first.header("etag"))
    );
    send(&alice, 2).await.problem(422, "idempotency-key-reused");
    assert_eq!(shop.get(&alice, "/orders").await.items().len(), 1);
    // keys of different principals are independent
    let his = send(&bob, 1).await.is(201);
    assert_ne!(his.body["id"], first.body["id"]);
    let same_name = send(&alice.clone().of("https://other.example"), 1).await.is(201);
    assert_ne!(same_name.body["id"], first.body["id"]);
    for key in ["", "a b", "ä", &"x".repeat(256)] {
        let response = shop
            .call(&alice, "POST", "/orders", &[("idempotency-key", key)], Some(lines(&product, 1)))
            .await;
        let response = response.problem(400, "header-invalid");
        assert_eq!(response.body["errors"][0]["header"], "idempotency-key");
    }
}

#[tokio::test]
async fn a_failed_request_can_be_repeated_with_its_key() {
    let (shop, _database) = shop().await;
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let id = shop.product(&sam, 250, 1).await;
    let send = async || {
        shop.call(&alice, "POST", "/orders", &[("idempotency-key", "k")], Some(lines(&id, 2))).await
    };
    send().await.problem(409, "out-of-stock");
    let path = format!("/products/{id}");
    shop.call(&sam, "PUT", &path, &[("if-match", "*")], Some(product("Tea", 2))).await.is(200);
    send().await.is(201);
}

#[tokio::test]
async fn a_cursor_is_a_position_and_gives_no_access() {
    let (shop, _database) = shop().await;
    let (alice, bob, sam) =
        (Person::customer("alice"), Person::customer("bob"), Person::seller("sam"));
    let product = shop.product(&sam, 250, 50).await;
    let mut hers = Vec::new();
    for _ in 0..5 {
        hers.insert(0, shop.order(&alice, &product, 1).await);
        shop.order(&bob, &product, 1).await;
    }
    let first = shop.get(&alice, "/orders?limit=2").await.is(200);
    assert_eq!(first.ids(), hers[..2]);
    let next = first.next_page().unwrap();
    let second = shop.get(&alice, &next).await.is(200);
    assert_eq!(second.ids(), hers[2..4]);
    let last = shop.get(&alice, &second.next_page().unwrap()).await.is(200);
    assert_eq!((last.ids(), last.next_page()), (vec![&*hers[4]], None));
    // another customer's request with her link lists that customer's own orders
    let his = shop.get(&bob, &next).await.is(200);
    assert!(his.items().iter().all(|order| order["customer_id"] == "bob"));
    for (query, parameter) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("after=x", "after")]
    {
        let response =
            shop.get(&alice, &format!("/orders?{query}")).await.problem(422, "fields-invalid");
        assert_eq!(response.body["errors"][0]["parameter"], parameter);
    }
}

#[tokio::test]
async fn a_search_continues_on_the_next_page() {
    let (shop, _database) = shop().await;
    let sam = Person::seller("sam");
    for name in ["Grüner Tee & Minze", "Kaffee", "Schwarzer Tee & Zitrone", "Tee & Rum"] {
        shop.post(&sam, "/products", product(name, 1)).await.is(201);
    }
    let first = shop.send("GET", "/products?limit=2&q=tee%20%26", &[], "").await.is(200);
    let second = shop.send("GET", &first.next_page().unwrap(), &[], "").await.is(200);
    let names = |response: &crate::support::http::Response| -> Vec<_> {
        response.items().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["Tee & Rum", "Schwarzer Tee & Zitrone"]);
    assert_eq!((names(&second), second.next_page()), (vec!["Grüner Tee & Minze".to_owned()], None));
    shop.send("GET", "/products?q=%00", &[], "").await.problem(422, "fields-invalid");
}

#[tokio::test]
async fn a_search_page_without_matches_links_to_the_next_page() {
    let (shop, database) = shop().await;
    let sam = Person::seller("sam");
    shop.post(&sam, "/products", product("needle", 1)).await.is(201);
    database
        .execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500)
             INSERT INTO products (id, name, price_cents, currency, stock, version, seller_issuer, seller_subject)
             SELECT printf('ffffffff-0000-7000-8000-%012x', n), 'hay', 1, 'EUR', 1, 1, 'i', 's' FROM n",
        )
        .await
        .unwrap();
    let first = shop.send("GET", "/products?q=needle", &[], "").await.is(200);
    assert!(first.items().is_empty());
    let second = shop.send("GET", &first.next_page().unwrap(), &[], "").await.is(200);
    assert_eq!((second.items().len(), second.next_page()), (1, None));
}

#[tokio::test]
async fn head_responds_like_get_without_a_body_and_needs_its_own_assertion() {
    let (shop, _database) = shop().await;
    let (alice, bob, sam) =
        (Person::customer("alice"), Person::customer("bob"), Person::seller("sam"));
    let product = shop.product(&sam, 250, 5).await;
    let path = format!("/orders/{}", shop.order(&alice, &product, 1).await);
    let seen = shop.call(&alice, "HEAD", &path, &[], None).await.is(200);
    assert_eq!((seen.header("etag"), &seen.body), ("\"1\"", &Value::Null));
    shop.call(&bob, "HEAD", &path, &[], None).await.is(403);
    let of_get = alice.assertion("GET", row("GET", &path));
    shop.send("HEAD", &path, &[("x-auth-principal", &of_get)], "").await.is(401);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problem_documents() {
    let (shop, _database) = shop().await;
    shop.send("GET", "/nothing", &[], "").await.problem(404, "no-such-path");
    let refused = shop.send("PATCH", "/orders", &[], "").await.problem(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), "POST,GET,HEAD");
}

#[tokio::test]
async fn a_request_keeps_its_id_or_gets_a_new_one() {
    let (shop, _database) = shop().await;
    assert!(!shop.send("GET", "/products", &[], "").await.header("x-request-id").is_empty());
    let named = shop.send("GET", "/nothing", &[("x-request-id", "r-1")], "").await;
    assert_eq!(named.header("x-request-id"), "r-1");
    let traced = shop.send("GET", "/products", &[("traceparent", "00-nonsense")], "").await;
    assert_eq!(traced.header("traceparent"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn exceeding_the_concurrency_or_time_limit_is_a_503() {
    let database = Database::sqlite().await;
    let mut app = state(database.store.clone(), backend::application::Settings::default());
    app.limits.concurrency = Arc::new(Semaphore::new(0));
    let busy = Service::of(app.clone());
    let response = busy.send("GET", "/products", &[], "").await.problem(503, "too-busy");
    assert_eq!(response.header("retry-after"), "1");

    app.limits.concurrency = Arc::new(Semaphore::new(10));
    let patient = Service::of(app.clone());
    let product = patient.product(&Person::seller("sam"), 250, 5).await;
    app.limits.time = Duration::from_millis(50);
    let mut other = AnyConnection::connect(&database.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let hasty = Service::of(app);
    let response = hasty
        .post(&Person::customer("alice"), "/orders", lines(&product, 1))
        .await
        .problem(503, "too-slow");
    assert_eq!(response.header("retry-after"), "1");
    other.execute("ROLLBACK").await.unwrap();
    patient.order(&Person::customer("alice"), &product, 1).await;
    assert_eq!(patient.stock(&product).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_head_that_is_too_large_is_a_431() {
    let database = Database::sqlite().await;
    let process = Process::start(&database.url, &["--max-head", "16384"]);
    for client in [Client::builder().http1_only(), Client::builder().http2_prior_knowledge()] {
        let client = client.build().unwrap();
        let me = |header: String| {
            process
                .request(&client, &Person::customer("alice"), Method::GET, "/me")
                .header("x-large", header)
        };
        assert_eq!(me("x".repeat(8 * 1024)).send().await.unwrap().status(), 200);
        assert_eq!(me("x".repeat(32 * 1024)).send().await.unwrap().status(), 431);
        assert_eq!(me("small".to_owned()).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn the_openapi_document_has_every_route() {
    let (shop, _database) = shop().await;
    let document = shop.send("GET", "/openapi.json", &[], "").await.is(200).body;
    let mut operations = 0;
    // the document leaves out the Swagger UI page
    for route in backend::ROUTES.iter().filter(|route| !route.path.starts_with("/docs")) {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        assert_eq!(operation["operationId"], route.id, "{} {}", route.method, route.path);
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_path = parameters.filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, route.path.matches('{').count(), "{}", route.path);
        operations += 1;
    }
    let offered =
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
    assert_eq!(offered.sum::<usize>(), operations);
    // every referenced schema is defined
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_and_http_2_are_served() {
    let database = Database::sqlite().await;
    let process = Process::start(&database.url, &[]);
    for (client, version) in [
        (Client::builder().http1_only(), reqwest::Version::HTTP_11),
        (Client::builder().http2_prior_knowledge(), reqwest::Version::HTTP_2),
    ] {
        let request = process.request(
            &client.build().unwrap(),
            &Person::customer("alice"),
            Method::GET,
            "/me",
        );
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
    }
}
