//! What the services are told about the caller, and what is therefore stripped from requests.

use std::time::Duration;

use crate::header_strip::{
    CREDENTIALS, HeaderLists, SHADOW_HEADER, has_double_meaning, passes_by_default, same_name,
};
use crate::model::{Assertion, Identity, MAX_ASSERTION_TTL};
use crate::policy::compile::document_of;
use crate::policy::document::{Document, IdentityDocument};
use crate::policy::error::{Errors, Place};
use crate::policy::merge::Origins;
use crate::policy::text::{Quoted, is_plain, is_token};
use crate::request::TokenSource;

/// The identity, and the names that it takes.
pub(super) struct Headers {
    pub(super) identity: Identity,
    /// What is stripped from every request, by the names that a service could read it under.
    pub(super) reserved: Vec<String>,
    /// In lower case, each once.
    pub(super) stripped: Vec<Box<str>>,
}

pub(super) fn compile(document: &Document, origins: &Origins, errors: &mut Errors) -> Headers {
    let root = document_of(origins, "identity");
    let place = root.field("identity");
    let IdentityDocument { headers, assertion, forward_token } = &document.identity;
    let mut names = Names { reserved: Vec::new(), stripped: Vec::new(), errors };

    let headers_place = place.field("headers");
    let subject_header =
        names.take(&headers_place.field("subject"), headers.subject.as_deref(), "x-auth-subject");
    let roles_header =
        names.take(&headers_place.field("roles"), headers.roles.as_deref(), "x-auth-roles");
    let issuer_header =
        names.take(&headers_place.field("issuer"), headers.issuer.as_deref(), "x-auth-issuer");
    let assertion_place = place.field("assertion");
    let header = names.take(
        &assertion_place.field("header"),
        assertion.header.as_deref(),
        "x-auth-principal",
    );
    let Names { mut reserved, mut stripped, .. } = names;

    let ttl = assertion.ttl.map_or(MAX_ASSERTION_TTL, Duration::from);
    if ttl.is_zero() || ttl > MAX_ASSERTION_TTL {
        let message = format!("an assertion cannot live for {} s", ttl.as_secs());
        errors.add(
            assertion_place.field("ttl"),
            message,
            "write `1s` to `60s`: it is made for one request",
        );
    }
    let issuer = assertion.issuer.as_deref().unwrap_or("portcullis");
    plain(&assertion_place.field("issuer"), issuer, errors);
    if let Some(audience) = &assertion.audience {
        let place = assertion_place.field("audience");
        plain(&place, audience, errors);
        if document.services.len() > 1 {
            let help =
                "remove it: each service's audience is its name, or its own `assertion_audience`";
            errors.add(place, "one audience cannot be that of several services", help);
        }
    }
    let key_env = assertion.key_env.as_deref().unwrap_or("PORTCULLIS_SIGNING_KEY");
    if !is_variable(key_env) {
        let message = format!("{} is no name of an environment variable", Quoted(key_env));
        errors.add(
            assertion_place.field("key_env"),
            message,
            "write it of letters, digits and `_`",
        );
    }

    let root = document_of(origins, "headers");
    let place = root.field("headers");
    let place = place.field("strip");
    for (index, text) in document.headers.strip.iter().enumerate() {
        match strippable_name(text) {
            Ok(name) if stripped.contains(&name) => {}
            Ok(name) => {
                reserved.push(folded(&name));
                stripped.push(name);
            }
            Err(problem) => {
                errors.add(
                    place.item(index),
                    format!("`{text}` {problem}"),
                    "it cannot be stripped: remove it here",
                );
            }
        }
    }
    let omitted = assertion.omit;
    let assertion =
        Assertion { header, issuer: issuer.into(), ttl, key_env: key_env.into(), omitted };
    let identity = Identity {
        subject_header,
        roles_header,
        issuer_header,
        assertion,
        forward_token: *forward_token,
    };
    Headers { identity, reserved, stripped }
}

