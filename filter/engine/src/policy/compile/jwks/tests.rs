//! Where keys come from, and what a person sees where they cannot.

use serde_json::{Value, json};

use crate::authn::jwks::JwksError;
use crate::policy::testing::{assert_seen, loaded, provider, report};
use crate::policy::{Endpoint, KeySource, Policy};

/// A public key of RFC 8037 A.2.
fn jwks() -> Value {
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] })
}

fn endpoint(policy: &Policy) -> [String; 5] {
    let (KeySource::Uri(endpoint) | KeySource::Discovery(endpoint)) = &policy.providers()[0].keys else {
        panic!("nothing to fetch")
    };
    let Endpoint { uri, scheme, authority, path, cluster } = endpoint;
    [uri, scheme, authority, path, cluster].map(ToString::to_string)
}

#[test]
fn the_keys_have_exactly_one_place() {
    assert_seen!(report(&[
        ("no jwks", |it| drop(provider(it).as_object_mut().unwrap().remove("jwks"))),
        ("none", |it| provider(it)["jwks"] = json!({})),
        ("a cluster alone", |it| provider(it)["jwks"] = json!({ "cluster": "idp" })),
        ("two", |it| provider(it)["jwks"]["inline"] = jwks()),
        ("two others", |it| {
            provider(it)["jwks"] = json!({ "discovery": { "cluster": "idp" }, "inline": jwks() });
        }),
        ("discovery with the cluster of a URI", |it| {
            provider(it)["jwks"] = json!({ "discovery": { "cluster": "idp" }, "cluster": "idp" });
        }),
    ]));
}

#[test]
fn a_jwks_uri_is_http_and_names_a_host_and_nobody() {
    assert_seen!(report(&[
        ("relative", |it| provider(it)["jwks"]["uri"] = json!("/certs")),
        ("a file", |it| provider(it)["jwks"]["uri"] = json!("file:///certs")),
        ("user information", |it| provider(it)["jwks"]["uri"] = json!("https://a:b@idp.example/certs")),
        ("a fragment", |it| provider(it)["jwks"]["uri"] = json!("https://idp.example/certs#keys")),
        ("a space", |it| provider(it)["jwks"]["uri"] = json!("https://idp.example/ certs")),
        ("no host", |it| provider(it)["jwks"]["uri"] = json!("https:///certs")),
    ]));
    for (uri, authority, path) in [
        ("http://keycloak:8080/certs?x=1", "keycloak:8080", "/certs?x=1"),
        ("http://keycloak", "keycloak", "/"),
        ("http://keycloak?x", "keycloak", "/?x"),
    ] {
        let policy = loaded(|it| provider(it)["jwks"]["uri"] = json!(uri));
        assert_eq!(endpoint(&policy), [uri, "http", authority, path, "idp"]);
    }
}

#[test]
fn fetched_keys_need_a_cluster() {
    assert_seen!(report(&[
        ("uri", |it| provider(it)["jwks"] = json!({ "uri": "https://idp.example/certs" })),
        ("uri with an empty one", |it| provider(it)["jwks"]["cluster"] = json!("")),
        ("discovery with an empty one", |it| provider(it)["jwks"] =
            json!({ "discovery": { "cluster": "" } })),
    ]));
}

#[test]
fn discovery_reads_the_issuers_own_document() {
    let discovery = json!({ "discovery": { "cluster": "idp" } });
    for (issuer, path) in [
        ("https://idp.example", "/.well-known/openid-configuration"),
        ("https://idp.example/", "/.well-known/openid-configuration"),
        ("https://idp.example/realms/shop", "/realms/shop/.well-known/openid-configuration"),
    ] {
        let policy = loaded(|it| {
            provider(it)["issuer"] = json!(issuer);
            provider(it)["jwks"] = discovery.clone();
        });
        let uri = format!("https://idp.example{path}");
        assert_eq!(endpoint(&policy), [&uri, "https", "idp.example", path, "idp"]);
    }
    assert_seen!(report(&[
        ("an issuer that is no URL", |it| {
            provider(it)["issuer"] = json!("accounts.example");
            provider(it)["jwks"] = json!({ "discovery": { "cluster": "idp" } });
        }),
        ("an issuer with a query", |it| {
            provider(it)["issuer"] = json!("https://idp.example/?realm=shop");
            provider(it)["jwks"] = json!({ "discovery": { "cluster": "idp" } });
        }),
    ]));
}

#[test]
fn inline_keys_are_a_jwks_with_a_usable_key_and_have_no_times() {
    let policy = loaded(|it| provider(it)["jwks"] = json!({ "inline": jwks() }));
    assert!(matches!(policy.providers()[0].keys, KeySource::Inline(_)));
    assert_seen!(report(&[
        ("a symmetric key", |it| {
            provider(it)["jwks"] = json!({ "inline": { "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] } });
        }),
        ("no key", |it| provider(it)["jwks"] = json!({ "inline": { "keys": [] } })),
        ("a key by itself", |it| provider(it)["jwks"] = json!({ "inline": jwks()["keys"][0] })),
        ("keys that are no list", |it| provider(it)["jwks"] = json!({ "inline": { "keys": {} } })),
        ("a thousand and one", |it| {
            provider(it)["jwks"] = json!({ "inline": { "keys": vec![jwks()["keys"][0].clone(); 1001] } });
        }),
        ("a time", |it| provider(it)["jwks"] = json!({ "inline": jwks(), "refresh": "1m", "timeout": 1 })),
    ]));
}

#[test]
fn whatever_can_be_wrong_with_inline_keys_is_in_the_snapshot() {
    let seen = include_str!(
        "snapshots/portcullis_engine__policy__compile__jwks__tests__inline_keys_are_a_jwks_with_a_usable_key_and_have_no_times.snap"
    );
    // one that is missing here does not compile
    let _ = |error: JwksError| match error {
        JwksError::Malformed | JwksError::TooMany | JwksError::Empty => (),
    };
    for error in [JwksError::Malformed, JwksError::TooMany, JwksError::Empty] {
        assert!(seen.contains(&format!("{error}\n")), "nobody has seen what a person sees of this: {error}");
    }
}

#[test]
fn times_are_a_second_at_least_and_keys_outlive_the_next_fetch() {
    assert_seen!(report(&[
        ("refresh", |it| provider(it)["jwks"]["refresh"] = json!(0)),
        ("max_stale", |it| provider(it)["jwks"]["max_stale"] = json!("0s")),
        ("unknown_kid_interval", |it| provider(it)["jwks"]["unknown_kid_interval"] = json!(0.0)),
        ("timeout", |it| provider(it)["jwks"]["timeout"] = json!(0)),
        ("a long timeout", |it| provider(it)["jwks"]["timeout"] = json!("6m")),
        ("stale before the next fetch", |it| provider(it)["jwks"]["max_stale"] = json!("299s")),
        ("a refresh beyond the default", |it| provider(it)["jwks"]["refresh"] = json!("2h")),
        ("no bytes", |it| provider(it)["jwks"]["max_bytes"] = json!(0)),
        ("too many bytes", |it| provider(it)["jwks"]["max_bytes"] = json!(16_777_217)),
    ]));
}
