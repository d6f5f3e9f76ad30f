//! Access at the handlers, for each entry of the role table: what they response, and that rejected
//! requests change nothing.

use serde_json::json;

use crate::on_each_database;
use crate::support::gateway::unix_time;
use crate::support::http::lines;
use crate::support::{Database, Person, Service};

on_each_database![
    an_order_belongs_to_its_caller_whatever_the_body_says,
    only_the_owner_and_admins_can_read_an_order,
    customers_list_their_own_orders_and_admins_list_all,
    anyone_can_read_products_and_sellers_can_add_them,
    only_its_seller_and_admins_can_change_a_product,
    the_same_subject_of_another_issuer_is_another_person,
];

async fn an_order_belongs_to_its_caller_whatever_the_body_says(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let product = shop.product(&sam, 250, 5).await;
    let placed = shop.post(&alice, "/orders", lines(&product, 2)).await.is(201);
    assert_eq!(placed.body["customer_id"], "alice");
    assert_eq!(placed.body["customer_issuer"], alice.issuer);
    assert_eq!(placed.body["total"], json!({ "cents": 500, "currency": "EUR" }));
    assert_eq!(placed.body["state"], "placed");
    assert_eq!(
        placed.header("location"),
        format!("/orders/{}", placed.body["id"].as_str().unwrap())
    );
    assert_eq!(shop.stock(&product).await, 3);

    let mut forged = lines(&product, 1);
    forged["customer_id"] = json!("bob");
    let refused = shop.post(&alice, "/orders", forged).await.problem(422, "fields-invalid");
    assert_eq!(refused.body["errors"][0]["pointer"], "/customer_id");
    assert_eq!(shop.stock(&product).await, 3);
}

async fn only_the_owner_and_admins_can_read_an_order(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, bob, sam) =
        (Person::customer("alice"), Person::customer("bob"), Person::seller("sam"));
    let product = shop.product(&sam, 250, 5).await;
    let path = format!("/orders/{}", shop.order(&alice, &product, 1).await);
    shop.get(&alice, &path).await.is(200);
    shop.get(&Person::admin("root"), &path).await.is(200);
    shop.get(&bob, &path).await.problem(403, "no-right");
    for absent in ["/orders/00000000-0000-7000-8000-000000000000", "/orders/7", "/orders/%00"] {
        shop.get(&bob, absent).await.problem(404, "absent");
    }
}

async fn customers_list_their_own_orders_and_admins_list_all(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, bob, sam) =
        (Person::customer("alice"), Person::customer("bob"), Person::seller("sam"));
    let product = shop.product(&sam, 250, 5).await;
    let (hers, his) = (shop.order(&alice, &product, 1).await, shop.order(&bob, &product, 1).await);
    assert_eq!(shop.get(&alice, "/orders").await.is(200).ids(), [&*hers]);
    assert_eq!(shop.get(&bob, "/orders").await.is(200).ids(), [&*his]);
    assert_eq!(shop.get(&Person::customer("carol"), "/orders").await.is(200).ids(), [""; 0]);
    assert_eq!(shop.get(&Person::admin("root"), "/orders").await.is(200).ids(), [&*his, &*hers]);
}

async fn anyone_can_read_products_and_sellers_can_add_them(database: Database) {
    let shop = Service::new(database.store.clone());
    let sam = Person::seller("sam");
    let product = shop.product(&sam, 250, 5).await;
    let seen = shop.send("GET", &format!("/products/{product}"), &[], "").await.is(200);
    assert_eq!(
        (&seen.body["seller_id"], &seen.body["seller_issuer"]),
        (&json!("sam"), &json!(sam.issuer))
    );
    assert_eq!(shop.send("GET", "/products", &[], "").await.is(200).ids(), [&*product]);
    // public, but an invalid assertion is rejected
    let bad = [("x-auth-principal", "a.b.c")];
    shop.send("GET", "/products", &bad, "").await.problem(401, "assertion-invalid");
    shop.send("GET", "/products/7", &[], "").await.problem(404, "absent");

    let forged = json!({ "name": "Tea", "price": { "cents": 1, "currency": "EUR" }, "stock": 1, "seller_id": "eve" });
    shop.post(&sam, "/products", forged).await.problem(422, "fields-invalid");
    assert_eq!(shop.send("GET", "/products", &[], "").await.items().len(), 1);
}

