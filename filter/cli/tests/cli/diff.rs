//! `diff`: what a change grants and takes, as a reviewer reads it.

use insta::assert_snapshot;

use crate::support::{Folder, SHOP, TODAY, with};

fn diff(old: &str, new: &str, more: &[&str]) -> crate::support::Said {
    let folder = Folder::of(&[("old.yaml", old), ("new.yaml", new)]);
    folder.run(&[&["diff", "old.yaml", "new.yaml", "--at", TODAY], more].concat())
}

/// A change of the shop, by a part of its text.
fn changed(part: &str, by: &str) -> String {
    diff(SHOP, &with(SHOP, part, by), &[]).stdout
}

#[test]
fn a_change_is_a_table_of_endpoints_in_every_format() {
    let new = with(SHOP, "roles: [customer, admin]", "roles: [admin, auditor]");
    let new = with(
        &new,
        "all_roles: [finance, senior]",
        "roles: [finance], all_roles: [senior, trained]",
    );
    let new = with(&new, "\"GET /me\"", "\"GET /{*anything}\"");
    let new = with(
        &new,
        "      - { match: \"GET /products\", public: true }\n",
        "      - { match: \"GET /orders/latest\", authenticated: true }\n",
    );
    for format in ["human", "github", "json"] {
        let said = diff(SHOP, &new, &["--format", format]);
        assert_eq!(said.code, 0);
        assert_snapshot!(format!("a_change_in_{format}"), said);
    }
}

#[test]
fn one_role_is_not_written_as_two_roles_are() {
    const TWO: &str = "all_roles: [finance, senior]";
    for role in [
        "finance & senior",
        "finance | senior",
        "finance, senior",
        "finance  senior",
        "finance senior",
        "anyone",
    ] {
        let one = with(SHOP, TWO, &format!("roles: [\"{role}\"]"));
        for format in ["human", "github", "json"] {
            let text = diff(SHOP, &one, &["--format", format]).stdout;
            let quoted =
                if format == "json" { format!("\\\"{role}\\\"") } else { format!("\"{role}\"") };
            let quoted = if format == "github" { quoted.replace('|', "\\|") } else { quoted };
            assert!(text.contains(&quoted), "{role}: {text}");
            // as data, a role is what it is
            assert_eq!(
                text.contains(&format!("\"role\": \"{role}\"")),
                format == "json",
                "{role}: {text}"
            );
        }
    }
    assert_snapshot!(diff(SHOP, &with(SHOP, TWO, "roles: [\"finance & senior\", \"a, b\"]"), &[]));
}

#[test]
fn two_texts_that_mean_the_same_have_no_difference() {
    let written_out = with(
        SHOP,
        "    token_types: [at+jwt]\n    roles:\n      - { path: [realm_access, roles] }\n",
        "    token_types: [AT+JWT]\n    leeway: 30s\n    subject: [sub]\n    roles:\n      - { path: [realm_access, roles] }\n    role_names: { admin: admin }\n",
    );
    let renamed = with(SHOP, "  keycloak:", "  idp:");
    let narrowed = with(SHOP, "    routes:", "    audiences: [orders-api]\n    routes:");
    let reordered = with(SHOP, "      - { match: \"POST /orders\", roles: [customer] }\n", "");
    let reordered =
        format!("{reordered}      - {{ roles: [customer], match: \"POST /orders\" }}\n");
    let parameter = with(SHOP, "{order_id}", "{id}");
    let over = format!("{SHOP}mode: {{ shadow: {{ until: 2026-11-23 }} }}\n");
    for new in [SHOP, &written_out, &renamed, &narrowed, &reordered, &parameter, &over] {
        let said = diff(SHOP, new, &["--fail-on", "any"]);
        assert_eq!((said.code, &*said.stdout), (0, "no difference\n"), "{new}{said}");
    }
    let preset = with(
        SHOP,
        "    algorithms: [RS256]\n    token_types: [at+jwt]\n    roles:\n      - { path: [realm_access, roles] }\n",
        "    preset: keycloak\n",
    );
    let resolved = Folder::of(&[("policy.yaml", &preset)])
        .run(&["render", "policy.yaml", "--resolved"])
        .stdout;
    assert!(!resolved.contains("preset"));
    assert_eq!(diff(&preset, &resolved, &["--fail-on", "any"]).code, 0);
}

#[test]
fn fail_on_tells_grants_from_other_changes() {
    let fewer = with(SHOP, "roles: [customer, admin]", "roles: [admin]");
    let keys = with(SHOP, "/certs", "/keys");
    for (old, new, grant, any) in
        [(SHOP, SHOP, 0, 0), (SHOP, &*fewer, 0, 2), (&*fewer, SHOP, 2, 2), (SHOP, &*keys, 2, 2)]
    {
        assert_eq!(diff(old, new, &["--fail-on", "grant"]).code, grant, "{new}");
        assert_eq!(diff(old, new, &["--fail-on", "any"]).code, any, "{new}");
    }
}

