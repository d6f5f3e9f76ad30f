//! Where a provider's keys come from, and their times.

use std::time::Duration;

use super::super::document::JwksDocument;
use super::super::error::{Mistakes, Place};
use super::super::provider::{Endpoint, KeySource, KeyTimes};
use super::super::text::{HttpUri, Quoted, is_printable};
use super::super::values::Seconds;
use super::bounds::{seconds_within, within};
use crate::authn::jwks::KeySet;

/// OpenID Connect Discovery 1.0, 4.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// A minute's fetch has long failed.
const TIMEOUT_SECONDS: u64 = 300;
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// A year: beyond it nobody means it.
const LONGEST: u64 = 365 * 24 * 3600;

/// The one place that a document says.
#[derive(Clone, Copy)]
enum Said<'a> {
    Uri(&'a str),
    Discovery(&'a str),
    Inline(&'a serde_json::Value),
}

pub(super) fn compile(
    place: &Place<'_>,
    document: Option<&JwksDocument>,
    issuer: &str,
    mistakes: &mut Mistakes,
) -> Option<(KeySource, KeyTimes)> {
    const HELP: &str = "write exactly one of `uri` with `cluster`, `discovery`, and `inline`";
    let Some(document) = document else {
        mistakes.add(place, "the provider has no keys", HELP);
        return None;
    };
    let said = [
        document.uri.as_deref().map(|uri| ("uri", Said::Uri(uri))),
        document.discovery.as_ref().map(|discovery| ("discovery", Said::Discovery(&discovery.cluster))),
        document.inline.as_ref().map(|keys| ("inline", Said::Inline(&keys.0))),
    ];
    let mut said = said.into_iter().flatten();
    let source = match (said.next(), said.next()) {
        (None, _) => {
            mistakes.add(place, "nothing says where the keys are", HELP);
            None
        }
        (Some((first, _)), Some((second, _))) => {
            mistakes.add(place, format!("`{first}` and `{second}` both say where the keys are"), HELP);
            None
        }
        (Some((_, said)), None) => key_source(place, document, said, issuer, mistakes),
    };
    let times = times(place, document, mistakes);
    source.map(|source| (source, times))
}

fn key_source(
    place: &Place<'_>,
    document: &JwksDocument,
    said: Said<'_>,
    issuer: &str,
    mistakes: &mut Mistakes,
) -> Option<KeySource> {
    if document.cluster.is_some() && !matches!(said, Said::Uri(_)) {
        mistakes.add(
            place.field("cluster"),
            "it says how to reach `uri`, and there is none",
            "remove it here",
        );
    }
    match said {
        Said::Uri(uri) => {
            let cluster = document.cluster.as_deref().unwrap_or_default();
            let cluster = cluster_of(&place.field("cluster"), cluster, mistakes);
            let endpoint = endpoint(uri, "/", &cluster);
            let note = |problem| {
                let help = "write the address of the JWKS document, as `https://idp.example/certs`";
                mistakes.add(place.field("uri"), format!("{} {problem}", Quoted(uri)), help);
            };
            endpoint.map_err(note).ok().map(KeySource::Uri)
        }
        Said::Discovery(cluster) => {
            let place = place.field("discovery");
            let cluster = cluster_of(&place.field("cluster"), cluster, mistakes);
            // "any terminating / MUST be removed" (4.1)
            let uri = [issuer.strip_suffix('/').unwrap_or(issuer), DISCOVERY_PATH].concat();
            let usable = if issuer.contains('?') { Err("has a query") } else { endpoint(&uri, "", &cluster) };
            let note = |problem| {
                let message = format!("the issuer {} {problem}", Quoted(issuer));
                mistakes.add(
                    place,
                    message,
                    "its discovery document has no address: write `uri` and `cluster`",
                );
            };
            usable.map_err(note).ok().map(KeySource::Discovery)
        }
        Said::Inline(keys) => {
            for (field, _) in document.times().into_iter().filter(|(_, span)| span.is_some()) {
                mistakes.add(place.field(field), "inline keys are never fetched", "remove it here");
            }
            let note = |error: crate::authn::jwks::JwksError| {
                let help = "write a JWKS document (RFC 7517 5) with a public key for one of the algorithms";
                mistakes.add(place.field("inline"), error.to_string(), help);
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

fn cluster_of(place: &Place<'_>, cluster: &str, mistakes: &mut Mistakes) -> Box<str> {
    if !is_printable(cluster) {
        mistakes.add(
            place,
            "no cluster reaches the keys",
            "name the Envoy cluster through which they are fetched",
        );
    }
    cluster.into()
}

fn times(place: &Place<'_>, document: &JwksDocument, mistakes: &mut Mistakes) -> KeyTimes {
    let or = |span: Option<Seconds>, default| span.map_or(Duration::from_secs(default), Duration::from);
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
        seconds_within(place.field(field), span, &(1..=longest), mistakes);
    }
    if times.max_stale < times.refresh {
        let (stale, refresh) = (times.max_stale.as_secs(), times.refresh.as_secs());
        let message = format!("keys would be stale after {stale} s, before the next fetch at {refresh} s");
        mistakes.add(place.field("max_stale"), message, "make it at least as long as `refresh`");
    }
    within(place.field("max_bytes"), times.max_bytes, &(1..=MAX_BYTES), mistakes);
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
mod tests;
