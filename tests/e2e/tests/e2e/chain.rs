//! The chain, row by row of the shop's role table: who may call what, and what the service then
//! decides. Written once, for tokens of the development provider and of a real Keycloak.
use dev_idp::{clients, users};
use e2e::{NO_TOKEN, Shared, Shop, insufficient_scope, invalid_token, lines, product};
use reqwest::Method;
use serde_json::json;

use crate::support::{ABSENT, payload, subject};

macro_rules! on_each_provider {
    ($($rule:ident,)+) => {
        mod dev_idp_tokens {
            static SHOP: super::Shared = super::Shared::named("chain");
            $(#[test] fn $rule() { SHOP.visit(async |shop| super::$rule(shop).await); })+
        }
        mod keycloak_tokens {
            static SHOP: super::Shared = super::Shared::with_keycloak("chain-keycloak");
            $(#[test] fn $rule() { SHOP.visit(async |shop| super::$rule(shop).await); })+

            #[test]
            fn keycloak_id_and_refresh_tokens_are_no_access_tokens() {
                SHOP.visit(async |shop| super::tokens_for_others_are_no_access_tokens(shop).await);
            }
        }
    };
}

on_each_provider![
    every_row_opens_for_its_roles_and_for_nobody_else,
    an_order_is_its_placers_whatever_the_body_says,
    an_order_is_read_by_its_owner_and_by_admins_only,
    a_list_has_ones_own_orders_and_for_an_admin_all,
    products_are_everybodys_to_see,
    a_product_is_its_sellers_whatever_the_body_says,
    a_product_is_changed_by_its_seller_and_by_admins_only,
    the_service_sees_the_principal_and_not_the_token,
];

/// The role table of the chain, said a second time: the policy must agree.
const ROWS: [(&str, &str, &[&str]); 7] = [
    ("POST", "/orders", &["customer"]),
    ("GET", "/orders", &["customer", "admin"]),
    ("GET", "/orders/00000000-0000-7000-8000-000000000000", &["customer", "admin"]),
    ("POST", "/products", &["seller"]),
    ("PUT", "/products/00000000-0000-7000-8000-000000000000", &["seller", "admin"]),
    ("GET", "/audit", &["admin"]),
    ("GET", "/me", &["customer", "seller", "admin", "reporting", ""]),
];

async fn every_row_opens_for_its_roles_and_for_nobody_else(shop: &Shop) {
    let people = users().iter().map(|user| (&user.name, &user.roles));
    let services = clients().iter().filter_map(|it| Some((&it.id, &it.service.as_ref()?.roles)));
    for (who, roles) in people.chain(services) {
        let token = shop.token(who).await;
        for (method, path, opens_for) in ROWS {
            let request = || shop.ask(method.parse().unwrap(), path).named(who);
            let role = roles.first().map_or("", String::as_str);
            if opens_for.contains(&role) {
                let passed = shop.requests_passed().await;
                let answer = request().token(&token).send().await;
                assert!(![401, 403].contains(&answer.status), "{answer}");
                assert_eq!(shop.requests_passed().await, passed + 1, "{answer}");
            } else {
                request().token(&token).is_stopped(insufficient_scope("role-missing")).await;
            }
            request().is_stopped(NO_TOKEN).await;
            request().token("no-token").is_stopped(invalid_token("token-malformed")).await;
        }
    }
}

async fn an_order_is_its_placers_whatever_the_body_says(shop: &Shop) {
    let tea = shop.product_of("sam").await;
    let order = shop.post("/orders").sent_as("alice").json(lines(&tea, 2)).answers(201).await;
    assert_eq!(order.body["customer_id"], subject("alice"));
    assert_eq!(order.body["customer_issuer"], shop.issuer());
    assert_eq!(order.header("location"), Some(&*format!("/orders/{}", order.id())));

    let mut forged = lines(&tea, 1);
    forged["customer_id"] = json!(subject("bob"));
    let denied =
        shop.post("/orders").sent_as("alice").json(forged).is_denied(422, "fields-invalid").await;
    assert_eq!(denied.body["errors"][0]["pointer"], "/customer_id");
}

async fn an_order_is_read_by_its_owner_and_by_admins_only(shop: &Shop) {
    let order = format!("/orders/{}", shop.order_of("alice").await);
    let own = shop.get(&order).sent_as("alice").answers(200).await;
    assert_eq!(own.body["customer_id"], subject("alice"));
    shop.get(&order).sent_as("ada").answers(200).await;
    let denied = shop.get(&order).sent_as("bob").is_denied(403, "no-right").await;
    assert!(!denied.text.contains(subject("alice")), "{denied}");
    for who in ["alice", "bob", "ada"] {
        shop.get(&format!("/orders/{ABSENT}")).sent_as(who).is_denied(404, "absent").await;
    }
}

async fn a_list_has_ones_own_orders_and_for_an_admin_all(shop: &Shop) {
    let (hers, his) = (shop.order_of("alice").await, shop.order_of("bob").await);
    for (who, sees_hers, sees_his) in
        [("alice", true, false), ("bob", false, true), ("ada", true, true)]
    {
        let list = shop.get("/orders?limit=100").sent_as(who).answers(200).await;
        assert_eq!(list.ids().contains(&&*hers), sees_hers, "{who}");
        assert_eq!(list.ids().contains(&&*his), sees_his, "{who}");
    }
}

async fn products_are_everybodys_to_see(shop: &Shop) {
    let id = shop.product_of("sam").await;
    let one = format!("/products/{id}");
    for path in ["/products", &one] {
        shop.get(path).answers(200).await;
        shop.get(path).sent_as("nora").answers(200).await;
        // what is sent is verified, needed or not
        shop.get(path).token("no-token").is_stopped(invalid_token("token-malformed")).await;
    }
    assert_eq!(shop.get(&one).answers(200).await.body["seller_id"], subject("sam"));
    shop.get(&format!("/products/{ABSENT}")).answers(404).await;
}

async fn a_product_is_its_sellers_whatever_the_body_says(shop: &Shop) {
    let tea = shop.post("/products").sent_as("sam").json(product("Tea", 250)).answers(201).await;
    assert_eq!(tea.body["seller_id"], subject("sam"));
    assert_eq!(tea.body["seller_issuer"], shop.issuer());

    let mut forged = product("Tea", 250);
    forged["seller_id"] = json!(subject("sofia"));
    let denied =
        shop.post("/products").sent_as("sam").json(forged).is_denied(422, "fields-invalid").await;
    assert_eq!(denied.body["errors"][0]["pointer"], "/seller_id");
}

async fn a_product_is_changed_by_its_seller_and_by_admins_only(shop: &Shop) {
    let tea = format!("/products/{}", shop.product_of("sam").await);
    let change = |path: &str, who, cents| {
        shop.put(path).sent_as(who).header("if-match", "*").json(product("Tea", cents))
    };
    change(&tea, "sofia", 1).is_denied(403, "no-right").await;
    for (who, cents) in [("sam", 200), ("ada", 300)] {
        change(&tea, who, cents).answers(200).await;
        assert_eq!(shop.get(&tea).answers(200).await.body["price"]["cents"], cents);
    }
    change(&format!("/products/{ABSENT}"), "sofia", 1).is_denied(404, "absent").await;
}

async fn the_service_sees_the_principal_and_not_the_token(shop: &Shop) {
    let me = shop.get("/me").sent_as("alice").answers(200).await;
    assert_eq!(me.body["subject"], subject("alice"));
    assert_eq!(me.body["issuer"], shop.issuer());
    assert_eq!(me.body["roles"], json!(["customer"]));
    assert!(me.body["token_id"].is_string(), "{me}");
    shop.ask(Method::HEAD, "/me").sent_as("alice").answers(200).await;
}

/// They come with the access token, from the same issuer, and tell of the same user.
async fn tokens_for_others_are_no_access_tokens(shop: &Shop) {
    let tokens = shop.keycloak.as_ref().unwrap().tokens("alice").await.unwrap();
    shop.get("/me").token(&tokens.access_token).answers(200).await;
    for (token, typ, reason) in [
        (&tokens.id_token, "ID", "audience-mismatch"),
        // by a key that Keycloak keeps to itself
        (&tokens.refresh_token, "Refresh", "algorithm-not-accepted"),
    ] {
        assert_eq!(payload(token)["typ"], typ);
        shop.get("/me").named(typ).token(token).is_stopped(invalid_token(reason)).await;
    }
}
