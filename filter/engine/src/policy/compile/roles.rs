//! How a provider's claims become roles.

use super::super::document::{ProviderDocument, RoleSourceDocument};
use super::super::error::{Errors, Place};
use super::super::text::{Quoted, is_printable};
use crate::authz::roles::{MAX_ROLE_BYTES, RoleRules, RoleSource};
use crate::policy::compile::providers::claim_path;

pub(super) fn compile(
    place: &Place<'_>,
    document: &ProviderDocument,
    errors: &mut Errors,
) -> RoleRules {
    let sources = document.roles.as_deref().unwrap_or_default();
    let place_of_sources = place.field("roles");
    for (index, source) in sources.iter().enumerate() {
        let place = place_of_sources.item(index);
        if let Some(prefix) = &source.prefix {
            prefix_is_printable(&place.field("prefix"), prefix, errors);
        }
        only(
            &place.field("only"),
            source,
            document.role_prefix.as_deref().unwrap_or_default(),
            errors,
        );
        if source.fallback && source.only.is_none() {
            let message = "a fallback without `only`: whatever its claim says could become a role, `admin` too";
            let help = "list the roles that it can yield, as the role table names them: `only: [customer]`";
            errors.add(place, message, help);
        }
        // what a client asked for would become what a user is
        if is_scope(source) && !is_set_apart(source) && sources.iter().any(|other| !is_scope(other))
        {
            let message = "scopes beside other roles: a client could ask for a user's role";
            let help = "write `fallback: true` and `only: […]` to read them only where no other source has a role, or a `prefix`";
            errors.add(place, message, help);
        }
    }
    let sources = sources.iter().enumerate().map(|(index, source)| RoleSource {
        path: claim_path(&place_of_sources.item(index).field("path"), &source.path, errors),
        split: source.split.is_some(),
        fallback: source.fallback,
        prefix: source.prefix.as_deref().unwrap_or_default().into(),
        only: source.only.as_ref().map(|only| {
            let mut only: Vec<Box<str>> = only.iter().map(|role| role.as_str().into()).collect();
            only.sort_unstable();
            only.dedup();
            only.into()
        }),
    });
    let sources = sources.collect();

    let place_of_names = place.field("role_names");
    let names = document.role_names.iter().flat_map(|names| names.iter()).map(|(from, to)| {
        for name in [from, to] {
            role_is_usable(&place_of_names.field(from), name, errors);
        }
        (from.as_str().into(), to.as_str().into())
    });
    let names = names.collect();

    let prefix = document.role_prefix.as_deref().unwrap_or_default();
    prefix_is_printable(&place.field("role_prefix"), prefix, errors);
    RoleRules { sources, names, prefix: prefix.into() }
}

/// Notes in the list of roles that a source can yield those that it never could.
fn only(place: &Place<'_>, source: &RoleSourceDocument, prefix: &str, errors: &mut Errors) {
    let Some(only) = &source.only else { return };
    if only.is_empty() {
        errors.add(
            place,
            "the source can yield no role",
            "name the roles that it can yield, or remove the source",
        );
    }
    for (index, role) in only.iter().enumerate() {
        role_is_usable(&place.item(index), role, errors);
        if !role.starts_with(prefix) {
            let message = format!(
                "{} does not begin with `role_prefix`, which is {}",
                Quoted(role),
                Quoted(prefix)
            );
            let help = format!(
                "write it as the role table names it, as {}",
                Quoted(&[prefix, role].concat())
            );
            errors.add(place.item(index), message, help);
        }
    }
}

/// Notes a role that nobody could have: it would be dropped from every token.
pub(super) fn role_is_usable(place: &Place<'_>, role: &str, errors: &mut Errors) {
    if !is_printable(role) || role.len() > MAX_ROLE_BYTES {
        let message = format!("{} is no role", Quoted(role));
        let help = format!("write 1 to {MAX_ROLE_BYTES} bytes without control characters");
        errors.add(place, message, help);
    }
}

