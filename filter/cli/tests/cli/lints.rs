//! What `check` looks for in a policy: a case for each rule, with what a person sees of it.

use std::fmt::Write as _;

use insta::assert_snapshot;
use portcullis_cli::lint::{Inputs, RULES, inspect};
use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::clock::UnixTime;
use portcullis_engine::policy::Found;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::json;

use crate::support::{Folder, SHOP, TODAY, loaded, with};

const OPENAPI: &str = r#"{
  "openapi": "3.1.0",
  "servers": [{ "url": "https://shop.example/" }],
  "paths": {
    "/orders": { "post": {}, "get": {} },
    "/orders/{order_id}": { "get": {} },
    "/refunds": { "put": {} },
    "/products": { "get": {}, "parameters": [] },
    "/me": { "get": {} },
    "/reports/{name}.csv": { "get": {} }
  }
}
"#;

/// A rule, a policy in which it finds something, and whether it needs the OpenAPI document.
#[allow(clippy::too_many_lines)] // a table
fn cases() -> Vec<(&'static str, String, bool)> {
    let shop = |part, by: &str| with(SHOP, part, by);
    let row = |row: &str| format!("{SHOP}      - {row}\n");
    let two = |narrow: &str| {
        format!(
            "{SHOP}  billing:\n    hosts: [billing.example]\n    {narrow}routes:\n      - {{ match: \"GET /invoices\", roles: [accountant] }}\n"
        )
    };
    let bypassed = |source: &str| {
        let policy = with(SHOP, "    routes:", "    ownership_bypass_roles: [admin]\n    routes:");
        with(&policy, "[realm_access, roles] }", source)
    };
    vec![
        (
            "row-unreachable",
            {
                let rows = [
                    "GET /files/{*rest}",
                    "GET /files/{name}",
                    "GET /files/{name}/",
                    "GET /files/{name}/{*rest}",
                ];
                let rows = rows
                    .map(|row| format!("      - {{ match: \"{row}\", authenticated: true }}\n"));
                format!("{SHOP}{}", rows.concat())
            },
            false,
        ),
        ("public-rows", SHOP.to_owned(), false),
        (
            "role-unreachable",
            shop("    roles:\n", "    role_prefix: \"shop:\"\n    roles:\n"),
            false,
        ),
        (
            "role-unreachable",
            {
                let policy = shop(
                    "    routes:",
                    "    vocabulary: [customer, admin, finance, senior, \"shop keeper\"]\n    routes:",
                );
                with(
                    &policy,
                    "{ path: [realm_access, roles] }",
                    "{ path: [roles], split: whitespace }",
                )
            },
            false,
        ),
        (
            "role-unreachable",
            shop("    roles:\n", "    role_names: { admin: root }\n    roles:\n"),
            false,
        ),
        ("http-keys", shop("https://idp.example/realms/shop/certs", "http://idp/certs"), false),
        (
            "http-keys",
            {
                let policy = shop(
                    "uri: https://idp.example/realms/shop/certs, cluster: idp",
                    "discovery: { cluster: idp }",
                );
                with(&policy, "https://idp.example/realms/shop", "http://idp.example/realms/shop")
            },
            false,
        ),
        ("leeway-unusual", shop("token_types:", "leeway: 5m\n    token_types:"), false),
        ("leeway-unusual", shop("token_types:", "leeway: 0\n    token_types:"), false),
        (
            "staleness-unusual",
            shop("cluster: idp }", "cluster: idp, max_stale: 48h, refresh: 2h }"),
            false,
        ),
        ("staleness-unusual", shop("cluster: idp }", "cluster: idp, max_stale: 5m }"), false),
        ("token-types-lax", shop("    token_types: [at+jwt]\n", ""), false),
        ("token-types-lax", shop("[at+jwt]", "[at+jwt, absent]"), false),
        ("binding-ignored", shop("token_types:", "ignore_binding: true\n    token_types:"), false),
        (
            "pss-keys-large",
            {
                let policy = shop("token_types:", "max_pss_key_bits: 3072\n    token_types:");
                with(&policy, "algorithms: [", "algorithms: [PS256, ")
            },
            false,
        ),
        (
            "scope-fallback",
            shop(
                "[realm_access, roles] }",
                "[realm_access, roles] }\n      - { path: [scope], split: whitespace, fallback: true, only: [customer] }",
            ),
            false,
        ),
        (
            "bypass-role",
            bypassed("[realm_access, roles], only: [customer, admin, finance, senior] }"),
            false,
        ),
        ("bypass-role-unguarded", bypassed("[realm_access, roles] }"), false),
        (
            "bypass-role-unguarded",
            bypassed("[scope], split: whitespace, only: [customer, admin] }"),
            false,
        ),
        (
            "bypass-role-unguarded",
            bypassed(
                "[realm_access, roles], only: [customer] }\n      - { path: [groups], fallback: true, only: [admin] }",
            ),
            false,
        ),
        ("scopes-open", shop("[realm_access, roles] }", "[scope], split: whitespace }"), false),
        (
            "unverified-credential-passes",
            format!("{SHOP}headers: {{ pass_unverified: [authorization, proxy-authorization] }}\n"),
            false,
        ),
        ("audience-shared", two(""), false),
        ("shadow-running", format!("{SHOP}mode: {{ shadow: {{ until: 2027-01-31 }} }}\n"), false),
        (
            "shadow-ending",
            shop("    routes:", "    mode: { shadow: { until: 2026-12-07 } }\n    routes:"),
            false,
        ),
        (
            "shadow-ended",
            row(
                "{ match: \"GET /x\", authenticated: true, mode: { shadow: { until: 2026-11-23 } } }",
            ),
            false,
        ),
        (
            "allow-unknown",
            format!("{SHOP}lint: {{ allow: [{{ rule: http, reason: x }}] }}\n"),
            false,
        ),
        (
            "allow-unused",
            format!("{SHOP}lint: {{ allow: [{{ rule: http-keys, reason: x }}] }}\n"),
            false,
        ),
        ("operation-undeclared", SHOP.to_owned(), true),
        ("row-without-operation", SHOP.to_owned(), true),
    ]
}

