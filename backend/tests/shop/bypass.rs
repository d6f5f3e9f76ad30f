//! The admin bypass: every use is recorded, or does not happen.

use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::http::Response;
use crate::support::{Database, Person, Service};

on_each_database![
    every_use_of_the_bypass_is_audited_with_admin_operation_outcome_and_reason,
    an_admins_access_to_own_resources_is_not_a_bypass,
    without_a_required_reason_the_bypass_returns_403_and_changes_nothing,
    without_an_audit_record_the_transaction_is_rolled_back,
];

struct World {
    shop: Service,
    product: String,
    order: String,
}

impl World {
    async fn new(shop: Service) -> Self {
        let product = shop.product(&Person::seller("sam"), 250, 9).await;
        let order = shop.order(&Person::customer("alice"), &product, 1).await;
        Self { shop, product: format!("/products/{product}"), order: format!("/orders/{order}") }
    }

    async fn admin(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let body = (method == "PUT").then(
            || json!({ "name": "Tea", "price": { "cents": 1, "currency": "EUR" }, "stock": 9 }),
        );
        self.shop.call(&Person::admin("root"), method, path, headers, body).await
    }

    async fn records(&self) -> Vec<Value> {
        let auditor = Person::new("eve", &["auditor"]);
        self.shop.get(&auditor, "/audit?limit=100").await.is(200).items().to_vec()
    }
}

async fn every_use_of_the_bypass_is_audited_with_admin_operation_outcome_and_reason(
    database: Database,
) {
    let world = World::new(Service::new(database.store.clone())).await;
    let (order, product) = (&*world.order, &*world.product);
    let (cancellation, shipment) = (format!("{order}/cancellation"), format!("{order}/shipment"));
    let other = World::new(world.shop.clone()).await;
    let mut before = 0;
    for (method, path, header, status, operation, outcome) in [
        ("GET", order, None, 200, "read-order", "done"),
        ("HEAD", order, None, 200, "read-order", "done"),
        ("GET", order, Some(("if-none-match", "*")), 304, "read-order", "done"),
        ("GET", "/orders", None, 200, "list-all-orders", "done"),
        ("PUT", product, None, 428, "update-product", "rejected"),
        ("PUT", product, Some(("if-match", "\"99\"")), 412, "update-product", "rejected"),
        ("PUT", product, Some(("if-match", "*")), 200, "update-product", "done"),
        ("DELETE", product, Some(("if-match", "*")), 204, "withdraw-product", "done"),
        ("DELETE", product, Some(("if-match", "*")), 409, "withdraw-product", "rejected"),
        ("POST", &cancellation, Some(("if-match", "\"99\"")), 412, "cancel-order", "rejected"),
        ("POST", &cancellation, None, 200, "cancel-order", "done"),
        ("POST", &shipment, None, 409, "ship-order", "rejected"),
        ("POST", &format!("{}/shipment", other.order), None, 200, "ship-order", "done"),
    ] {
        let headers = [("x-admin-reason", "a customer called"), ("x-request-id", "r-7")];
        let headers: Vec<_> = headers.into_iter().chain(header).collect();
        world.admin(method, path, &headers).await.is(status);
        let records = world.records().await;
        assert_eq!(records.len(), before + 1, "{method} {path} {header:?}");
        before = records.len();
        let latest = &records[0];
        assert_eq!(
            (&latest["operation"], &latest["outcome"]),
            (&json!(operation), &json!(outcome))
        );
        assert_eq!(latest["who"]["subject"], "root");
        assert_eq!(
            (&latest["reason"], &latest["request_id"]),
            (&json!("a customer called"), &json!("r-7"))
        );
        if path.len() > 10 {
            let id = path.split('/').nth(2).unwrap();
            assert!(latest["resource"].as_str().unwrap().ends_with(id), "{latest}");
        }
    }
    // a reason is optional by default
    world.admin("GET", order, &[]).await.is(200);
    assert_eq!(world.records().await[0]["reason"], Value::Null);
    // a request for an absent resource, or one that the bypass does not allow, is not a use of it
    let before = world.records().await.len();
    world.admin("GET", "/orders/00000000-0000-7000-8000-000000000000", &[]).await.is(404);
    let share = Some(json!({ "subject": "root" }));
    let path = format!("{order}/co-owners");
    world
        .shop
        .call(&Person::admin("root"), "POST", &path, &[], share)
        .await
        .problem(403, "no-right");
    assert_eq!(world.records().await.len(), before);
}

async fn an_admins_access_to_own_resources_is_not_a_bypass(database: Database) {
    let world = World::new(Service::new(database.store.clone())).await;
    let both = Person::new("root", &["admin", "customer"]);
    let id = world.product.rsplit('/').next().unwrap();
    let own = format!("/orders/{}", world.shop.order(&both, id, 1).await);
    world.shop.get(&both, &own).await.is(200);
    world.shop.call(&both, "POST", &format!("{own}/cancellation"), &[], None).await.is(200);
    assert_eq!(world.records().await, [] as [Value; 0]);
}

async fn without_a_required_reason_the_bypass_returns_403_and_changes_nothing(database: Database) {
    let settings =
        backend::application::Settings { admin_reason_required: true, hide_existence: false };
    let world = World::new(Service::with(database.store.clone(), settings)).await;
    let cancellation = format!("{}/cancellation", world.order);
    for (method, path) in [
        ("GET", &*world.order),
        ("GET", "/orders"),
        ("POST", &cancellation),
        ("DELETE", &world.product),
    ] {
        let refused = world
            .admin(method, path, &[("if-match", "*")])
            .await
            .problem(403, "admin-reason-required");
        assert!(refused.body["detail"].as_str().unwrap().contains("X-Admin-Reason"));
    }
    assert_eq!(world.records().await, [] as [Value; 0]);
    for senseless in ["", "  ", &"x".repeat(501)] {
        let response = world.admin("GET", &world.order, &[("x-admin-reason", senseless)]).await;
        assert_eq!(
            response.problem(400, "header-invalid").body["errors"][0]["header"],
            "x-admin-reason"
        );
    }
    let alices = world.shop.get(&Person::customer("alice"), &world.order).await.is(200);
    assert_eq!(alices.body["state"], "placed");
    world.admin("POST", &cancellation, &[("x-admin-reason", "a customer called")]).await.is(200);
    assert_eq!(world.records().await.len(), 1);
}

async fn without_an_audit_record_the_transaction_is_rolled_back(database: Database) {
    let world = World::new(Service::new(database.store.clone())).await;
    database.execute("ALTER TABLE audit_records RENAME TO gone").await.unwrap();
    let cancellation = format!("{}/cancellation", world.order);
    for (method, path) in [
        ("POST", &*cancellation),
        ("PUT", &*world.product),
        ("DELETE", &*world.product),
        ("GET", &*world.order),
        ("GET", "/orders"),
    ] {
        let response =
            world.admin(method, path, &[("if-match", "*")]).await.problem(500, "internal");
        assert_eq!(response.body.get("detail"), None, "the response has no detail");
    }
    let alice = Person::customer("alice");
    assert_eq!(world.shop.get(&alice, &world.order).await.is(200).body["state"], "placed");
    assert_eq!(
        world.shop.send("GET", &world.product, &[], "").await.is(200).body["price"]["cents"],
        250
    );
    database.execute("ALTER TABLE gone RENAME TO audit_records").await.unwrap();
    world.admin("POST", &cancellation, &[]).await.is(200);
}
