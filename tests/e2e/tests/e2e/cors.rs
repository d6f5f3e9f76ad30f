//! Preflights: browsers send them without credentials, so they need no token, if the service says
//! so and the row exists.
use e2e::{Ask, NO_TOKEN, Shared, Shop, in_front_of_an_echo, insufficient_scope};
use reqwest::Method;
use serde_json::json;

static SHOP: Shared = Shared::made("cors", |stack| {
    in_front_of_an_echo(stack)
        .policy(|policy| policy["services"]["shop"]["cors"] = json!({ "preflight": true }))
});
static WITHOUT: Shared = Shared::made("cors-without", in_front_of_an_echo);

fn preflight<'s>(shop: &'s Shop, method: &str, path: &str) -> Ask<'s> {
    let request = shop.ask(Method::OPTIONS, path).header("origin", "https://shop.example");
    request.header("access-control-request-method", method)
}

#[test]
fn a_preflight_of_a_declared_endpoint_needs_no_token() {
    SHOP.visit(async |shop| {
        for (method, path) in
            [("GET", "/orders"), ("POST", "/orders"), ("PUT", "/products/7"), ("HEAD", "/me")]
        {
            let request = preflight(shop, method, path).header("x-auth-subject", "root");
            let answer = request.answers(200).await;
            let headers = crate::support::headers_of(&answer);
            assert!(headers.keys().all(|name| !name.starts_with("x-auth-")), "{answer}");
        }
    });
}

#[test]
fn a_preflight_of_an_undeclared_endpoint_is_401_like_any_request_for_one() {
    SHOP.visit(async |shop| {
        for (method, path) in
            [("DELETE", "/orders"), ("GET", "/nothing"), ("get", "/orders"), ("", "/orders")]
        {
            preflight(shop, method, path).is_stopped(NO_TOKEN).await;
            let known = preflight(shop, method, path).sent_as("ada");
            known.is_stopped(insufficient_scope("route-undeclared")).await;
        }
    });
}

#[test]
fn an_options_request_that_is_no_preflight_is_401() {
    SHOP.visit(async |shop| {
        shop.ask(Method::OPTIONS, "/orders").is_stopped(NO_TOKEN).await;
        shop.ask(Method::OPTIONS, "/orders")
            .header("origin", "https://shop.example")
            .is_stopped(NO_TOKEN)
            .await;
        let no_origin =
            shop.ask(Method::OPTIONS, "/orders").header("access-control-request-method", "GET");
        no_origin.is_stopped(NO_TOKEN).await;
        // another method never becomes a preflight by its headers
        let get = shop.get("/orders").header("origin", "https://shop.example");
        get.header("access-control-request-method", "GET").is_stopped(NO_TOKEN).await;
    });
}

#[test]
fn without_the_setting_a_preflight_needs_a_token_and_a_row() {
    WITHOUT.visit(async |shop| {
        preflight(shop, "GET", "/orders").is_stopped(NO_TOKEN).await;
        let known = preflight(shop, "GET", "/orders").sent_as("alice");
        known.is_stopped(insufficient_scope("route-undeclared")).await;
    });
}
