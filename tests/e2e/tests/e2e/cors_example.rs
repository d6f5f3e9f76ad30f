//! The example of CORS: Envoy's own filter and the policy's `cors` together, as
//! `envoy/examples/cors.yaml` shows them.
use std::fs;

use e2e::{Answer, NO_TOKEN, Shared, Shop, in_front_of_an_echo, insufficient_scope};
use harness::artifacts::root;
use harness::envoy::Config;
use harness::stack::Builder;
use reqwest::Method;
use serde_json::Value;

use crate::support::manager::manager;
use crate::support::policy::{load, merge, shipped, underlined};

static SHOP: Shared =
    Shared::made("cors-example", |stack| with_the_example(stack, Place::AfterTheFilter));
static BEFORE: Shared =
    Shared::made("cors-example-before", |stack| with_the_example(stack, Place::BeforeTheFilter));

const ORIGIN: &str = "https://shop.example";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    AfterTheFilter,
    BeforeTheFilter,
}

fn example() -> Value {
    let text = fs::read_to_string(root().join("envoy/examples/cors.yaml")).expect("the example");
    serde_saphyr::from_str(&text).expect("YAML")
}

fn with_the_example(stack: Builder, place: Place) -> Builder {
    let [filters, host, policy] =
        ["http_filters", "virtual_host", "policy"].map(|part| example()[part].take());
    let stack = in_front_of_an_echo(stack).envoy(move |config: &mut Config| {
        merge(&mut manager(config)["route_config"]["virtual_hosts"][0], &host);
        let known = config.http_filters().unwrap();
        let ours = known.iter().position(|filter| filter["name"] == "portcullis").unwrap();
        let at = if place == Place::AfterTheFilter { ours + 1 } else { ours };
        known.splice(at..at, filters.as_array().unwrap().iter().cloned());
    });
    // before the filter, Envoy answers by itself, and the policy needs nothing
    stack.policy(move |document| {
        if place == Place::AfterTheFilter {
            merge(document, &policy);
        }
    })
}

#[test]
fn an_editor_finds_nothing_in_the_policy_of_the_example() {
    let mut whole = shipped();
    merge(&mut whole, &example()["policy"]);
    assert_eq!(underlined(&whole), [""; 0]);
    load(&whole).unwrap_or_else(|errors| panic!("{errors}"));
}

/// A preflight, as a page of that origin sends it.
async fn preflight(shop: &Shop, origin: &str, method: &str, path: &str) -> Answer {
    let request = shop.ask(Method::OPTIONS, path).header("origin", origin);
    request.header("access-control-request-method", method).send().await
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn envoy_answers_the_preflight_of_a_declared_endpoint_and_nothing_is_asked_of_the_service() {
    SHOP.visit(async |shop| {
        for (method, path) in [("GET", "/orders"), ("POST", "/orders"), ("PUT", "/products/7")] {
            let answer = shop.unreached(preflight(shop, ORIGIN, method, path)).await.is(200);
            assert_eq!(allowed(&answer), Some(ORIGIN), "{answer}");
            let methods = answer.header("access-control-allow-methods").unwrap();
            assert!(methods.contains(method), "{answer}");
            let headers = answer.header("access-control-allow-headers").unwrap();
            assert!(headers.contains("authorization"), "{answer}");
            assert_eq!(answer.header("access-control-max-age"), Some("600"));
        }
    });
}

#[test]
fn a_preflight_of_an_undeclared_endpoint_stays_401() {
    SHOP.visit(async |shop| {
        for (method, path) in [("DELETE", "/orders"), ("GET", "/nothing"), ("PATCH", "/me")] {
            let answer = shop.unreached(preflight(shop, ORIGIN, method, path)).await;
            assert_eq!(allowed(&NO_TOKEN.must_be(answer)), None);
        }
    });
}

#[test]
fn what_an_origin_may_read_is_said_by_envoy_alone() {
    SHOP.visit(async |shop| {
        let listed =
            shop.get("/orders").sent_as("alice").header("origin", ORIGIN).answers(200).await;
        assert_eq!(allowed(&listed), Some(ORIGIN));
        assert!(
            listed.header("access-control-expose-headers").unwrap().contains("etag"),
            "{listed}"
        );
        let other = "https://elsewhere.example";
        let stranger =
            shop.get("/orders").sent_as("alice").header("origin", other).answers(200).await;
        assert_eq!(allowed(&stranger), None, "{stranger}");
        // Envoy does not answer it, and the service says nothing of origins
        assert_eq!(allowed(&preflight(shop, other, "GET", "/orders").await), None);
    });
}

/// The same rights as without CORS: an origin is no credential.
#[test]
fn a_request_of_a_listed_origin_still_needs_its_token_and_its_role() {
    SHOP.visit(async |shop| {
        shop.get("/orders").header("origin", ORIGIN).is_stopped(NO_TOKEN).await;
        let nora = shop.get("/orders").header("origin", ORIGIN).sent_as("nora");
        nora.is_stopped(insufficient_scope("role-missing")).await;
    });
}

#[test]
fn before_the_filter_envoy_answers_preflights_by_itself_and_refusals_can_be_read() {
    BEFORE.visit(async |shop| {
        let answer = shop.unreached(preflight(shop, ORIGIN, "DELETE", "/orders")).await.is(200);
        assert_eq!(allowed(&answer), Some(ORIGIN));
        let refused = shop.get("/orders").header("origin", ORIGIN).is_stopped(NO_TOKEN).await;
        assert_eq!(allowed(&refused), Some(ORIGIN));
        let exposed = refused.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("www-authenticate"), "{refused}");
        shop.unreached(preflight(shop, "https://elsewhere.example", "GET", "/orders"))
            .await
            .is(401);
    });
}