#[test]
fn every_rule_shows_what_it_finds() {
    let mut told = String::new();
    for (rule, policy, openapi) in cases() {
        let folder = Folder::of(&[("policy.yaml", &policy), ("openapi.json", OPENAPI)]);
        let document = ["--openapi", "shop=openapi.json"];
        let more = if openapi { &document[..] } else { &[] };
        let said = folder.run(&[&["check", "policy.yaml", "--at", TODAY], more].concat());
        assert_eq!(said.stderr, "");
        let found: Vec<_> = said
            .stdout
            .split("\n\n")
            .filter(|found| found.contains(&format!("[{rule}]")))
            .collect();
        assert!(!found.is_empty(), "{rule}: {said}");
        let _ = write!(told, "# {rule}\n\n{}\n\n", found.join("\n\n"));
    }
    assert_snapshot!(told);
}

#[test]
fn every_rule_has_a_case() {
    let cases = cases();
    let policies = cases.iter().map(|(rule, ..)| *rule);
    let covered: Vec<_> = policies.chain(crate::envoy::rules()).collect();
    let uncovered: Vec<_> =
        RULES.iter().filter(|rule| !covered.contains(&rule.name)).map(|rule| rule.name).collect();
    assert_eq!(uncovered, [""; 0]);
}

/// Paths of up to four segments of two letters, one that no template names, and a slash at the end.
fn paths() -> Vec<String> {
    let mut paths = vec![String::new()];
    for _ in 0..4 {
        let longer = paths
            .iter()
            .flat_map(|path| ["a", "b", "z"].map(|segment| format!("{path}/{segment}")));
        paths = longer.chain(paths.clone()).collect();
        paths.sort();
        paths.dedup();
    }
    paths
        .iter()
        .flat_map(|path| [path.clone(), format!("{path}/")])
        .filter(|path| !path.is_empty())
        .collect()
}