fn prefix_is_printable(place: &Place<'_>, prefix: &str, errors: &mut Errors) {
    if !prefix.is_empty() {
        role_is_usable(place, prefix, errors);
    }
}

/// RFC 6749 3.3, RFC 8693 4.2; `scp` at some products.
fn is_scope(source: &RoleSourceDocument) -> bool {
    source.path.last().is_some_and(|name| matches!(name.as_str(), "scope" | "scp"))
}

fn is_set_apart(source: &RoleSourceDocument) -> bool {
    source.fallback || source.prefix.as_ref().is_some_and(|prefix| !prefix.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::testing::{assert_seen, load, loaded, provider, report, shop};

    #[test]
    fn scopes_beside_other_roles_are_a_fallback_or_have_a_prefix() {
        assert_seen!(report(&[
            ("scope beside roles", |it| provider(it)["roles"] =
                json!([{ "path": ["roles"] }, { "path": ["scope"] }])),
            ("scp beside roles", |it| {
                provider(it)["roles"] =
                    json!([{ "path": ["scp"], "prefix": "" }, { "path": ["groups"] }]);
            }),
            ("the provider's prefix sets nothing apart", |it| {
                provider(it)["role_prefix"] = json!("partner:");
                provider(it)["roles"] = json!([{ "path": ["roles"] }, { "path": ["a", "scope"] }]);
            }),
        ]));
        for roles in [
            json!([{ "path": ["scope"] }]),
            json!([{ "path": ["scope"] }, { "path": ["scp"] }]),
            json!([{ "path": ["roles"] }, { "path": ["scope"], "fallback": true, "split": "whitespace", "only": ["customer"] }]),
            json!([{ "path": ["roles"] }, { "path": ["scope"], "prefix": "scope:" }]),
            json!([]),
        ] {
            let mut document: Value = shop();
            provider(&mut document)["roles"] = roles.clone();
            assert!(load(&document).is_ok(), "{roles}");
        }
    }

    #[test]
    fn a_fallback_says_which_roles_it_can_yield() {
        assert_seen!(report(&[
            ("without", |it| provider(it)["roles"] =
                json!([{ "path": ["roles"] }, { "path": ["scope"], "fallback": true }])),
            ("none", |it| provider(it)["roles"] = json!([{ "path": ["roles"], "only": [] }])),
            ("no role", |it| provider(it)["roles"] =
                json!([{ "path": ["roles"], "only": ["a\n"] }])),
            ("without the provider's prefix", |it| {
                provider(it)["role_prefix"] = json!("partner:");
                provider(it)["roles"] =
                    json!([{ "path": ["roles"], "only": ["partner:customer", "admin"] }]);
            }),
            ("a bypass role that nobody can have", |it| {
                it["services"]["shop"]["ownership_bypass_roles"] = json!(["admin", ""]);
            }),
        ]));
        let policy = loaded(|it| {
            provider(it)["roles"] = json!([{ "path": ["r"], "only": ["b", "a", "b"] }]);
        });
        let source = &policy.providers()[0].roles.sources[0];
        assert_eq!(source.only.as_deref(), Some(&["a".into(), "b".into()][..]));
    }

    #[test]
    fn names_of_roles_are_printable_and_not_too_long() {
        assert_seen!(report(&[
            ("a prefix", |it| provider(it)["role_prefix"] = json!("a\n")),
            ("a source's prefix", |it| provider(it)["roles"] =
                json!([{ "path": ["r"], "prefix": "\u{7}" }])),
            ("an empty name", |it| provider(it)["role_names"] = json!({ "ROLE_ADMIN": "" })),
            ("a name with a tab", |it| provider(it)["role_names"] =
                json!({ "ROLE\tADMIN": "admin" })),
            ("a long one", |it| provider(it)["role_names"] = json!({ "a": "x".repeat(257) })),
        ]));
    }
}
