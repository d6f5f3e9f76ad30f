//! The access log: one line for each request, with the decision in it; and the trace that goes
//! through all parts.
use std::time::Duration;

use e2e::{Shop, run};
use harness::process::{Log, eventually};
use harness::stack::Stack;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// The line of the request with this id, as soon as it is there: Envoy writes its log once a second
/// or so.
async fn line(log: &Log, id: &str) -> Value {
    let lines = async || {
        let parsed =
            log.lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let its: Vec<_> = parsed.filter(|line| line["path"] == format!("/orders/{id}")).collect();
        assert!(its.len() < 2, "one line for each request: {its:?}");
        its.into_iter().next()
    };
    eventually("the line in the access log", Duration::from_secs(20), lines).await.unwrap()
}

#[test]
fn the_access_log_says_who_was_refused_what_and_why() {
    run(async {
        let shop = Shop::start("observed-log").await.unwrap();
        let log = shop.stack.envoy().process().log().clone();
        let policy = policy_hash(&shop).await;

        shop.get("/orders/nobodys").send().await;
        let nobodys = line(&log, "nobodys").await;
        let expected = [
            ("status", Value::from(401)),
            ("decision", "refuse".into()),
            ("reason", "token-missing".into()),
            ("level", "authentication".into()),
            ("service", "shop".into()),
            ("row", "GET /orders/{order_id}".into()),
            ("provider", Value::Null),
            ("subject", Value::Null),
            ("policy", policy.clone()),
        ];
        for (field, value) in expected {
            assert_eq!(nobodys[field], value, "{field} of {nobodys}");
        }

        shop.get("/orders/noras").sent_as("nora").send().await;
        let noras = line(&log, "noras").await;
        assert_eq!(
            (&noras["reason"], &noras["level"]),
            (&"role-missing".into(), &"role-table".into())
        );
        assert_eq!(noras["subject"], "0b5a3b1e-6a52-4a6f-9d0e-2f6c3f3a0f06");
        assert_eq!(noras["provider"], "keycloak");

        let token = shop.token("alice").await;
        shop.get("/orders/hers?secret=1").token(&token).send().await;
        let hers = line(&log, "hers").await;
        assert_eq!((&hers["decision"], &hers["reason"]), (&"allow".into(), &Value::Null));
        let text = log.text();
        assert!(!text.contains("secret=1"), "no query is logged");
        assert!(token.split('.').skip(1).all(|part| !text.contains(part)), "no token is logged");
        for id in ["nobodys", "noras", "hers"] {
            assert_eq!(
                text.matches(&format!("\"/orders/{id}\"")).count(),
                1,
                "one line for each request: {id}"
            );
        }
    });
}

#[test]
fn the_access_log_says_during_a_trial_why_a_request_would_be_refused() {
    run(async {
        let trial = json!({ "shadow": { "until": "2999-12-31" } });
        let builder = Stack::named("observed-trial").policy(|policy| policy["mode"] = trial);
        let shop = Shop::of(builder).await.unwrap();
        // the service itself has no such order
        shop.get("/orders/noras").sent_as("nora").answers(404).await;
        let noras = line(shop.stack.envoy().process().log(), "noras").await;
        for (field, value) in [
            ("decision", "allow"),
            ("reason", "role-missing"),
            ("level", "role-table"),
            ("row", "GET /orders/{order_id}"),
            ("provider", "keycloak"),
            ("subject", "0b5a3b1e-6a52-4a6f-9d0e-2f6c3f3a0f06"),
        ] {
            assert_eq!(noras[field], value, "{field} of {noras}");
        }
    });
}

async fn policy_hash(shop: &Shop) -> Value {
    let stats = shop.stack.stats().await.unwrap();
    let name = stats.matching(&["portcullis.policy_workers;hash="]).next().unwrap().0;
    name.rsplit('=').next().unwrap().into()
}

#[test]
fn a_trace_goes_through_gateway_and_service_and_the_decision_is_in_it() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    run(async {
        let shop = Shop::start("observed-trace").await.unwrap();
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let answer =
            shop.get("/orders/traced").sent_as("alice").header("traceparent", &parent).send().await;
        assert_eq!(answer.header("traceparent"), Some(&*parent), "{answer}");
        let log = shop.stack.envoy().process().log().clone();
        assert_eq!(line(&log, "traced").await["traceparent"], parent);
        let service = shop.stack.backend().process().log().clone();
        let span = async || {
            let lines = service.lines();
            let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            parsed
                .map(|line| line["span"].clone())
                .find(|span| span["trace_id"] == TRACE && !span["decision"].is_null())
        };
        let span = eventually("the span in the service's log", PATIENCE, span).await.unwrap();
        assert_eq!(span["decision"], "absent", "{span}");
    });
}
