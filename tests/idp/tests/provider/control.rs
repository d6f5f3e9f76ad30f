//! The control interface: the verbs over HTTP do what they do in process.
use dev_idp::{
    Algorithm, Caching, Config, Control, ControlError, DevIdp, Endpoint, Fault, Signature,
    StartError,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{get, verified};

async fn controlled() -> (DevIdp, Control) {
    let control = Some("127.0.0.1:0".parse().unwrap());
    let idp = DevIdp::start(Config { control, ..Config::default() }).await.unwrap();
    let control = Control::at(idp.ready().control.unwrap());
    (idp, control)
}

#[tokio::test]
async fn tokens_are_ordered_over_http_as_in_process() {
    let (idp, control) = controlled().await;
    let token =
        control.token("alice").alg(Algorithm::ES256).claim("nonce", "n").sign().await.unwrap();
    assert_eq!(verified(&idp.jwks_uri(), &token).await.unwrap()["nonce"], "n");
    let bad = control.token("alice").signature(Signature::ChangedSignature).sign().await.unwrap();
    assert!(verified(&idp.jwks_uri(), &bad).await.is_none());
    let blank = control.blank_token().raw_payload("[]").sign().await.unwrap();
    assert!(blank.contains(".W10."));
}

#[tokio::test]
async fn keys_are_rotated_and_withdrawn_over_http() {
    let (idp, control) = controlled().await;
    let old = control.keys().await.unwrap()[1].kid.clone();
    let new = control.rotate(Algorithm::ES256).await.unwrap();
    assert_eq!(control.keys().await.unwrap(), idp.keys());
    assert_eq!(control.withdraw_old().await.unwrap(), [old]);
    assert_eq!(control.rotate_under_same_kid(Algorithm::ES256).await.unwrap(), new);
    control.withdraw(&new).await.unwrap();
    assert!(idp.keys().iter().all(|key| key.published == (key.kid != new && key.current)));
}

#[tokio::test]
async fn faults_caching_and_connections_are_set_over_http() {
    let (idp, control) = controlled().await;
    let status = async || reqwest::get(idp.jwks_uri()).await.map(|response| response.status());
    control.fault_times(Endpoint::Jwks, Fault::ServerError, 1).await.unwrap();
    assert_eq!(status().await.unwrap(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(status().await.unwrap(), StatusCode::OK);
    control.fault(Endpoint::Jwks, Fault::Down).await.unwrap();
    assert!(status().await.is_err());
    control.heal(Endpoint::Jwks).await.unwrap();
    let caching = Caching { cache_control: Some("max-age=1".into()), expires: None };
    control.caching(Endpoint::Jwks, caching).await.unwrap();
    assert_eq!(reqwest::get(idp.jwks_uri()).await.unwrap().headers()["cache-control"], "max-age=1");
    control.refuse_connections().await.unwrap();
    assert!(status().await.is_err());
    control.accept_connections().await.unwrap();
    assert_eq!(status().await.unwrap(), StatusCode::OK);

    let counts = control.counts().await.unwrap();
    assert_eq!(counts, idp.counts());
    control.refuse_connections().await.unwrap();
    control.reset().await.unwrap();
    assert_eq!(control.counts().await.unwrap(), dev_idp::Counts::default());
    assert_eq!(get(&idp.jwks_uri()).await, idp.jwks());
}

/// What `curl` sends, as the documentation writes it.
#[tokio::test]
async fn the_documented_bodies_are_read() {
    let (idp, _) = controlled().await;
    let base = idp.ready().control.unwrap();
    for (verb, body, status) in [
        ("rotate", json!({ "alg": "RS256" }), 200),
        ("rotate", json!({ "alg": "ES256", "same_kid": true }), 200),
        ("withdraw", json!("old"), 200),
        ("withdraw", json!({ "kid": idp.keys()[3].kid }), 200),
        (
            "mint",
            json!({ "user": "alice", "lifetime": -60, "without": ["aud"], "header": { "typ": "at+jwt" } }),
            200,
        ),
        (
            "mint",
            json!({ "claims": { "sub": "me" }, "alg": "EdDSA", "signature": "changed-payload" }),
            200,
        ),
        ("fault", json!({ "endpoint": "jwks", "fault": "down", "times": 3 }), 200),
        ("fault", json!({ "endpoint": "token", "fault": { "slow": { "ms": 1500 } } }), 200),
        ("fault", json!({ "endpoint": "jwks", "fault": "500" }), 200),
        ("fault", json!({ "endpoint": "jwks", "fault": "wrong-content-type" }), 200),
        ("fault", json!({ "endpoint": "jwks", "fault": "broken-key-among-good" }), 200),
        ("fault", json!({ "endpoint": "jwks", "fault": { "many-keys": { "count": 200 } } }), 200),
        (
            "fault",
            json!({ "endpoint": "jwks", "fault": { "oversize": { "bytes": 2_097_152 } } }),
            200,
        ),
        ("fault", json!({ "endpoint": "jwks", "fault": null }), 200),
        (
            "caching",
            json!({ "endpoint": "jwks", "caching": { "cache_control": "max-age=5" } }),
            200,
        ),
        ("connections", json!({ "accept": false }), 200),
        ("connections", json!({ "accept": true }), 200),
        ("reset", json!(null), 200),
        ("rotate", json!({ "alg": "HS256" }), 400),
        ("rotate", json!({ "alg": "XS256" }), 422),
        ("withdraw", json!({ "kid": "nope" }), 400),
        ("mint", json!({ "user": "mallory" }), 400),
        ("mint", json!({ "usr": "alice" }), 422),
        ("fault", json!({ "endpoint": "token", "fault": "empty-keys" }), 400),
        (
            "fault",
            json!({ "endpoint": "jwks", "fault": { "answer": { "status": 1, "content_type": "a", "body": "" } } }),
            400,
        ),
        ("caching", json!({ "endpoint": "jwks", "caching": { "expires": "a\nb" } }), 400),
    ] {
        let request = reqwest::Client::new().post(format!("{base}/control/{verb}")).json(&body);
        assert_eq!(request.send().await.unwrap().status(), status, "{verb} {body}");
    }
    let counts: Value = get(&format!("{base}/control/counts")).await;
    assert_eq!(counts["jwks"], json!({ "total": 0, "at_micros": [] }));
}

#[tokio::test]
async fn a_mistake_comes_back_in_words() {
    let (_idp, control) = controlled().await;
    let error = control.token("mallory").sign().await.unwrap_err();
    assert!(matches!(&error, ControlError::Refused(_)));
    assert_eq!(
        error.to_string(),
        "the provider does not do this: no user or service `mallory`: see `users.json`"
    );
}

#[tokio::test]
async fn the_controls_are_not_on_the_port_of_the_provider() {
    let (idp, _) = controlled().await;
    let there = format!("http://{}/control/counts", idp.address());
    assert_eq!(reqwest::get(there).await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_controls_listen_on_this_machine_only() {
    let control = Some("0.0.0.0:0".parse().unwrap());
    let error = DevIdp::start(Config { control, ..Config::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::ControlNotLoopback(_)), "{error}");
}