/// A name that stands in challenges and in JSON.
pub(super) fn plain(place: &Place<'_>, text: &str, errors: &mut Errors) {
    if !is_plain(text) {
        let message = format!("{} cannot stand in a header as it is", Quoted(text));
        errors.add(place, message, "write it of visible ASCII characters, without `\"` and `\\`");
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The names taken so far.
struct Names<'a> {
    reserved: Vec<String>,
    stripped: Vec<Box<str>>,
    errors: &'a mut Errors,
}

impl Names<'_> {
    /// The name of an identity header, unlike every other.
    fn take(&mut self, place: &Place<'_>, text: Option<&str>, default: &str) -> Box<str> {
        let text = text.unwrap_or(default);
        let name = match free_name(text) {
            Ok(name) => name,
            Err(problem) => {
                let message = format!("{} {problem}", Quoted(text));
                self.errors.add(
                    place,
                    message,
                    format!("name it as nothing else is named, as `{default}`"),
                );
                return default.into();
            }
        };
        let read_as = folded(&name);
        if self.reserved.contains(&read_as) {
            let message = format!("`{name}` is the name of another identity header");
            self.errors.add(
                place,
                message,
                "name each differently; a service may read `_` and `.` as `-`",
            );
        } else {
            self.reserved.push(read_as);
            self.stripped.push(name.clone());
        }
        name
    }
}

/// Belongs to one connection (RFC 9110 7.6.1, RFC 9113 8.2.2): a proxy removes it, or must not send
/// it.
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

