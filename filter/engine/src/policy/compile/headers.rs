//! Names of headers: which ones a policy may write, read a token from, or strip.

use crate::strip::{DOUBLE_MEANING, SHADOW_HEADER};

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
    if !super::super::text::is_token(&name) {
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
    if folded == SHADOW_HEADER || DOUBLE_MEANING.contains(&folded.as_str()) {
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

/// As a CGI-like service reads it: `_` and `-` are one.
pub(super) fn folded(name: &str) -> String {
    name.replace('_', "-")
}