async fn only_its_seller_and_admins_can_change_a_product(database: Database) {
    let shop = Service::new(database.store.clone());
    let (sam, sue, root) = (Person::seller("sam"), Person::seller("sue"), Person::admin("root"));
    let path = format!("/products/{}", shop.product(&sam, 250, 5).await);
    let cheaper =
        json!({ "name": "Tea", "price": { "cents": 200, "currency": "EUR" }, "stock": 5 });
    let put = |who: Person, tag: &'static str| {
        let (shop, path, body) = (shop.clone(), path.clone(), cheaper.clone());
        async move { shop.call(&who, "PUT", &path, &[("if-match", tag)], Some(body)).await }
    };
    put(sue, "\"1\"").await.problem(403, "no-right");
    assert_eq!(shop.send("GET", &path, &[], "").await.body["price"]["cents"], 250);
    let changed = put(sam.clone(), "\"1\"").await.is(200);
    assert_eq!((changed.header("etag"), &changed.body["price"]["cents"]), ("\"2\"", &json!(200)));
    put(sam, "\"1\"").await.problem(412, "precondition-failed");
    put(root.clone(), "\"2\"").await.is(200);
    let absent = "/products/00000000-0000-7000-8000-000000000000";
    shop.call(&root, "PUT", absent, &[("if-match", "*")], Some(cheaper))
        .await
        .problem(404, "absent");
}

async fn the_same_subject_of_another_issuer_is_another_person(database: Database) {
    let shop = Service::new(database.store.clone());
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let (other_alice, other_sam) =
        (alice.clone().of("https://other.example"), sam.clone().of("https://other.example"));
    let product = shop.product(&sam, 250, 5).await;
    let path = format!("/orders/{}", shop.order(&alice, &product, 1).await);
    shop.get(&other_alice, &path).await.problem(403, "no-right");
    assert_eq!(shop.get(&other_alice, "/orders").await.is(200).ids(), [""; 0]);
    let path = format!("/products/{product}");
    let body = json!({ "name": "Mine", "price": { "cents": 1, "currency": "EUR" }, "stock": 5 });
    let response = shop.call(&other_sam, "PUT", &path, &[("if-match", "*")], Some(body)).await;
    response.problem(403, "no-right");
}

#[tokio::test]
async fn requests_that_bypass_the_gateway_get_401() {
    let database = Database::sqlite().await;
    let shop = Service::new(database.store.clone());
    let alice = Person::customer("alice");
    let now = unix_time();
    let forged =
        [("x-auth-subject", "alice"), ("x-auth-roles", "customer,admin"), ("x-auth-issuer", "x")];
    shop.send("GET", "/me", &forged, "").await.problem(401, "assertion-missing");
    for assertion in [
        alice.assertion("GET", "/orders"),
        alice.assertion("POST", "/me"),
        alice.assertion_for("GET", "/me", "billing", now),
        alice.assertion_for("GET", "/me", "shop", now - 120),
        alice.assertion_for("GET", "/me", "shop", now + 120),
        "nonsense".to_owned(),
    ] {
        let response = shop.send("GET", "/me", &[("x-auth-principal", &assertion)], "").await;
        let response = response.problem(401, "assertion-invalid");
        assert_eq!(
            response.header("www-authenticate"),
            "Bearer realm=\"shop\", error=\"invalid_token\""
        );
    }
    let me = shop.get(&alice, "/me").await.is(200);
    assert_eq!(
        me.body,
        json!({ "issuer": alice.issuer, "subject": "alice", "roles": ["customer"], "token_id": null })
    );
}

#[tokio::test]
async fn every_operation_except_public_ones_requires_a_principal() {
    let database = Database::sqlite().await;
    let shop = Service::new(database.store.clone());
    for route in backend::ROUTES {
        let path = route.path.replace(['{', '}'], "");
        let response = shop.send(route.method, &path, &[], "").await;
        match route.access {
            backend::Access::Public => {
                assert_ne!(response.status, 401, "{} {}", route.method, route.path);
            }
            backend::Access::Authenticated => {
                let response = response.problem(401, "assertion-missing");
                assert_eq!(response.header("www-authenticate"), "Bearer realm=\"shop\"");
            }
        }
    }
}
