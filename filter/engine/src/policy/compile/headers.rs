//! Names of headers: which ones a policy may write, read a token from, strip, or let pass.

use super::super::document::Document;
use super::super::error::{Mistakes, Place};
use super::super::origins::Origins;
use super::super::provider::TokenSource;
use super::super::text::{Quoted, is_token};
use super::document_of;
use super::identity::Headers;
use crate::strip::{
    CREDENTIALS, HeaderLists, SHADOW_HEADER, has_double_meaning, passes_by_default, same_name,
};

/// Belongs to one connection (RFC 9110 7.6.1, RFC 9113 8.2.2): a proxy removes it, or must not send it.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Has a meaning of its own in a request.
const TAKEN: &[&str] = &[
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "grpc-status",
    "host",
    "origin",
    "via",
    "x-request-id",
];

/// Is obeyed or written by Envoy itself.
const ENVOYS: &[&str] = &["x-envoy-", "x-forwarded-"];

/// A header's name in lower case, or what is wrong with it.
pub(super) fn name(text: &str) -> Result<Box<str>, &'static str> {
    let name = text.to_ascii_lowercase();
    if name.starts_with(':') {
        return Err("is a pseudo-header");
    }
    if !is_token(&name) {
        return Err("is no header name");
    }
    if HOP_BY_HOP.contains(&folded(&name).as_str()) {
        return Err("belongs to one connection");
    }
    Ok(name.into())
}

/// A header that carries something of ours or a token: a name that nothing else has a use for.
pub(super) fn free_name(text: &str) -> Result<Box<str>, &'static str> {
    let name = name(text)?;
    let folded = folded(&name);
    if TAKEN.contains(&folded.as_str()) || ENVOYS.iter().any(|prefix| folded.starts_with(prefix)) {
        return Err("has a meaning of its own");
    }
    if folded == SHADOW_HEADER || has_double_meaning(&folded) {
        return Err("is always stripped");
    }
    Ok(name)
}

/// A header that may be stripped from every request.
pub(super) fn strippable_name(text: &str) -> Result<Box<str>, &'static str> {
    let name = name(text)?;
    match name.as_ref() {
        "host" | "content-length" => Err("is a part of every request"),
        "authorization" | "cookie" => Err("carries tokens"),
        _ => Ok(name),
    }
}

