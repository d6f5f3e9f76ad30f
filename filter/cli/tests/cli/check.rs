//! `check`: what a person, a program and GitHub are told.

use insta::assert_snapshot;

use crate::support::{Folder, SHOP, TODAY, with};

#[test]
fn a_policy_in_which_nothing_is_found_is_fine() {
    let policy = with(SHOP, "      - { match: \"GET /products\", public: true }\n", "");
    assert_snapshot!(Folder::of(&[("policy.yaml", &policy)]).run(&["check", "policy.yaml"]));
}

#[test]
fn notes_are_no_no() {
    assert_snapshot!(Folder::of(&[("policy.yaml", SHOP)]).run(&["check", "policy.yaml"]));
}

#[test]
fn a_finding_is_shown_with_its_line_and_the_mend_in_every_format() {
    let policy = with(SHOP, "token_types: [at+jwt]", "leeway: 2m");
    let folder = Folder::of(&[("policy.yaml", &policy)]);
    for format in ["human", "json", "github"] {
        let said = folder.run(&["check", "policy.yaml", "--format", format]);
        assert_eq!(said.code, 2);
        assert_snapshot!(format!("a_finding_in_{format}"), said);
    }
}

/// A document that a program wrote is one line of any length.
#[test]
fn a_finding_in_a_line_too_long_to_be_drawn_is_told_by_its_place() {
    let rows = |number: u32| format!(r#"{{"match":"GET /things/{number}/parts","public":true}}"#);
    let rows = (0..3000).map(rows).collect::<Vec<_>>().join(",");
    let policy = format!(
        r#"{{"providers":{{"p":{{"issuer":"https://a.example","audiences":["a"],"jwks":{{"uri":"http://a.example/k","cluster":"c"}},"algorithms":["RS256"],"token_types":["at+jwt"]}}}},"services":{{"s":{{"hosts":["*"],"routes":[{rows}]}}}}}}"#
    );
    let folder = Folder::of(&[("policy.json", &policy)]);
    let said = folder.run(&["check", "policy.json"]);
    assert!(said.stdout.contains("  policy.json:1: providers.p.jwks.uri\n"), "{said}");
    let wrong = policy.replace("GET /things/2999/parts", "GET things");
    let folder = Folder::of(&[("policy.json", &wrong)]);
    let said = folder.run(&["check", "policy.json"]);
    assert_eq!(said.code, 3, "{said}");
    assert!(
        said.to_string().contains("  policy.json:1: services.s.routes[2999].match\n"),
        "{said}"
    );
}

#[test]
fn what_is_allowed_with_a_reason_is_not_told_again() {
    let allow = |entries: &str| {
        format!(
            "{}lint:\n  allow:\n{entries}",
            with(SHOP, "https://idp.example/realms/shop/certs", "http://idp/certs")
        )
    };
    let everywhere = "    - { rule: http-keys, reason: inside the cluster }\n";
    let here = "    - { rule: http-keys, in: providers.keycloak, reason: inside the cluster }\n";
    let elsewhere = "    - { rule: http-keys, in: providers.key, reason: inside the cluster }\n";
    let unknown = "    - { rule: http-key, reason: inside the cluster }\n";
    for (name, entries, code) in [
        ("everywhere", everywhere, 0),
        ("here", here, 0),
        ("elsewhere", elsewhere, 2),
        ("unknown", unknown, 2),
    ] {
        let said = Folder::of(&[("policy.yaml", &allow(entries))]).run(&["check", "policy.yaml"]);
        assert_eq!(said.code, code, "{said}");
        assert_snapshot!(format!("allowed_{name}"), said);
    }
}

#[test]
fn a_row_is_allowed_by_its_name_whatever_its_number() {
    let openapi = r#"{ "openapi": "3.1.0", "paths": { "/orders": { "post": {} }, "/orders/{id}": { "get": {} },
        "/refunds": { "post": {} }, "/products": { "get": {} } } }"#;
    let allowed = "lint: { allow: [{ rule: row-without-operation, in: \"services.shop.routes[GET /me]\", reason: undocumented }] }\n";
    let folder =
        Folder::of(&[("policy.yaml", &format!("{SHOP}{allowed}")), ("openapi.json", openapi)]);
    let said = folder.run(&["check", "policy.yaml", "--openapi", "shop=openapi.json"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.ends_with("; 1 allowed\n"), "{said}");
    // without the document the rule did not run, so nobody can say that the allowance is of no use
    assert_eq!(folder.run(&["check", "policy.yaml"]).code, 0);
}

