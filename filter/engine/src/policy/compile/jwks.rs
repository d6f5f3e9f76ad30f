//! Where a provider's keys come from, and their times.

use std::time::Duration;

use super::super::document::JwksDocument;
use super::super::error::{Errors, Place};
use super::super::text::{HttpUri, Quoted, is_printable};
use super::super::values::Seconds;
use crate::jose::jwks::KeySet;
use crate::model::{Endpoint, KeySource, KeyTimes};
use crate::policy::compile::limits::{seconds_within, within};

/// OpenID Connect Discovery 1.0, 4.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// A minute's fetch has long failed.
const TIMEOUT_SECONDS: u64 = 300;
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// A year: beyond it nobody means it.
const LONGEST: u64 = 365 * 24 * 3600;

/// The one place that a document says.
#[derive(Clone, Copy)]
enum Explicit<'a> {
    Uri(&'a str),
    Discovery(&'a str),
    Inline(&'a serde_json::Value),
}

pub(super) fn compile(
    place: &Place<'_>,
    document: Option<&JwksDocument>,
    issuer: &str,
    errors: &mut Errors,
) -> Option<(KeySource, KeyTimes)> {
    const HELP: &str = "write exactly one of `uri` with `cluster`, `discovery`, and `inline`";
    let Some(document) = document else {
        errors.add(place, "the provider has no keys", HELP);
        return None;
    };
    let said = [
        document.uri.as_deref().map(|uri| ("uri", Explicit::Uri(uri))),
        document
            .discovery
            .as_ref()
            .map(|discovery| ("discovery", Explicit::Discovery(&discovery.cluster))),
        document.inline.as_ref().map(|keys| ("inline", Explicit::Inline(&keys.0))),
    ];
    let mut said = said.into_iter().flatten();
    let source = match (said.next(), said.next()) {
        (None, _) => {
            errors.add(place, "nothing says where the keys are", HELP);
            None
        }
        (Some((first, _)), Some((second, _))) => {
            errors.add(
                place,
                format!("`{first}` and `{second}` both say where the keys are"),
                HELP,
            );
            None
        }
        (Some((_, said)), None) => key_source(place, document, said, issuer, errors),
    };
    let times = times(place, document, errors);
    source.map(|source| (source, times))
}

fn key_source(
    place: &Place<'_>,
    document: &JwksDocument,
    said: Explicit<'_>,
    issuer: &str,
    errors: &mut Errors,
) -> Option<KeySource> {
    if document.cluster.is_some() && !matches!(said, Explicit::Uri(_)) {
        errors.add(
            place.field("cluster"),
            "it says how to reach `uri`, and there is none",
            "remove it here",
        );
    }
    match said {
        Explicit::Uri(uri) => {
            let cluster = document.cluster.as_deref().unwrap_or_default();
            let cluster = cluster_of(&place.field("cluster"), cluster, errors);
            let endpoint = endpoint(uri, "/", &cluster);
            let note = |problem| {
                let help = "write the address of the JWKS document, as `https://idp.example/certs`";
                errors.add(place.field("uri"), format!("{} {problem}", Quoted(uri)), help);
            };
            endpoint.map_err(note).ok().map(KeySource::Uri)
        }
        Explicit::Discovery(cluster) => {
            let place = place.field("discovery");
            let cluster = cluster_of(&place.field("cluster"), cluster, errors);
            // "any terminating / MUST be removed" (4.1)
            let uri = [issuer.strip_suffix('/').unwrap_or(issuer), DISCOVERY_PATH].concat();
            let usable = if issuer.contains('?') {
                Err("has a query")
            } else {
                endpoint(&uri, "", &cluster)
            };
            let note = |problem| {
                let message = format!("the issuer {} {problem}", Quoted(issuer));
                errors.add(
                    place,
                    message,
                    "its discovery document has no address: write `uri` and `cluster`",
                );
            };
            usable.map_err(note).ok().map(KeySource::Discovery)
        }
        Explicit::Inline(keys) => {
            for (field, _) in document.times().into_iter().filter(|(_, span)| span.is_some()) {
                errors.add(place.field(field), "inline keys are never fetched", "remove it here");
            }
            let note = |error: crate::jose::jwks::JwksError| {
                let help = "write a JWKS document (RFC 7517 5) with a public key for one of the algorithms";
                errors.add(place.field("inline"), error.to_string(), help);
            };
            let json = serde_json::to_vec(keys).unwrap_or_default();
            KeySet::parse(&json).map_err(note).ok().map(KeySource::Inline)
        }
    }
}

/// What a GET of `uri` needs.
fn endpoint(uri: &str, no_path: &str, cluster: &str) -> Result<Endpoint, &'static str> {
    let HttpUri { scheme, authority, path } = HttpUri::parse(uri)?;
    // a query alone hangs on the root (RFC 9112 3.2.1)
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        [if path.is_empty() { no_path } else { "/" }, path].concat()
    };
    Ok(Endpoint {
        uri: uri.into(),
        scheme: scheme.into(),
        authority: authority.into(),
        path: path.into(),
        cluster: cluster.into(),
    })
}

fn cluster_of(place: &Place<'_>, cluster: &str, errors: &mut Errors) -> Box<str> {
    if !is_printable(cluster) {
        errors.add(
            place,
            "no cluster reaches the keys",
            "name the Envoy cluster through which they are fetched",
        );
    }
    cluster.into()
}