#[test]
fn precedence_decides_what_a_new_row_takes() {
    // the row of all takes nothing that has its own, and a literal takes one path out of a
    // parameter's
    assert_snapshot!(changed(
        "\"GET /me\", authenticated: true",
        "\"GET /{*rest}\", roles: [admin]"
    ));
    let wide =
        with(SHOP, "\"GET /products\", public: true", "\"GET /files/{*rest}\", roles: [admin]");
    let split = format!("{wide}      - {{ match: \"GET /files/{{name}}\", roles: [customer] }}\n");
    assert_snapshot!(diff(&wide, &split, &[]));
}

#[test]
fn renaming_changes_what_a_token_must_say() {
    let old = with(SHOP, "    roles:\n", "    role_names: { ROLE_ADMIN: admin }\n    roles:\n");
    let new = with(SHOP, "    roles:\n", "    role_names: { GROUP_ADMIN: admin }\n    roles:\n");
    assert_snapshot!(diff(&old, &new, &[]));
}

#[test]
fn a_fallback_counts_only_where_nothing_else_does() {
    let new = with(
        SHOP,
        "[realm_access, roles] }\n",
        "[realm_access, roles] }\n      - { path: [scope], split: whitespace, fallback: true, only: [customer] }\n",
    );
    assert_snapshot!(diff(SHOP, &new, &[]));
}

#[test]
fn what_a_source_can_yield_is_compared_exactly() {
    let only = |roles: &str| {
        with(SHOP, "[realm_access, roles] }", &format!("[realm_access, roles], only: [{roles}] }}"))
    };
    // roles that no row names make no difference, nor does the order
    let same = diff(
        &only("customer, admin"),
        &only("admin, x, customer, customer"),
        &["--fail-on", "any"],
    );
    assert_eq!((same.code, &*same.stdout), (0, "no difference\n"), "{same}");
    assert_eq!(
        diff(SHOP, &only("admin, customer, finance, senior"), &["--fail-on", "any"]).code,
        0
    );
    assert_eq!(diff(&only("admin, customer"), &only("customer"), &["--fail-on", "grant"]).code, 0);
    assert_snapshot!(diff(&only("customer"), &only("admin, customer"), &["--fail-on", "grant"]));
}

#[test]
fn what_headers_services_get_is_compared_too() {
    let new = with(SHOP, "    routes:", "    ownership_bypass_roles: [admin]\n    routes:");
    let headers = "{ pass: [forwarded, x-forwarded-prefix], strip: [x-user], pass_unverified: [authorization] }";
    let new = format!("{new}headers: {headers}\n");
    let said = diff(SHOP, &new, &["--fail-on", "grant"]);
    assert_eq!(said.code, 2, "{said}");
    assert_snapshot!(said);
}

#[test]
fn another_provider_is_named_and_so_is_a_prefix() {
    let partner = |prefix: &str| {
        with(
            SHOP,
            "services:\n",
            &format!(
                "  partner: {{ preset: oauth2, issuer: \"https://partner.example\", audiences: [orders-api], jwks: {{ uri: \"https://partner.example/k\", cluster: p }}{prefix} }}\nservices:\n"
            ),
        )
    };
    assert_snapshot!(diff(SHOP, &partner(""), &[]));
    let prefixed = partner(", role_prefix: \"partner:\"");
    assert_snapshot!(diff(&partner(""), &prefixed, &[]));
}

#[test]
fn a_trial_grants_everything_until_it_ends() {
    let new = format!("{SHOP}mode: {{ shadow: {{ until: 2027-01-31 }} }}\n");
    assert_snapshot!(diff(SHOP, &new, &[]));
    // a later end grants the time between
    let row = with(
        SHOP,
        "authenticated: true }",
        "authenticated: true, mode: { shadow: { until: 2027-01-31 } } }",
    );
    let later = with(&row, "2027-01-31", "2027-02-28");
    assert_snapshot!(diff(&row, &later, &[]));
}

#[test]
fn hosts_that_move_to_another_service_are_compared_there() {
    let new = format!(
        "{}  admin:\n    hosts: [\"*.shop.example\"]\n    routes:\n      - {{ match: \"GET /me\", roles: [admin] }}\n",
        with(SHOP, "\"shop.example\"", "\"shop.example\", \"*\"")
    );
    let old = with(SHOP, "\"shop.example\"", "\"*\"");
    assert_snapshot!(diff(&old, &new, &[]));
}

#[test]
fn what_every_token_must_be_is_compared_too() {
    let new = with(
        SHOP,
        "audiences: [orders-api]",
        "audiences: [orders-api, web]\n    leeway: 60s\n    required_claims: [{ path: [typ], equals: Bearer }]",
    );
    let new = with(&new, "algorithms: [RS256]", "algorithms: [ES256]");
    let new = with(&new, "/certs", "/keys");
    let new = format!(
        "{}identity: {{ forward_token: true }}\n",
        with(&new, "    routes:", "    clusters: [backend]\n    routes:")
    );
    assert_snapshot!(diff(SHOP, &new, &[]));
}

#[test]
fn a_policy_comes_by_the_standard_input() {
    let folder = Folder::of(&[("new.yaml", SHOP)]);
    let said = folder.run_with(&["diff", "-", "new.yaml", "--fail-on", "any"], SHOP);
    assert_eq!(said.code, 0, "{said}");
}
