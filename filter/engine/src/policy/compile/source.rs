//! Where a provider's tokens are looked for.

use super::super::document::{CookieDocument, HeaderDocument, TokenSourceDocument};
use super::super::error::{Mistakes, Place};
use super::super::provider::TokenSource;
use super::super::text::{HttpUri, Quoted, is_token};
use super::headers::{folded, free_name};

/// Such a cookie comes from this very host, over TLS, for every path (RFC 6265bis 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";

/// The source; `reserved` are the headers that are stripped from every request.
pub(super) fn compile(
    place: &Place<'_>,
    document: Option<&TokenSourceDocument>,
    reserved: &[String],
    mistakes: &mut Mistakes,
) -> Option<TokenSource> {
    match document {
        None | Some(TokenSourceDocument::Bearer) => Some(TokenSource::Bearer),
        Some(TokenSourceDocument::Header(document)) => {
            header(&place.field("header"), document, reserved, mistakes)
        }
        Some(TokenSourceDocument::Cookie(document)) => {
            Some(cookie(&place.field("cookie"), document, mistakes))
        }
    }
}

fn header(
    place: &Place<'_>,
    document: &HeaderDocument,
    reserved: &[String],
    mistakes: &mut Mistakes,
) -> Option<TokenSource> {
    let HeaderDocument { name: text, prefix } = document;
    let prefix = prefix.as_deref().unwrap_or_default();
    if !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        let message = format!("{} cannot stand in a header as it is", Quoted(prefix));
        mistakes.add(place.field("prefix"), message, "write it of visible ASCII characters and spaces");
    }
    let name = free_name(text).and_then(|name| {
        if reserved.contains(&folded(&name)) { Err("is stripped from every request") } else { Ok(name) }
    });
    match name {
        Ok(name) => Some(TokenSource::Header { name, prefix: prefix.into() }),
        Err(problem) => {
            let help = "name the header that carries the token; for `authorization` write `bearer`";
            mistakes.add(place.field("name"), format!("{} {problem}", Quoted(text)), help);
            None
        }
    }
}

fn cookie(place: &Place<'_>, document: &CookieDocument, mistakes: &mut Mistakes) -> TokenSource {
    let CookieDocument { name, origins } = document;
    let problem = match name.strip_prefix(HOST_PREFIX) {
        None => Some("does not start with `__Host-`"),
        Some(rest) => (!is_token(rest)).then_some("is no name of a cookie"),
    };
    if let Some(problem) = problem {
        let help = format!(
            "name it as `{HOST_PREFIX}token`: with this prefix, browsers let nobody but the host set it"
        );
        mistakes.add(place.field("name"), format!("{} {problem}", Quoted(name)), help);
    }
    let place = place.field("origins");
    for (index, origin) in origins.iter().enumerate() {
        if !HttpUri::is_origin(origin) {
            let message = format!("{} is no origin", Quoted(origin));
            let help = "write it as browsers send it, as `https://shop.example`: lower case, no default port, no path";
            mistakes.add(place.item(index), message, help);
        }
    }
    TokenSource::Cookie {
        name: name.as_str().into(),
        origins: origins.iter().map(|o| o.as_str().into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::TokenSource;
    use crate::policy::testing::{assert_seen, loaded, provider, report};

    fn header(policy: &mut Value, name: &str) {
        provider(policy)["token_source"] = json!({ "header": { "name": name } });
    }

    fn cookie(policy: &mut Value, name: &str, origins: &[&str]) {
        provider(policy)["token_source"] = json!({ "cookie": { "name": name, "origins": origins } });
    }

    #[test]
    fn a_token_comes_in_a_header_that_nothing_else_has_a_use_for() {
        assert_seen!(report(&[
            ("no name", |it| header(it, "")),
            ("no header name", |it| header(it, "x token")),
            ("a pseudo-header", |it| header(it, ":path")),
            ("authorization", |it| header(it, "Authorization")),
            ("cookie", |it| header(it, "cookie")),
            ("hop by hop", |it| header(it, "connection")),
            ("Envoy's own", |it| header(it, "x-forwarded-for")),
            ("stripped everywhere", |it| header(it, "x-original-url")),
            ("the marking of shadowed requests", |it| header(it, "x-portcullis-shadow")),
            ("an identity header", |it| header(it, "x-auth-principal")),
            ("an identity header as some read it", |it| header(it, "x_auth_subject")),
            ("an identity header as PHP reads it", |it| header(it, "x.auth.subject")),
            ("an identity header by another name", |it| {
                it["identity"] = json!({ "headers": { "roles": "x-roles" } });
                header(it, "X-Roles");
            }),
            ("one that is stripped", |it| {
                it["headers"] = json!({ "strip": ["X-Token"] });
                header(it, "x-token");
            }),
            ("a prefix with a line break", |it| {
                provider(it)["token_source"] =
                    json!({ "header": { "name": "x-token", "prefix": "Token\n" } });
            }),
        ]));
        let policy = loaded(|it| {
            provider(it)["token_source"] = json!({ "header": { "name": "X-Token", "prefix": "Token " } });
        });
        assert_eq!(
            policy.sources(),
            [TokenSource::Header { name: "x-token".into(), prefix: "Token ".into() }]
        );
        assert_eq!(
            loaded(|it| provider(it)["token_source"] = json!("bearer")).sources(),
            [TokenSource::Bearer]
        );
    }

    #[test]
    fn a_cookie_is_the_hosts_own_and_its_origins_are_serialised() {
        assert_seen!(report(&[
            ("no prefix", |it| cookie(it, "token", &[])),
            ("another prefix", |it| cookie(it, "__Secure-token", &[])),
            ("the prefix in another case", |it| cookie(it, "__host-token", &[])),
            ("nothing but the prefix", |it| cookie(it, "__Host-", &[])),
            ("a name that no cookie has", |it| cookie(it, "__Host-a;b", &[])),
            ("origins", |it| cookie(
                it,
                "__Host-token",
                &["https://shop.example/", "*", "null", "https://a.example:443"]
            )),
        ]));
        let policy = loaded(|it| cookie(it, "__Host-token", &["https://shop.example"]));
        let origins = ["https://shop.example".into()].into();
        assert_eq!(policy.sources(), [TokenSource::Cookie { name: "__Host-token".into(), origins }]);
    }
}