fn times(place: &Place<'_>, document: &JwksDocument, errors: &mut Errors) -> KeyTimes {
    let or =
        |span: Option<Seconds>, default| span.map_or(Duration::from_secs(default), Duration::from);
    let times = KeyTimes {
        refresh: or(document.refresh, 300),
        max_stale: or(document.max_stale, 3600),
        unknown_kid_interval: or(document.unknown_kid_interval, 30),
        timeout: or(document.timeout, 5),
        max_bytes: document.max_bytes.map_or(1024 * 1024, super::super::values::Count::as_usize),
    };
    for (field, span, longest) in [
        ("refresh", times.refresh, LONGEST),
        ("max_stale", times.max_stale, LONGEST),
        ("unknown_kid_interval", times.unknown_kid_interval, LONGEST),
        ("timeout", times.timeout, TIMEOUT_SECONDS),
    ] {
        seconds_within(place.field(field), span, &(1..=longest), errors);
    }
    if times.max_stale < times.refresh {
        let (stale, refresh) = (times.max_stale.as_secs(), times.refresh.as_secs());
        let message =
            format!("keys would be stale after {stale} s, before the next fetch at {refresh} s");
        errors.add(place.field("max_stale"), message, "make it at least as long as `refresh`");
    }
    within(place.field("max_bytes"), times.max_bytes, &(1..=MAX_BYTES), errors);
    times
}

impl JwksDocument {
    /// What only fetched keys have.
    fn times(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("refresh", self.refresh.map(|span| span.0)),
            ("max_stale", self.max_stale.map(|span| span.0)),
            ("unknown_kid_interval", self.unknown_kid_interval.map(|span| span.0)),
            ("timeout", self.timeout.map(|span| span.0)),
            ("max_bytes", self.max_bytes.map(|bytes| bytes.0)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::jose::jwks::JwksError;
    use crate::model::{Endpoint, KeySource, Policy};
    use crate::policy::testing::{assert_seen, loaded, provider, report};
    use serde_json::{Value, json};

    /// A public key of RFC 8037 A.2.
    fn jwks() -> Value {
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] })
    }

    fn endpoint(policy: &Policy) -> [String; 5] {
        let (KeySource::Uri(endpoint) | KeySource::Discovery(endpoint)) =
            &policy.providers()[0].keys
        else {
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
                provider(it)["jwks"] =
                    json!({ "discovery": { "cluster": "idp" }, "inline": jwks() });
            }),
            ("discovery with the cluster of a URI", |it| {
                provider(it)["jwks"] =
                    json!({ "discovery": { "cluster": "idp" }, "cluster": "idp" });
            }),
        ]));
    }

    #[test]
    fn a_jwks_uri_is_http_and_names_a_host_and_nobody() {
        assert_seen!(report(&[
            ("relative", |it| provider(it)["jwks"]["uri"] = json!("/certs")),
            ("a file", |it| provider(it)["jwks"]["uri"] = json!("file:///certs")),
            ("user information", |it| provider(it)["jwks"]["uri"] =
                json!("https://a:b@idp.example/certs")),
            ("a fragment", |it| provider(it)["jwks"]["uri"] =
                json!("https://idp.example/certs#keys")),
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
                provider(it)["jwks"] =
                    json!({ "inline": { "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] } });
            }),
            ("no key", |it| provider(it)["jwks"] = json!({ "inline": { "keys": [] } })),
            ("a key by itself", |it| provider(it)["jwks"] = json!({ "inline": jwks()["keys"][0] })),
            ("keys that are no list", |it| provider(it)["jwks"] =
                json!({ "inline": { "keys": {} } })),
            ("a thousand and one", |it| {
                provider(it)["jwks"] =
                    json!({ "inline": { "keys": vec![jwks()["keys"][0].clone(); 1001] } });
            }),
            ("a time", |it| provider(it)["jwks"] =
                json!({ "inline": jwks(), "refresh": "1m", "timeout": 1 })),
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
            assert!(
                seen.contains(&format!("{error}\n")),
                "nobody has seen what a person sees of this: {error}"
            );
        }
    }

    #[test]
    fn times_are_a_second_at_least_and_keys_outlive_the_next_fetch() {
        assert_seen!(report(&[
            ("refresh", |it| provider(it)["jwks"]["refresh"] = json!(0)),
            ("max_stale", |it| provider(it)["jwks"]["max_stale"] = json!("0s")),
            ("unknown_kid_interval", |it| provider(it)["jwks"]["unknown_kid_interval"] =
                json!(0.0)),
            ("timeout", |it| provider(it)["jwks"]["timeout"] = json!(0)),
            ("a long timeout", |it| provider(it)["jwks"]["timeout"] = json!("6m")),
            ("stale before the next fetch", |it| provider(it)["jwks"]["max_stale"] = json!("299s")),
            ("a refresh beyond the default", |it| provider(it)["jwks"]["refresh"] = json!("2h")),
            ("no bytes", |it| provider(it)["jwks"]["max_bytes"] = json!(0)),
            ("too many bytes", |it| provider(it)["jwks"]["max_bytes"] = json!(16_777_217)),
        ]));
    }
}