proptest! {
    #[test]
    fn a_row_is_unreachable_if_and_only_if_no_path_reaches_it(templates in subsequence(vec![
        "/a", "/a/", "/{x}", "/{x}/", "/a/{x}", "/a/{x}/", "/{x}/a", "/{*r}", "/a/{*r}", "/{x}/{*r}", "/a/{x}/{*r}", "/{x}/{y}/{*r}", "/{x}/{y}",
    ], 1..10)) {
        let routes: Vec<_> = templates.iter().map(|it| json!({ "match": format!("GET {it}"), "authenticated": true })).collect();
        let policy = json!({
            "providers": { "p": { "issuer": "i", "audiences": ["a"], "jwks": { "uri": "https://i.example/k", "cluster": "c" }, "algorithms": ["RS256"], "token_types": ["at+jwt"] } },
            "services": { "s": { "hosts": ["*"], "routes": routes } },
        });
        let loaded = loaded(&policy).unwrap();
        let inspected = inspect(&loaded, &Inputs::default(), UnixTime(0)).unwrap();
        let told: Vec<_> = inspected.findings.iter().map(|finding| finding.message.clone()).collect();
        let service = &loaded.policy.services()[0];
        for row in service.rows() {
            let reached = paths().iter().any(|path| {
                let path = CanonicalPath::parse(path.as_bytes()).unwrap();
                matches!(service.find("GET", path), Found::Row(found) if found.id == row.id)
            });
            let unreachable = told.contains(&format!("no request reaches `GET {}`", row.template));
            prop_assert_eq!(unreachable, !reached, "{} {:?}", row.template, templates);
        }
    }
}

#[test]
fn what_is_usual_is_not_found() {
    let narrowed = format!(
        "{}  billing:\n    hosts: [billing.example]\n    audiences: [billing-api]\n    routes:\n      - {{ match: \"GET /invoices\", roles: [accountant] }}\n",
        with(
            &with(SHOP, "    audiences: [orders-api]", "    audiences: [orders-api, billing-api]"),
            "    hosts:",
            "    audiences: [orders-api]\n    hosts:"
        )
    );
    let policies = [
        with(SHOP, "token_types: [at+jwt]", "required_claims: [{ path: [typ], equals: Bearer }]"),
        with(SHOP, "token_types: [at+jwt]", "preset: auth0"),
        with(SHOP, "token_types:", "leeway: 60s\n    token_types:"),
        with(SHOP, "cluster: idp }", "cluster: idp, max_stale: 24h, refresh: 1h }"),
        with(SHOP, "    roles:\n", "    role_names: { ROLE_ADMIN: admin }\n    roles:\n"),
        // nobody can have the role, and what can be had is said
        with(
            &with(SHOP, "    routes:", "    ownership_bypass_roles: [root]\n    routes:"),
            "[realm_access, roles] }",
            "[realm_access, roles], only: [customer, admin, finance, senior] }",
        ),
        // `/files/` itself, and what is deeper
        format!(
            "{SHOP}      - {{ match: \"GET /files/{{*rest}}\", authenticated: true }}\n      - {{ match: \"GET /files/{{name}}\", authenticated: true }}\n"
        ),
        narrowed,
    ];
    for policy in policies {
        let said =
            Folder::of(&[("policy.yaml", &policy)]).run(&["check", "policy.yaml", "--at", TODAY]);
        assert_eq!(said.code, 0, "{policy}\n{said}");
    }
}

#[test]
fn rows_are_compared_with_operations_as_paths_and_not_as_texts() {
    // other names of parameters, a row for all that is left, a row for one value, a base path
    let policy = with(
        SHOP,
        "{order_id}\", roles: [customer, admin] }",
        "{id}\", roles: [customer, admin] }\n      - { match: \"GET /orders/latest\", authenticated: true }\n      - { match: \"GET /reports/{*rest}\", roles: [admin] }\n      - { match: \"GET /orders\", roles: [customer] }\n      - { match: \"PUT /refunds\", roles: [admin] }",
    );
    let policy =
        with(&policy, "      - { match: \"POST /refunds\", all_roles: [finance, senior] }\n", "");
    for (base, prefix) in [
        ("https://shop.example/", ""),
        ("/", ""),
        ("https://shop.example/api/v1/", "/api/v1"),
        ("/api/v1", "/api/v1"),
    ] {
        let policy = policy
            .replace("\"GET /", &format!("\"GET {prefix}/"))
            .replace("\"POST /", &format!("\"POST {prefix}/"))
            .replace("\"PUT /", &format!("\"PUT {prefix}/"));
        let openapi = with(OPENAPI, "https://shop.example/", base);
        let folder = Folder::of(&[("policy.yaml", &policy), ("openapi.json", &openapi)]);
        let said = folder.run(&["check", "policy.yaml", "--openapi", "shop=openapi.json"]);
        assert_eq!(said.code, 0, "{base}: {said}");
    }
}