/// As a CGI-like service reads a name that is in lower case: `_`, `.` and `-` are one, and so is
/// all but letters and digits.
pub(super) fn folded(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// What the policy says of headers; `taken` are the identity headers and what is stripped.
pub(super) fn compile_header_rules(
    document: &Document,
    taken: &Headers,
    sources: &[TokenSource],
    origins: &Origins,
    errors: &mut Errors,
) -> HeaderLists {
    let root = document_of(origins, "headers");
    let place = root.field("headers");
    let rules = &document.headers;
    HeaderLists {
        stripped: taken.stripped.clone().into(),
        passed: passed(
            &place.field("pass"),
            &rules.pass,
            document,
            taken,
            sources,
            origins,
            errors,
        ),
        passed_unverified: passed_unverified(
            &place.field("pass_unverified"),
            &rules.pass_unverified,
            sources,
            errors,
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
    errors: &mut Errors,
) -> Box<[Box<str>]> {
    let mut names: Vec<Box<str>> = Vec::new();
    for (index, text) in list.iter().enumerate() {
        let place = place.item(index);
        if let Some((what, other)) = taken_as(text, document, taken, origins) {
            let message = format!("{} is {what}, which never passes", Quoted(text));
            let help = "keep one of the two: remove it here, or give the other another name";
            errors.clash(place, other, message, help);
            continue;
        }
        let credential = CREDENTIALS.iter().any(|known| same_name(known, text))
            || sources.iter().any(|source| same_name(source.header(), text));
        if credential {
            let help = "list it in `headers.pass_unverified`";
            errors.add(place, format!("{} carries credentials", Quoted(text)), help);
            continue;
        }
        let name =
            name(text).map_err(|problem| (problem, "remove it")).and_then(|name| match &*name {
                SHADOW_HEADER => Err(("is written by the gateway alone", "remove it")),
                name if has_double_meaning(name) => Err((
                    "names another method or target than the one that is decided on",
                    "remove it",
                )),
                name if passes_by_default(name) => {
                    Err(("passes anyway", "remove it, or correct its spelling"))
                }
                _ => Ok(name),
            });
        match name {
            Ok(name) if names.contains(&name) => {}
            Ok(name) => names.push(name),
            Err((problem, help)) => errors.add(place, format!("{} {problem}", Quoted(text)), help),
        }
    }
    names.into()
}

/// The identity header or stripped header that a service could read this name as, and where the
/// policy says so.
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
    errors: &mut Errors,
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
                let message =
                    format!("{} is not a credential header that the filter removes", Quoted(text));
                let known = known
                    .iter()
                    .map(|name| Quoted(name).to_string())
                    .collect::<Vec<_>>()
                    .join(", ");
                errors.add(place.item(index), message, format!("write one of {known}"));
            }
        }
    }
    names.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::testing::{assert_seen, loaded, provider, report, service};

    fn subject(policy: &mut Value, name: &str) {
        policy["identity"] = json!({ "headers": { "subject": name } });
    }

    fn assertion(policy: &mut Value, field: &str, value: impl Into<Value>) {
        policy["identity"] = json!({ "assertion": { field: value.into() } });
    }

    #[test]
    fn identity_headers_have_names_that_nothing_else_has() {
        assert_seen!(report(&[
            ("no name", |it| subject(it, "")),
            ("no header name", |it| subject(it, "x auth")),
            ("a line break", |it| subject(it, "x-auth\r\nx")),
            ("a pseudo-header", |it| subject(it, ":path")),
            ("host", |it| subject(it, "Host")),
            ("authorization", |it| subject(it, "authorization")),
            ("hop by hop", |it| subject(it, "te")),
            ("Envoy's own", |it| subject(it, "x-envoy-attempt-count")),
            ("stripped everywhere", |it| subject(it, "x-http-method-override")),
            ("the assertion's", |it| assertion(it, "header", "content-length")),
        ]));
    }

    #[test]
    fn identity_headers_are_distinct_for_those_too_who_read_underscores_as_hyphens() {
        assert_seen!(report(&[
            ("one name for two", |it| subject(it, "x-auth-roles")),
            ("in another case", |it| subject(it, "X-Auth-Issuer")),
            ("as some read it", |it| assertion(it, "header", "x_auth_subject")),
            ("as PHP reads it", |it| assertion(it, "header", "x.auth.subject")),
        ]));
    }

    #[test]
    fn an_assertion_lives_a_minute_at_most() {
        assert_seen!(report(&[
            ("no time", |it| assertion(it, "ttl", 0)),
            ("too long", |it| assertion(it, "ttl", "61s")),
        ]));
        assert_eq!(loaded(|it| assertion(it, "ttl", 1)).identity().assertion.ttl.as_secs(), 1);
    }

    #[test]
    fn what_stands_in_challenges_and_in_json_is_visible_ascii() {
        assert_seen!(report(&[
            ("the gateway's name", |it| assertion(it, "issuer", "gate\"way")),
            ("an audience", |it| assertion(it, "audience", "a\\b")),
            ("a service's audience", |it| service(it)["assertion_audience"] = json!("käse")),
            ("a service's name", |it| it["services"] =
                json!({ "a b": { "hosts": ["*"], "routes": [] } })),
            ("no name", |it| it["services"] = json!({ "": { "hosts": ["*"], "routes": [] } })),
        ]));
    }

    #[test]
    fn the_policys_audience_is_that_of_its_one_service() {
        assert_seen!(report(&[("two services", |it| {
            assertion(it, "audience", "shop");
            it["services"]["other"] = json!({ "hosts": ["other.example"], "routes": [] });
        })]));
        let audience =
            |change: fn(&mut Value)| loaded(change).services()[0].assertion_audience().to_owned();
        assert_eq!(audience(|it| assertion(it, "audience", "orders")), "orders");
        assert_eq!(
            audience(|it| {
                assertion(it, "audience", "orders");
                service(it)["assertion_audience"] = json!("nearer");
            }),
            "nearer"
        );
    }

    #[test]
    fn the_signing_key_comes_from_an_environment_variable() {
        assert_seen!(report(&[
            ("no name", |it| assertion(it, "key_env", "")),
            ("no variable", |it| assertion(it, "key_env", "1KEY=x")),
        ]));
        let policy = loaded(|it| assertion(it, "key_env", "_KEY_1"));
        assert_eq!(&*policy.identity().assertion.key_env, "_KEY_1");
    }

    #[test]
    fn what_a_request_is_made_of_is_not_stripped() {
        assert_seen!(report(&[("headers.strip", |it| {
            it["headers"] = json!({
                "strip": [":path", "Host", "authorization", "cookie", "content-length", "te", "a b"],
            });
        }),]));
        let policy = loaded(|it| {
            it["identity"] = json!({ "headers": { "subject": "X-Subject" }, "assertion": { "header": "X-Who" } });
            it["headers"] =
                json!({ "strip": ["X-User", "x-user", "x-subject", "x-forwarded-user"] });
        });
        let stripped: Vec<_> = policy.stripped().iter().map(AsRef::as_ref).collect();
        assert_eq!(
            stripped,
            ["x-subject", "x-auth-roles", "x-auth-issuer", "x-who", "x-user", "x-forwarded-user"]
        );
        assert_eq!(&*policy.identity().subject_header, "x-subject");
    }

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
                it["headers"] = json!({ "strip": ["x-user", "X-Forwarded-User"], "pass": ["x_forwarded_user"] });
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
        let policy =
            loaded(|it| pass(it, &["X-Forwarded-Prefix", "x-forwarded-prefix", "forwarded"]));
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
