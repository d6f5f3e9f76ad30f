//! What the services are told about the caller, and what is therefore stripped from requests.

use std::time::Duration;

use super::super::document::{Document, IdentityDocument};
use super::super::error::{Mistakes, Place};
use super::super::identity::{Assertion, Identity, MAX_ASSERTION_TTL};
use super::super::origins::Origins;
use super::super::text::is_plain;
use super::document_of;
use super::headers::{folded, free_name, strippable_name};

/// The identity, and the names that it takes.
pub(super) struct Headers {
    pub(super) identity: Identity,
    /// What Portcullis writes, by the names that a service could read as such.
    pub(super) written: Vec<String>,
    /// In lower case, each once.
    pub(super) stripped: Vec<Box<str>>,
}

pub(super) fn compile(document: &Document, origins: &Origins, mistakes: &mut Mistakes) -> Headers {
    let root = document_of(origins, "identity");
    let place = root.field("identity");
    let IdentityDocument { headers, assertion, forward_token } = &document.identity;
    let mut names = Names { written: Vec::new(), stripped: Vec::new(), mistakes };

    let headers_place = place.field("headers");
    let subject_header =
        names.take(&headers_place.field("subject"), headers.subject.as_deref(), "x-auth-subject");
    let roles_header = names.take(&headers_place.field("roles"), headers.roles.as_deref(), "x-auth-roles");
    let issuer_header =
        names.take(&headers_place.field("issuer"), headers.issuer.as_deref(), "x-auth-issuer");
    let assertion_place = place.field("assertion");
    let header =
        names.take(&assertion_place.field("header"), assertion.header.as_deref(), "x-auth-principal");
    let Names { written, mut stripped, .. } = names;

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
        let message = format!("`{key_env}` is no name of an environment variable");
        mistakes.add(assertion_place.field("key_env"), message, "write it of letters, digits and `_`");
    }

    let root = document_of(origins, "strip_headers");
    let place = root.field("strip_headers");
    for (index, text) in document.strip_headers.iter().enumerate() {
        match strippable_name(text) {
            Ok(name) if stripped.contains(&name) => {}
            Ok(name) => stripped.push(name),
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
    Headers { identity, written, stripped }
}

/// A name that stands in challenges and in JSON.
pub(super) fn plain(place: &Place<'_>, text: &str, mistakes: &mut Mistakes) {
    if !is_plain(text) {
        let message = format!("`{}` cannot stand in a header as it is", text.escape_debug());
        mistakes.add(place, message, "write it of visible ASCII characters, without `\"` and `\\`");
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The names taken so far.
struct Names<'a> {
    written: Vec<String>,
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
                let message = format!("`{}` {problem}", text.escape_debug());
                self.mistakes.add(
                    place,
                    message,
                    format!("name it as nothing else is named, as `{default}`"),
                );
                return default.into();
            }
        };
        let read_as = folded(&name);
        if self.written.contains(&read_as) {
            let message = format!("`{name}` is the name of another identity header");
            self.mistakes.add(place, message, "name each differently; a service may read `_` as `-`");
        } else {
            self.written.push(read_as);
            self.stripped.push(name.clone());
        }
        name
    }
}
