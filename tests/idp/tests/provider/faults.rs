//! Faults as an HTTP client meets them, caching, and what is counted.
use std::time::{Duration, Instant};

use dev_idp::{Answer, Caching, Endpoint, Fault};
use serde_json::{Value, json};

use crate::support::{get, provider};

/// Status, content type and body of one fetch.
async fn fetch(url: &str) -> (u16, String, String) {
    let response = reqwest::get(url).await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), content_type, response.text().await.unwrap())
}

fn kids(jwks: &Value) -> Vec<&str> {
    jwks["keys"].as_array().unwrap().iter().filter_map(|key| key["kid"].as_str()).collect()
}

#[tokio::test]
async fn each_fault_answers_as_it_says() {
    let idp = provider().await;
    let right = idp.jwks().to_string();
    let teapot =
        Answer { status: 418, content_type: "text/x-tea".into(), body: "short and stout".into() };
    for (fault, status, content_type, body) in [
        (Fault::ServerError, 500, "text/plain; charset=utf-8", "something went wrong"),
        (Fault::Html, 200, "text/html; charset=utf-8", "<!doctype html><title>Sign in</title>"),
        (Fault::WrongContentType, 200, "text/plain", &*right),
        (Fault::EmptyKeys, 200, "application/json", r#"{"keys":[]}"#),
        (Fault::json(&json!({ "keys": 1 })), 200, "application/json", r#"{"keys":1}"#),
        (Fault::Answer(teapot), 418, "text/x-tea", "short and stout"),
    ] {
        idp.fault(Endpoint::Jwks, fault.clone());
        assert_eq!(
            fetch(&idp.jwks_uri()).await,
            (status, content_type.into(), body.into()),
            "{fault:?}"
        );
    }
    idp.heal(Endpoint::Jwks);
    assert_eq!(fetch(&idp.jwks_uri()).await, (200, "application/json".into(), right));
}

#[tokio::test]
async fn a_slow_answer_is_the_right_one_and_late() {
    let idp = provider().await;
    idp.fault(Endpoint::Jwks, Fault::Slow { ms: 150 });
    let before = Instant::now();
    assert_eq!(get(&idp.jwks_uri()).await, idp.jwks());
    assert!(before.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn an_oversize_answer_is_the_right_one_and_too_long() {
    let idp = provider().await;
    idp.fault(Endpoint::Jwks, Fault::Oversize { bytes: 2 << 20 });
    let jwks = get(&idp.jwks_uri()).await;
    assert_eq!(jwks["padding"].as_str().unwrap().len(), 2 << 20);
    assert_eq!(jwks["keys"], idp.jwks()["keys"]);
}

#[tokio::test]
async fn many_keys_come_before_the_right_ones_and_are_the_same_every_time() {
    let idp = provider().await;
    idp.fault(Endpoint::Jwks, Fault::ManyKeys { count: 200 });
    let (jwks, right) = (get(&idp.jwks_uri()).await, idp.jwks());
    assert_eq!(kids(&jwks).len(), 200);
    assert!(kids(&jwks).ends_with(&kids(&right)));
    assert_eq!(get(&idp.jwks_uri()).await, jwks);
    for jwk in jwks["keys"].as_array().unwrap() {
        let jwk = serde_json::from_value(jwk.clone()).unwrap();
        assert!(jsonwebtoken::DecodingKey::from_jwk(&jwk).is_ok(), "{jwk:?}");
    }
    idp.fault(Endpoint::Jwks, Fault::ManyKeys { count: 1 });
    assert_eq!(get(&idp.jwks_uri()).await, right);
}

#[tokio::test]
async fn broken_keys_come_before_the_right_ones() {
    let idp = provider().await;
    idp.fault(Endpoint::Jwks, Fault::BrokenKeyAmongGood);
    let (jwks, right) = (get(&idp.jwks_uri()).await, idp.jwks());
    assert!(kids(&jwks).ends_with(&kids(&right)));
    assert!(kids(&jwks).starts_with(&[
        "modulus-is-a-number",
        "modulus-is-short",
        "point-is-short"
    ]));
    assert!(
        serde_json::from_value::<jsonwebtoken::jwk::JwkSet>(jwks).is_err(),
        "a careless reader loses all keys"
    );
}

#[tokio::test]
async fn a_fault_of_one_endpoint_is_no_fault_of_another() {
    let idp = provider().await;
    idp.fault(Endpoint::Discovery, Fault::ServerError);
    idp.fault(Endpoint::Token, Fault::Html);
    assert_eq!(fetch(&idp.ready().discovery_uri).await.0, 500);
    assert_eq!(fetch(&idp.jwks_uri()).await.0, 200);
    let login = reqwest::Client::new().post(idp.ready().token_endpoint).send().await.unwrap();
    assert_eq!(
        (login.status().as_u16(), login.text().await.unwrap().contains("Sign in")),
        (200, true)
    );
}

#[tokio::test]
async fn a_fault_for_some_times_ends_by_itself() {
    let idp = provider().await;
    idp.fault_times(Endpoint::Jwks, Fault::ServerError, 2);
    for status in [500, 500, 200, 200] {
        assert_eq!(fetch(&idp.jwks_uri()).await.0, status);
    }
    idp.fault(Endpoint::Jwks, Fault::ServerError);
    assert_eq!(fetch(&idp.jwks_uri()).await.0, 500, "a later fault has no times of an earlier one");
}

#[tokio::test]
#[should_panic(expected = "ask for it at the endpoint `jwks`")]
async fn a_fault_of_the_key_set_is_asked_for_where_the_key_set_is() {
    provider().await.fault(Endpoint::Discovery, Fault::EmptyKeys);
}

#[tokio::test]
async fn answers_say_how_long_they_stay_fresh_even_faulty_ones() {
    let idp = provider().await;
    let caching = Caching { cache_control: Some("max-age=5".into()), expires: Some("0".into()) };
    idp.caching(Endpoint::Jwks, caching);
    for fault in [Fault::WrongContentType, Fault::Html] {
        idp.fault(Endpoint::Jwks, fault);
        let headers = reqwest::get(idp.jwks_uri()).await.unwrap().headers().clone();
        assert_eq!(
            (&headers["cache-control"], &headers["expires"]),
            (&"max-age=5".parse().unwrap(), &"0".parse().unwrap())
        );
    }
    idp.caching(Endpoint::Jwks, Caching::default());
    let headers = reqwest::get(idp.jwks_uri()).await.unwrap().headers().clone();
    assert!(!headers.contains_key("cache-control") && !headers.contains_key("expires"));
}

#[tokio::test]
async fn every_fetch_counts_once_with_its_time_whatever_becomes_of_it() {
    let idp = provider().await;
    assert_eq!(idp.counts().jwks.total, 0);
    for fault in [Fault::Down, Fault::Cut, Fault::ServerError, Fault::EmptyKeys] {
        idp.fault(Endpoint::Jwks, fault);
        let _ = reqwest::get(idp.jwks_uri()).await;
    }
    get(&idp.ready().discovery_uri).await;
    reqwest::Client::new().post(idp.ready().token_endpoint).send().await.unwrap();
    idp.token("alice").sign();

    let counts = idp.counts();
    assert_eq!((counts.jwks.total, counts.discovery.total, counts.token.total), (4, 1, 1));
    assert_eq!(counts.jwks.at_micros.len(), 4);
    assert!(counts.jwks.at_micros.iter().is_sorted());
    assert!(
        counts.jwks.at_micros.back() <= counts.discovery.at_micros.front(),
        "one clock for all endpoints"
    );
}

#[tokio::test]
async fn a_reset_ends_everything_but_the_keys() {
    let idp = provider().await;
    let kid = idp.rotate(dev_idp::Algorithm::ES256);
    idp.fault(Endpoint::Jwks, Fault::Html);
    idp.caching(Endpoint::Jwks, Caching { cache_control: Some("no-store".into()), expires: None });
    get(&idp.ready().discovery_uri).await;
    idp.refuse_connections().await;

    idp.reset().await;
    assert_eq!(idp.counts(), dev_idp::Counts::default());
    let response = reqwest::get(idp.jwks_uri()).await.unwrap();
    assert!(!response.headers().contains_key("cache-control"));
    assert!(kids(&response.json().await.unwrap()).contains(&kid.as_str()));
}
