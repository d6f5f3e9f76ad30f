//! Discovery documents of an arbitrary issuer.

use std::sync::Arc;

use portcullis_engine::jwks_refresh::discovery::jwks_endpoint;
use portcullis_engine::policy::{Endpoint, KeySource, Policy};
use serde_json::{Value, json};
use url::Url;

const ISSUERS: [&str; 6] = [
    "https://idp.example/realms/shop",
    "https://idp.example",
    "http://idp.example:8080/",
    "https://idp.example:8443/a/b",
    "http://127.0.0.1:8090",
    "https://[::1]/x",
];

/// Where each issuer's document is, as a policy makes it.
fn endpoints() -> Vec<(String, Endpoint)> {
    let provider = |issuer: &str| {
        json!({
            "issuer": issuer, "audiences": ["a"], "jwks": { "discovery": { "cluster": "idp" } },
            "algorithms": ["EdDSA"], "token_types": ["at+jwt"],
        })
    };
    let providers =
        ISSUERS.iter().enumerate().map(|(at, issuer)| (format!("p{at}"), provider(issuer)));
    let document = json!({
        "providers": providers.collect::<serde_json::Map<_, _>>(),
        "services": { "a": { "hosts": ["*"], "routes": [{ "match": "GET /", "authenticated": true }] } },
    });
    let policy = Policy::from_json(document.to_string().as_bytes())
        .unwrap_or_else(|errors| panic!("{errors}"));
    let endpoint = |provider: &portcullis_engine::policy::Provider| match &provider.keys {
        KeySource::Discovery(endpoint) => Some((provider.issuer.to_string(), endpoint.clone())),
        _ => None,
    };
    policy.providers().iter().filter_map(endpoint).collect()
}

/// The first byte says which issuer, and whether the rest is the document, its `jwks_uri`, or what
/// follows the issuer's authority there. Keys are taken from where the document came from, or from
/// nowhere.
pub fn discovery(input: &[u8]) {
    thread_local! {
        static ENDPOINTS: Arc<Vec<(String, Endpoint)>> = Arc::new(endpoints());
    }
    let Some((how, rest)) = input.split_first() else { return };
    let endpoints = ENDPOINTS.with(Arc::clone);
    let (issuer, from) = &endpoints[usize::from(how / 3) % endpoints.len()];
    let said = |uri: &str| json!({ "issuer": issuer, "jwks_uri": uri }).to_string().into_bytes();
    let document = match how % 3 {
        0 => rest.to_vec(),
        1 => said(&String::from_utf8_lossy(rest)),
        _ => {
            said(&format!("{}://{}{}", from.scheme, from.authority, String::from_utf8_lossy(rest)))
        }
    };
    let Ok(found) = jwks_endpoint(&document, issuer, from) else { return };
    let document: Value = serde_json::from_slice(&document).expect("what is accepted is JSON");
    assert_eq!(document["issuer"], **issuer);
    assert_eq!(document["jwks_uri"], *found.uri);
    let url = |text: &str| Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (there, here) = (url(&found.uri), url(&from.uri));
    assert_eq!(there.origin(), here.origin(), "{there}");
    assert!(
        there.username().is_empty() && there.password().is_none() && there.fragment().is_none(),
        "{there}"
    );
    // what is asked for is what the document names
    assert_eq!(
        (&found.scheme, &found.authority, &found.cluster),
        (&from.scheme, &from.authority, &from.cluster)
    );
    assert!(
        found.path.starts_with('/') && found.path.bytes().all(|b| b.is_ascii_graphic()),
        "{}",
        found.path
    );
    assert_eq!(url(&format!("{}://{}{}", found.scheme, found.authority, found.path)), there);
}

pub(crate) fn inputs() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (at, issuer) in (0_u8..).zip(ISSUERS) {
        let document = json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}/certs"), "authorization_endpoint": format!("{issuer}/auth"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
        });
        inputs.push([&[3 * at], document.to_string().as_bytes()].concat());
        for uri in [
            "https://idp.example/certs?a=b&c=%2F",
            "https://idp.example.evil.example/certs",
            "https://idp.example@evil.example/",
            "https://idp.example:443/certs",
            "http://idp.example:8080/certs",
            "https://[::1]/certs",
            "//evil.example/certs",
        ] {
            inputs.push([&[3 * at + 1], uri.as_bytes()].concat());
        }
        for rest in [
            "/certs",
            "/a/../b?x=/y",
            "\\@evil.example/",
            "@evil.example/",
            ":8443/",
            "/a#b",
            "/\t",
        ] {
            inputs.push([&[3 * at + 2], rest.as_bytes()].concat());
        }
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_issuers_document_is_accepted_as_a_seed() {
        for (issuer, from) in endpoints() {
            let document = json!({ "issuer": issuer, "jwks_uri": format!("{}://{}/certs", from.scheme, from.authority) });
            let found = jwks_endpoint(document.to_string().as_bytes(), &issuer, &from);
            assert_eq!(found.map(|found| found.path), Ok("/certs".into()), "{issuer}");
        }
    }
}
