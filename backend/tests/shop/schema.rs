//! The schema rejects what the domain rejects; tested with SQL, without the service.

use serde_json::json;
use sqlx::{AnyConnection, Connection as _};

use crate::on_each_database;
use crate::support::{Database, Person, Service};

on_each_database![
    the_schema_rejects_what_the_domain_rejects,
    audit_records_cannot_be_changed_or_deleted,
    migrations_can_be_repeated,
    a_database_without_its_migrations_is_not_ready,
];

async fn the_schema_rejects_what_the_domain_rejects(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let product = shop.product(&sam, 250, 5).await;
    let order = shop.order(&alice, &product, 1).await;
    let who = json!({ "subject": "bob" });
    shop.post(&alice, &format!("/orders/{order}/co-owners"), who).await.is(201);
    let delegation =
        json!({ "delegate": { "subject": "bob" }, "scope": "reading", "until": in_an_hour() });
    shop.post(&alice, "/delegations", delegation).await.is(201);
    shop.post(&sam, "/organisations", json!({ "name": "Company" })).await.is(201);
    for (statement, constraint) in [
        ("UPDATE products SET stock = -1", "products_stock_not_negative"),
        ("UPDATE products SET price_cents = 0", "products_price"),
        ("UPDATE products SET currency = 'euro'", "products_currency"),
        ("UPDATE products SET name = ' '", "products_name_not_empty"),
        ("UPDATE products SET seller_subject = ''", "products_seller_not_empty"),
        ("UPDATE products SET organisation_id = 'none'", ""),
        ("UPDATE order_lines SET quantity = 0", "order_lines_quantity"),
        ("UPDATE order_lines SET product_id = 'none'", ""),
        ("UPDATE orders SET cancelled_at = 1, shipped_lines = 1", "orders_not_both_shipped_and_cancelled"),
        ("UPDATE orders SET customer_subject = ''", "orders_customer_not_empty"),
        ("DELETE FROM orders", ""),
        ("DELETE FROM products", ""),
        ("UPDATE delegations SET until = granted_at", "delegations_end_after_they_begin"),
        ("UPDATE delegations SET delegate_subject = 'alice'", "delegations_not_to_oneself"),
        ("UPDATE delegations SET scope = 'all'", "delegations_scope"),
        ("UPDATE memberships SET role = 'owner'", "memberships_role"),
        ("UPDATE organisations SET parent_id = id, depth = 1", "organisations_not_below_itself"),
        ("UPDATE organisations SET depth = 1", "organisations_company_on_top"),
        (
            "INSERT INTO order_lines SELECT order_id, 7, product_id, seller_issuer, seller_subject, quantity, price_cents,
             currency, shipped_at FROM order_lines",
            "product",
        ),
    ] {
        let error = database.execute(statement).await.expect_err(statement).to_string();
        assert!(error.contains(constraint), "{statement}: {error}");
    }
}

async fn audit_records_cannot_be_changed_or_deleted(database: Database) {
    let shop = Service::new(database.store.clone());
    shop.get(&Person::admin("root"), "/orders").await.is(200);
    let [insert, row] = [
        "INTO audit_records",
        "SELECT id, at, issuer, 'nobody', operation, resource, outcome, reason, request_id FROM audit_records",
    ];
    let by_insertion = if database.url.starts_with("sqlite") {
        [format!("INSERT OR REPLACE {insert} {row}"), format!("REPLACE {insert} {row}")]
    } else {
        let replace =
            format!("INSERT {insert} {row} ON CONFLICT (id) DO UPDATE SET subject = 'nobody'");
        [replace, "TRUNCATE audit_records".to_owned()]
    };
    let plain = ["UPDATE audit_records SET subject = 'nobody'", "DELETE FROM audit_records"];
    for statement in plain.into_iter().map(str::to_owned).chain(by_insertion) {
        let error = database.execute(statement.clone()).await.expect_err(&statement).to_string();
        assert!(error.contains("audit_records_only_grow"), "{statement}: {error}");
    }
    let records = shop.get(&Person::new("eve", &["auditor"]), "/audit").await.is(200);
    let who: Vec<_> = records.items().iter().map(|record| &record["who"]["subject"]).collect();
    assert_eq!(who, ["root"]);
}

async fn migrations_can_be_repeated(database: Database) {
    database.store.migrate().await.unwrap();
}

async fn a_database_without_its_migrations_is_not_ready(database: Database) {
    use backend::application::ports::Store as _;
    database.store.ready().await.unwrap();
    database.execute("DELETE FROM _sqlx_migrations").await.unwrap();
    database.store.ready().await.unwrap_err();
}

/// With a write-ahead log, readers do not wait for the writer, and acknowledged commits survive a
/// crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_uses_a_write_ahead_log() {
    let database = Database::sqlite().await;
    Service::new(database.store.clone()).product(&Person::seller("sam"), 250, 1).await;
    let mut connection = AnyConnection::connect(&database.url).await.unwrap();
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    assert_eq!(mode, "wal");
}

fn in_an_hour() -> String {
    let hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    hour.to_string()
}