const BILLING: &str = "services:
  billing:
    hosts: [billing.example]
    providers: [keycloak]
    audiences: [billing-api]
    routes:
      - { match: \"GET /invoices\", roles: [accountant] }
";

#[test]
fn teams_own_their_services_and_a_folder_stands_for_its_files() {
    let platform = with(
        SHOP,
        "    audiences: [orders-api]\n",
        "    export: true\n    audiences: [orders-api, billing-api]\n",
    );
    let platform = with(&platform, "    hosts:", "    audiences: [orders-api]\n    hosts:");
    let files = [
        ("teams/billing.yaml", BILLING),
        ("teams/platform.yml", &*platform),
        ("teams/README.md", "no policy"),
    ];
    let folder = Folder::of(&files);
    let one_by_one = folder.run(&["check", "teams/billing.yaml", "teams/platform.yml"]);
    assert_eq!((one_by_one.code, &one_by_one.stdout), (0, &folder.run(&["check", "teams"]).stdout));
    assert!(one_by_one.stdout.contains("2 services"), "{one_by_one}");
}

#[test]
fn a_collision_names_both_files_and_shows_both_lines() {
    let files = [("a.yaml", SHOP), ("b.yaml", SHOP)];
    let said = Folder::of(&files).run(&["check", "a.yaml", "b.yaml"]);
    assert_eq!(said.code, 3);
    assert_snapshot!(said);
}

#[test]
fn a_file_allows_its_own_findings_only() {
    let billing =
        format!("{BILLING}lint: {{ allow: [{{ rule: http-keys, reason: not ours }}] }}\n");
    let platform = with(SHOP, "https://idp.example/realms/shop/certs", "http://idp/certs");
    let platform = with(
        &platform,
        "    audiences: [orders-api]\n",
        "    export: true\n    audiences: [orders-api, billing-api]\n",
    );
    let platform = with(&platform, "    hosts:", "    audiences: [orders-api]\n    hosts:");
    let folder = Folder::of(&[("billing.yaml", &billing), ("platform.yaml", &platform)]);
    let said = folder.run(&["check", "billing.yaml", "platform.yaml"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stdout.contains("warning[http-keys]") && said.stdout.contains("warning[allow-unused]"),
        "{said}"
    );
}

#[test]
fn trials_are_told_by_the_day() {
    let policy = format!("{SHOP}mode: {{ shadow: {{ until: 2026-12-01 }} }}\n");
    let folder = Folder::of(&[("policy.yaml", &policy)]);
    let found = |at: &str| folder.run(&["check", "policy.yaml", "--at", at]);
    for (at, rule) in [
        ("2026-11-01", "note[shadow-running]"),
        // two weeks before the end, to the second
        ("2026-11-17T23:59:59Z", "note[shadow-running]"),
        ("2026-11-18T00:00:00Z", "warning[shadow-ending]"),
        (TODAY, "warning[shadow-ending]"),
        ("2026-12-01T23:59:59Z", "warning[shadow-ending]"),
        ("2026-12-02", "warning[shadow-ended]"),
    ] {
        assert!(found(at).stdout.contains(rule), "{at}: {}", found(at));
    }
}

#[test]
fn rules_are_listed() {
    let folder = Folder::of(&[]);
    assert_snapshot!(folder.run(&["check", "--rules"]));
    let names = |format| folder.run(&["check", "--rules", "--format", format]).to_string();
    for (format, row) in [
        ("github", "| `envoy-route-by-header` | "),
        ("json", "\"name\": \"envoy-route-by-header\""),
    ] {
        assert!(names(format).contains(row), "{format}: {}", names(format));
    }
}
