//! Where a provider's tokens are looked for.

use super::super::document::{CookieDocument, HeaderDocument, TokenSourceDocument};
use super::super::error::{Mistakes, Place};
use super::super::provider::TokenSource;
use super::super::text::{HttpUri, is_token};
use super::headers::{folded, free_name};

/// Such a cookie comes from this very host, over TLS, for every path (RFC 6265bis 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";

/// The source; `written` are the headers that Portcullis writes or strips.
pub(super) fn compile(
    place: &Place<'_>,
    document: Option<&TokenSourceDocument>,
    written: &[String],
    mistakes: &mut Mistakes,
) -> Option<TokenSource> {
    match document {
        None | Some(TokenSourceDocument::Bearer) => Some(TokenSource::Bearer),
        Some(TokenSourceDocument::Header(document)) => {
            header(&place.field("header"), document, written, mistakes)
        }
        Some(TokenSourceDocument::Cookie(document)) => {
            Some(cookie(&place.field("cookie"), document, mistakes))
        }
    }
}

fn header(
    place: &Place<'_>,
    document: &HeaderDocument,
    written: &[String],
    mistakes: &mut Mistakes,
) -> Option<TokenSource> {
    let HeaderDocument { name: text, prefix } = document;
    let prefix = prefix.as_deref().unwrap_or_default();
    if !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        let message = format!("`{}` cannot stand in a header as it is", prefix.escape_debug());
        mistakes.add(place.field("prefix"), message, "write it of visible ASCII characters and spaces");
    }
    let name = free_name(text).and_then(|name| {
        if written.contains(&folded(&name)) { Err("is stripped from every request") } else { Ok(name) }
    });
    match name {
        Ok(name) => Some(TokenSource::Header { name, prefix: prefix.into() }),
        Err(problem) => {
            let help = "name the header that carries the token; for `authorization` write `bearer`";
            mistakes.add(place.field("name"), format!("`{}` {problem}", text.escape_debug()), help);
            None
        }
    }
}

fn cookie(place: &Place<'_>, document: &CookieDocument, mistakes: &mut Mistakes) -> TokenSource {
    let CookieDocument { name, origins } = document;
    if !name.strip_prefix(HOST_PREFIX).is_some_and(is_token) {
        let message = format!("`{}` does not start with `{HOST_PREFIX}`", name.escape_debug());
        let help =
            format!("name it `{HOST_PREFIX}…`: browsers then keep neighbours and subdomains from setting it");
        mistakes.add(place.field("name"), message, help);
    }
    let place = place.field("origins");
    for (index, origin) in origins.iter().enumerate() {
        if !HttpUri::is_origin(origin) {
            let message = format!("`{}` is no origin", origin.escape_debug());
            let help = "write it as browsers send it, as `https://shop.example`: lower case, no default port, no path";
            mistakes.add(place.item(index), message, help);
        }
    }
    TokenSource::Cookie {
        name: name.as_str().into(),
        origins: origins.iter().map(|o| o.as_str().into()).collect(),
    }
}
