//! What the services are told about the caller, and what is therefore stripped from requests.

use std::time::Duration;

use super::super::document::{Document, IdentityDocument};
use super::super::error::{Mistakes, Place};
use super::super::identity::{Assertion, Identity, MAX_ASSERTION_TTL};
use super::super::origins::Origins;
use super::super::text::{Quoted, is_plain};
use super::document_of;
use super::headers::{folded, free_name, strippable_name};

/// The identity, and the names that it takes.
pub(super) struct Headers {
    pub(super) identity: Identity,
    /// What is stripped from every request, by the names that a service could read it under.
    pub(super) reserved: Vec<String>,
    /// In lower case, each once.
    pub(super) stripped: Vec<Box<str>>,
}

pub(super) fn compile(document: &Document, origins: &Origins, mistakes: &mut Mistakes) -> Headers {
    let root = document_of(origins, "identity");
    let place = root.field("identity");
    let IdentityDocument { headers, assertion, forward_token } = &document.identity;
    let mut names = Names { reserved: Vec::new(), stripped: Vec::new(), mistakes };

    let headers_place = place.field("headers");
    let subject_header =
        names.take(&headers_place.field("subject"), headers.subject.as_deref(), "x-auth-subject");
    let roles_header = names.take(&headers_place.field("roles"), headers.roles.as_deref(), "x-auth-roles");
    let issuer_header =
        names.take(&headers_place.field("issuer"), headers.issuer.as_deref(), "x-auth-issuer");
    let assertion_place = place.field("assertion");
    let header =
        names.take(&assertion_place.field("header"), assertion.header.as_deref(), "x-auth-principal");
    let Names { mut reserved, mut stripped, .. } = names;

    let ttl = assertion.ttl.map_or(MAX_ASSERTION_TTL, Duration::from);
    if ttl.is_zero() || ttl > MAX_ASSERTION_TTL {
        let message = format!("an assertion cannot live for {} s", ttl.as_secs());
        mistakes.add(
            assertion_place.field("ttl"),
            message,
            "write `1s` to `60s`: it is made for one request",
        );
    }
    let issuer = assertion.issuer.as_deref().unwrap_or("portcullis");
    plain(&assertion_place.field("issuer"), issuer, mistakes);
    if let Some(audience) = &assertion.audience {
        let place = assertion_place.field("audience");
        plain(&place, audience, mistakes);
        if document.services.len() > 1 {
            let help = "remove it: each service's audience is its name, or its own `assertion_audience`";
            mistakes.add(place, "one audience cannot be that of several services", help);
        }
    }
    let key_env = assertion.key_env.as_deref().unwrap_or("PORTCULLIS_SIGNING_KEY");
    if !is_variable(key_env) {
        let message = format!("{} is no name of an environment variable", Quoted(key_env));
        mistakes.add(assertion_place.field("key_env"), message, "write it of letters, digits and `_`");
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
                mistakes.add(
                    place.item(index),
                    format!("`{text}` {problem}"),
                    "it cannot be stripped: remove it here",
                );
            }
        }
    }
    let omitted = assertion.omit;
    let assertion = Assertion { header, issuer: issuer.into(), ttl, key_env: key_env.into(), omitted };
    let identity =
        Identity { subject_header, roles_header, issuer_header, assertion, forward_token: *forward_token };
    Headers { identity, reserved, stripped }
}

/// A name that stands in challenges and in JSON.
pub(super) fn plain(place: &Place<'_>, text: &str, mistakes: &mut Mistakes) {
    if !is_plain(text) {
        let message = format!("{} cannot stand in a header as it is", Quoted(text));
        mistakes.add(place, message, "write it of visible ASCII characters, without `\"` and `\\`");
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
    mistakes: &'a mut Mistakes,
}

impl Names<'_> {
    /// The name of an identity header, unlike every other.
    fn take(&mut self, place: &Place<'_>, text: Option<&str>, default: &str) -> Box<str> {
        let text = text.unwrap_or(default);
        let name = match free_name(text) {
            Ok(name) => name,
            Err(problem) => {
                let message = format!("{} {problem}", Quoted(text));
                self.mistakes.add(
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
            self.mistakes.add(place, message, "name each differently; a service may read `_` and `.` as `-`");
        } else {
            self.reserved.push(read_as);
            self.stripped.push(name.clone());
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::testing::{assert_seen, loaded, report, service};

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
            ("a service's name", |it| it["services"] = json!({ "a b": { "hosts": ["*"], "routes": [] } })),
            ("no name", |it| it["services"] = json!({ "": { "hosts": ["*"], "routes": [] } })),
        ]));
    }

    #[test]
    fn the_policys_audience_is_that_of_its_one_service() {
        assert_seen!(report(&[("two services", |it| {
            assertion(it, "audience", "shop");
            it["services"]["other"] = json!({ "hosts": ["other.example"], "routes": [] });
        })]));
        let audience = |change: fn(&mut Value)| loaded(change).services()[0].assertion_audience().to_owned();
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
            it["identity"] =
                json!({ "headers": { "subject": "X-Subject" }, "assertion": { "header": "X-Who" } });
            it["headers"] = json!({ "strip": ["X-User", "x-user", "x-subject", "x-forwarded-user"] });
        });
        let stripped: Vec<_> = policy.stripped().iter().map(AsRef::as_ref).collect();
        assert_eq!(
            stripped,
            ["x-subject", "x-auth-roles", "x-auth-issuer", "x-who", "x-user", "x-forwarded-user"]
        );
        assert_eq!(&*policy.identity().subject_header, "x-subject");
    }
}