/// As a CGI-like service reads a name that is in lower case: `_`, `.` and `-` are one, and so is all but letters and digits.
pub(super) fn folded(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// What the policy says of headers; `taken` are the identity headers and what is stripped.
pub(super) fn compile(
    document: &Document,
    taken: &Headers,
    sources: &[TokenSource],
    origins: &Origins,
    mistakes: &mut Mistakes,
) -> HeaderLists {
    let root = document_of(origins, "headers");
    let place = root.field("headers");
    let rules = &document.headers;
    HeaderLists {
        stripped: taken.stripped.clone().into(),
        passed: passed(&place.field("pass"), &rules.pass, document, taken, sources, origins, mistakes),
        passed_unverified: passed_unverified(
            &place.field("pass_unverified"),
            &rules.pass_unverified,
            sources,
            mistakes,
        ),
    }
}

/// `headers.pass`: names of headers that every policy removes unless they are listed here.
fn passed(
    place: &Place<'_>,
    list: &[String],
    document: &Document,
    taken: &Headers,
    sources: &[TokenSource],
    origins: &Origins,
    mistakes: &mut Mistakes,
) -> Box<[Box<str>]> {
    let mut names: Vec<Box<str>> = Vec::new();
    for (index, text) in list.iter().enumerate() {
        let place = place.item(index);
        if let Some((what, other)) = taken_as(text, document, taken, origins) {
            let message = format!("{} is {what}, which never passes", Quoted(text));
            let help = "keep one of the two: remove it here, or give the other another name";
            mistakes.clash(place, other, message, help);
            continue;
        }
        let credential = CREDENTIALS.iter().any(|known| same_name(known, text))
            || sources.iter().any(|source| same_name(source.header(), text));
        if credential {
            let help = "list it in `headers.pass_unverified`";
            mistakes.add(place, format!("{} carries credentials", Quoted(text)), help);
            continue;
        }
        let name = name(text).map_err(|problem| (problem, "remove it")).and_then(|name| match &*name {
            SHADOW_HEADER => Err(("is written by the gateway alone", "remove it")),
            name if has_double_meaning(name) => {
                Err(("names another method or target than the one that is decided on", "remove it"))
            }
            name if passes_by_default(name) => Err(("passes anyway", "remove it, or correct its spelling")),
            _ => Ok(name),
        });
        match name {
            Ok(name) if names.contains(&name) => {}
            Ok(name) => names.push(name),
            Err((problem, help)) => mistakes.add(place, format!("{} {problem}", Quoted(text)), help),
        }
    }
    names.into()
}

/// The identity header or stripped header that a service could read this name as, and where the policy says so.
fn taken_as(
    name: &str,
    document: &Document,
    taken: &Headers,
    origins: &Origins,
) -> Option<(&'static str, String)> {
    let identity = &taken.identity;
    let headers = [
        (&identity.subject_header, "headers", "subject"),
        (&identity.roles_header, "headers", "roles"),
        (&identity.issuer_header, "headers", "issuer"),
        (&identity.assertion.header, "assertion", "header"),
    ];
    if let Some((_, part, field)) = headers.iter().find(|(header, ..)| same_name(header, name)) {
        let root = document_of(origins, "identity");
        let place = root.field("identity");
        return Some(("an identity header", place.field(part).field(field).to_string()));
    }
    let index = document.headers.strip.iter().position(|header| same_name(header, name))?;
    let root = document_of(origins, "headers");
    let place = root.field("headers");
    Some(("a stripped header", place.field("strip").item(index).to_string()))
}

/// `headers.pass_unverified`: headers and cookies that carry credentials.
fn passed_unverified(
    place: &Place<'_>,
    list: &[String],
    sources: &[TokenSource],
    mistakes: &mut Mistakes,
) -> Box<[Box<str>]> {
    let mut known: Vec<&str> = CREDENTIALS.to_vec();
    known.extend(sources.iter().filter_map(|source| match source {
        TokenSource::Bearer => None,
        TokenSource::Header { name, .. } | TokenSource::Cookie { name, .. } => Some(&**name),
    }));
    let mut names: Vec<Box<str>> = Vec::new();
    for (index, text) in list.iter().enumerate() {
        let lower = text.to_ascii_lowercase();
        match known.iter().find(|known| *known == text || **known == lower) {
            Some(name) if names.iter().any(|listed| **listed == **name) => {}
            Some(name) => names.push((*name).into()),
            None => {
                let message = format!("{} is not a credential header that the filter removes", Quoted(text));
                let known = known.iter().map(|name| Quoted(name).to_string()).collect::<Vec<_>>().join(", ");
                mistakes.add(place.item(index), message, format!("write one of {known}"));
            }
        }
    }
    names.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::testing::{assert_seen, loaded, provider, report};

    fn pass(policy: &mut Value, names: &[&str]) {
        policy["headers"] = json!({ "pass": names });
    }

    fn unverified(policy: &mut Value, names: &[&str]) {
        policy["headers"] = json!({ "pass_unverified": names });
    }

    #[test]
    fn what_the_gateway_writes_or_strips_never_passes() {
        assert_seen!(report(&[
            ("an identity header", |it| pass(it, &["x-auth-subject"])),
            ("as PHP reads it", |it| pass(it, &["X.Auth.Roles"])),
            ("the assertion's", |it| pass(it, &["x-auth-principal"])),
            ("one of the policy's own", |it| {
                pass(it, &["X-Remote-User"]);
                it["identity"] = json!({ "headers": { "subject": "x-remote-user" } });
            }),
            ("the marking of shadowed requests", |it| pass(it, &["x-portcullis-shadow"])),
            ("one that is stripped", |it| {
                it["headers"] =
                    json!({ "strip": ["x-user", "X-Forwarded-User"], "pass": ["x_forwarded_user"] });
            }),
        ]));
    }

    #[test]
    fn what_names_another_request_than_the_one_decided_on_never_passes() {
        assert_seen!(report(&[("another path or method", |it| {
            pass(
                it,
                &[
                    "X-HTTP-Method-Override",
                    "x-original-url",
                    "x_rewrite_url",
                    "x-http-method-x",
                    "script_name",
                ],
            );
        })]));
    }

    #[test]
    fn only_what_would_be_removed_is_let_pass() {
        assert_seen!(report(&[
            ("what passes anyway", |it| pass(
                it,
                &["accept", "x-forwarded-for", "x-request-id", "x-fowarded-host"]
            )),
            ("no header", |it| pass(it, &["", "x forwarded", ":path", "te"])),
            ("a credential", |it| {
                provider(it)["token_source"] = json!({ "header": { "name": "x-token" } });
                pass(it, &["authorization", "proxy-authorization", "x_token"]);
            }),
            ("a cookie", |it| {
                provider(it)["token_source"] = json!({ "cookie": { "name": "__Host-token" } });
                pass(it, &["cookie"]);
            }),
        ]));
        let policy = loaded(|it| pass(it, &["X-Forwarded-Prefix", "x-forwarded-prefix", "forwarded"]));
        assert_eq!(policy.passed(), ["x-forwarded-prefix".into(), "forwarded".into()]);
        for (name, passes) in [
            ("x-forwarded-prefix", true),
            ("x_forwarded_prefix", false),
            ("forwarded", true),
            ("x-real-ip", false),
        ] {
            assert_eq!(!policy.strips(name), passes, "{name}");
        }
    }

    #[test]
    fn only_a_credential_is_let_pass_unverified() {
        assert_seen!(report(&[("others", |it| {
            provider(it)["token_source"] = json!({ "cookie": { "name": "__Host-token" } });
            unverified(it, &["x-api-key", "cookie", "__host-token", "bearer", ""]);
        })]));
        let policy = loaded(|it| {
            provider(it)["token_source"] = json!({ "cookie": { "name": "__Host-token" } });
            unverified(it, &["Authorization", "authorization", "__Host-token"]);
        });
        assert_eq!(policy.passed_unverified(), ["authorization".into(), "__Host-token".into()]);
        assert!(!policy.strips("authorization") && policy.strips("proxy-authorization"));
    }
}
