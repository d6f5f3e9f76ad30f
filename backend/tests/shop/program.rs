//! The program: its ports, its log, and its shutdown.

use backend::adapters::http::routes;
use backend::adapters::storage::SqlStore;
use backend::application::ports::Store as _;
use portcullis_principal::SigningKey;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::support::gateway::key;
use crate::support::http::lines;
use crate::support::process::wait_for;
use crate::support::{Database, Person, Process};

async fn product(process: &Process, client: &Client, stock: u32) -> String {
    let body =
        json!({ "name": "Tea", "price": { "cents": 250, "currency": "EUR" }, "stock": stock });
    let request =
        process.request(client, &Person::seller("sam"), Method::POST, "/products").json(&body);
    let response: Value =
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    response["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_port_is_separate_from_the_service_port() {
    let database = Database::sqlite().await;
    let (process, client) = (Process::start(&database.url, &[]), Client::new());
    product(&process, &client, 1).await;
    for (path, expected) in
        [("/livez", "alive"), ("/readyz", "ready"), ("/metrics", "backend_http_requests_total")]
    {
        let response = client.get(format!("{}{path}", process.operations)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let text = response.text().await.unwrap();
        assert!(text.contains(expected), "{path}: {text}");
        let response = client.get(format!("{}{path}", process.address)).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path} is not for the service's clients");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_its_migrations_is_alive_but_not_ready() {
    let database = Database::sqlite().await;
    let (process, client) = (Process::start(&database.url, &[]), Client::new());
    let ask =
        async |path| client.get(format!("{}{path}", process.operations)).send().await.unwrap();
    assert_eq!(ask("/readyz").await.status(), 200);
    database.execute("DELETE FROM _sqlx_migrations").await.unwrap();
    let response = ask("/readyz").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap()["reason"], "storage-unavailable");
    assert_eq!(ask("/livez").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_keys_rotate_without_a_restart() {
    let database = Database::sqlite().await;
    let (old, new) = (key(1), key(2));
    let file = tempfile::NamedTempFile::new().unwrap();
    let hold = |keys: &[&SigningKey]| {
        let keys: Vec<_> = keys.iter().map(|key| key.public_jwks()["keys"][0].clone()).collect();
        std::fs::write(file.path(), json!({ "keys": keys }).to_string()).unwrap();
    };
    hold(&[&old]);
    let path = file.path().to_str().unwrap();
    let (process, client) =
        (Process::start(&database.url, &["--gateway-jwks-file", path]), Client::new());
    let me = async |key: &SigningKey| {
        let assertion = Person::customer("alice").assertion_by(key, "GET", "/me");
        let request =
            client.get(format!("{}/me", process.address)).header("x-auth-principal", assertion);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((me(&old).await, me(&new).await), (200, 401));
    hold(&[&old, &new]);
    assert_eq!((me(&old).await, me(&new).await), (200, 200));
    std::fs::write(file.path(), "{").unwrap();
    assert_eq!((me(&old).await, me(&new).await), (200, 200));
    assert_eq!(process.wait_for_line("the last keys stay")["level"], "WARN");
    hold(&[&new]);
    assert_eq!((me(&old).await, me(&new).await), (401, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_subject_operation_and_right_but_no_assertion_query_or_body() {
    let database = Database::sqlite().await;
    let (process, client, root) =
        (Process::start(&database.url, &[]), Client::new(), Person::admin("root"));
    let product = product(&process, &client, 5).await;
    let order: Value = process
        .request(&client, &Person::customer("alice"), Method::POST, "/orders")
        .json(&lines(&product, 1))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let path = format!("/orders/{}?secret=s3cr3t", order["id"].as_str().unwrap());
    let response = process
        .request(&client, &root, Method::GET, &path)
        .header("x-request-id", "r-1")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-request-id"], "r-1");
    assert_eq!(
        response.headers()["traceparent"],
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    );
    let line = process.wait_for_line("r-1");
    let span = &line["span"];
    assert_eq!(line["status"], 200);
    assert_eq!(span["decision"], "allowed");
    assert_eq!(span["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span["route"], "/orders/{order_id}");
    assert_eq!(span["subject"], format!("root of {}", root.issuer));
    assert_eq!(
        (&span["operation"], &span["right"]),
        (&json!("read-order"), &json!("admin-bypass"))
    );
    let log = process.log().join("\n");
    for never in ["eyJ", "s3cr3t", "quantity", "Tea"] {
        assert!(!log.contains(never), "{never} is in the log:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salt_hashes_the_subjects_in_the_log() {
    let database = Database::sqlite().await;
    let process = Process::start(&database.url, &["--subject-salt", "pepper"]);
    let client = Client::new();
    let me = process
        .request(&client, &Person::customer("alice"), Method::GET, "/me")
        .header("x-request-id", "r-2");
    assert_eq!(me.send().await.unwrap().status(), 200);
    let line = process.wait_for_line("r-2");
    assert_eq!(line["span"]["subject"].as_str().map(str::len), Some(64));
    assert!(!process.log().join("\n").contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_stops_accepting_and_finishes_requests_in_progress() {
    let database = Database::sqlite().await;
    let (process, client) = (Process::start(&database.url, &["--max-time", "25"]), Client::new());
    let product = product(&process, &client, 5).await;
    // another program holds the write lock, so the order has to wait
    let mut other = AnyConnection::connect(&database.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let order = process
        .request(&client, &Person::customer("alice"), Method::POST, "/orders")
        .json(&lines(&product, 1));
    let order = tokio::spawn(order.send());
    let metrics = format!("{}/metrics", process.operations);
    loop {
        let text = Client::new().get(&metrics).send().await.unwrap().text().await.unwrap();
        if text.contains("backend_http_requests_under_way 1") {
            break;
        }
        tokio::task::yield_now().await;
    }
    process.terminate();
    process.wait_for_line("\"stopping\"");
    let address = process.address.strip_prefix("http://").unwrap().to_owned();
    wait_for("the port to close", || std::net::TcpStream::connect(&address).is_err().then_some(()));
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(order.await.unwrap().unwrap().status(), 201);
    assert!(process.wait().success());
}

#[test]
fn a_missing_key_or_invalid_setting_is_reported_at_startup() {
    for (arguments, expected) in [
        (&[][..], "gateway-jwks"),
        (&["--gateway-jwks", "{}"], "JWKS"),
        (&["--gateway-jwks-file", "/no/such/file"], "/no/such/file"),
        (
            &[
                "--database-url",
                "mysql://x",
                "--gateway-jwks",
                &crate::support::gateway::public_jwks(),
            ],
            "sqlite:",
        ),
        (&["--listen", "nowhere"], "--listen"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_backend"))
            .args(arguments)
            .env_remove("BACKEND_GATEWAY_JWKS")
            .env_remove("BACKEND_GATEWAY_JWKS_FILE")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_migrates_the_schema_and_exits() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("new.db").display());
    for _ in 0..2 {
        let backend = env!("CARGO_BIN_EXE_backend");
        let status = std::process::Command::new(backend)
            .arg("migrate")
            .env("DATABASE_URL", &url)
            .status()
            .unwrap();
        assert!(status.success());
    }
    SqlStore::open(&url).unwrap().ready().await.unwrap();
}

#[test]
fn the_openapi_command_writes_the_served_document() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_backend")).arg("openapi").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), routes::openapi_text());
}

#[test]
fn the_committed_openapi_document_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(
        committed == routes::openapi_text(),
        "backend/openapi.json is out of date: run `cargo xtask openapi`"
    );
}
