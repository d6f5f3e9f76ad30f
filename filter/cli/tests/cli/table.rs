//! `test`: a table of cases, and the golden table of roles and endpoints.

use insta::assert_snapshot;

use crate::support::{Folder, SHOP, TODAY, with};

const CASES: &str = "at: 2026-11-24
callers:
  alice: { roles: [customer] }
  boss: { provider: keycloak, roles: [finance, senior] }
cases:
  - { request: GET /orders/7, as: alice, expect: allow }
  - { request: [GET /me, POST /orders], as: [alice, { roles: [customer, admin] }], expect: allow }
  - { request: POST /refunds, as: boss, expect: allow }
  - { request: POST /refunds, as: { roles: [finance] }, expect: role-missing }
  - { request: GET /me, as: [anyone], expect: token-missing }
  - { request: GET /me, as: authenticated, expect: allow }
  - { request: GET /products, as: anyone, expect: allow }
  - { request: GET https://elsewhere.example/me, as: alice, expect: route-undeclared }
  - { request: GET /orders//7, as: anyone, expect: path-ambiguous }
  - { request: GET /me, as: { claims: { exp: 5 } }, expect: token-expired }
  - { request: GET /me, as: { claims: { aud: billing-api } }, expect: refuse }
";

fn tested(policy: &str, cases: &str, format: &str) -> crate::support::Said {
    let folder = Folder::of(&[("policy.yaml", policy), ("cases.yaml", cases)]);
    folder.run(&["test", "policy.yaml", "cases.yaml", "--format", format])
}

#[test]
fn a_table_that_holds_is_counted() {
    let said = tested(SHOP, CASES, "human");
    assert_eq!((said.code, &*said.stdout), (0, "14 passed, 0 failed\n"), "{said}");
    let data: serde_json::Value =
        serde_json::from_str(&tested(SHOP, CASES, "json").stdout).unwrap();
    assert_eq!((&data["passed"], &data["failed"]), (&14.into(), &0.into()));
}

#[test]
fn a_case_that_fails_is_shown_with_what_came_of_it_and_why() {
    let cases = "cases:
  - { request: GET /orders/7, as: { roles: [auditor] }, expect: allow }
  - { request: GET /products, as: anyone, expect: token-missing }
  - { request: GET /me, as: bob, expect: allow }
  - { request: GET /me, as: { provider: partner }, expect: allow }
  - { request: /me, as: anyone, expect: allow }
";
    for format in ["human", "github", "json"] {
        let said = tested(SHOP, cases, format);
        assert_eq!(said.code, 2);
        assert_snapshot!(format!("a_case_that_fails_in_{format}"), said);
    }
}

#[test]
fn a_table_that_is_none_is_shown_with_its_line() {
    let told = [
        "cases:\n  - { request: GET /me, as: anyone, expect: forbidden }\n",
        "cases:\n  - { request: GET /me, as: { role: admin }, expect: allow }\n",
        "cases:\n  - { request: GET /me, as: anyone }\n",
        "case: []\n",
        "cases: [\n",
    ]
    .map(|cases| {
        let said = tested(SHOP, cases, "human");
        assert_eq!(said.code, 1, "{said}");
        said.to_string()
    });
    assert_snapshot!(told.join("\n"));
}

#[test]
fn a_trial_is_expected_as_one() {
    let policy = format!("{SHOP}mode: {{ shadow: {{ until: 2027-01-31 }} }}\n");
    let cases = "cases:
  - { request: POST /refunds, as: authenticated, expect: { shadow: role-missing }, at: 2026-11-24 }
  - { request: POST /refunds, as: authenticated, expect: role-missing, at: 2027-02-01 }
  - { request: GET /me, as: authenticated, expect: allow, at: 2026-11-24 }
";
    let said = tested(&policy, cases, "human");
    assert_eq!(said.code, 0, "{said}");
}

#[test]
fn roles_are_said_as_the_table_says_them_and_become_what_the_provider_says() {
    let policy = with(
        SHOP,
        "    roles:\n",
        "    role_prefix: \"shop:\"\n    role_names: { ROLE_ADMIN: admin }\n    roles:\n",
    );
    let policy = with(&policy, "[customer, admin]", "[\"shop:admin\"]");
    let cases = "cases:
  - { request: GET /orders/7, as: { roles: [\"shop:admin\"] }, expect: allow }
  - { request: GET /orders/7, as: { claims: { realm_access: { roles: [ROLE_ADMIN] } } }, expect: allow }
  - { request: GET /orders/7, as: { claims: { realm_access: { roles: [\"shop:admin\"] } } }, expect: role-missing }
";
    let said = tested(&policy, cases, "human");
    assert_eq!(said.code, 0, "{said}");
    let said = tested(
        &policy,
        "cases: [{ request: GET /me, as: { roles: [admin] }, expect: allow }]",
        "human",
    );
    assert!(said.stdout.contains("no claim of `keycloak` yields the role `admin`"), "{said}");
}

#[test]
fn a_preflight_is_a_case_by_its_headers() {
    let policy = with(SHOP, "    routes:", "    cors: { preflight: true }\n    routes:");
    let cases = "cases:
  - request: OPTIONS /orders
    as: anyone
    headers: { Origin: https://shop.example, Access-Control-Request-Method: POST }
    expect: allow
  - { request: OPTIONS /orders, as: anyone, expect: token-missing }
";
    assert_eq!(tested(&policy, cases, "human").code, 0);
}

#[test]
fn the_golden_table_says_what_each_role_may_call() {
    let more = "      - { match: \"PUT /limits\", roles: [admin, owner], all_roles: [senior] }\n      \
                - { match: \"GET /trial\", roles: [admin], mode: { shadow: { until: 2027-01-31 } } }\n";
    let folder = Folder::of(&[("policy.yaml", &format!("{SHOP}{more}"))]);
    assert_eq!(folder.run(&["test", "policy.yaml", "--matrix", "matrix.txt"]).code, 0);
    assert_snapshot!(folder.read("matrix.txt"));
    assert_eq!(folder.run(&["test", "policy.yaml", "--matrix", "matrix.txt", "--current"]).code, 0);
}

#[test]
fn one_role_has_one_column_whatever_it_is_called() {
    let one = with(
        SHOP,
        "all_roles: [finance, senior]",
        "roles: [\"finance & senior\", \"a  b\", \"anyone\"]",
    );
    let folder = Folder::of(&[("one.yaml", &one), ("two.yaml", SHOP)]);
    for name in ["one", "two"] {
        let said =
            folder.run(&["test", &format!("{name}.yaml"), "--matrix", &format!("{name}.txt")]);
        assert_eq!(said.code, 0, "{said}");
    }
    let head = |name: &str| {
        let text = folder.read(name);
        text.lines().find(|line| line.starts_with("anyone ")).map(str::to_owned).unwrap()
    };
    assert_eq!(
        head("one.txt"),
        "anyone  authenticated  \"a  b\"  admin  \"anyone\"  customer  \"finance & senior\"  endpoint"
    );
    assert_eq!(
        head("two.txt"),
        "anyone  authenticated  admin  customer  finance  senior  finance & senior  endpoint"
    );
    let cases =
        "cases: [{ request: POST /refunds, as: { roles: [\"finance & senior\"] }, expect: allow }]";
    let said = tested(SHOP, cases, "human");
    assert!(said.stdout.contains("\"finance & senior\""), "{said}");
}

#[test]
fn a_golden_table_that_is_not_current_is_shown_by_its_lines() {
    let folder = Folder::of(&[("policy.yaml", SHOP)]);
    assert_eq!(folder.run(&["test", "policy.yaml", "--matrix", "matrix.txt"]).code, 0);
    folder.write("policy.yaml", &with(SHOP, "roles: [customer, admin]", "roles: [admin]"));
    let said =
        folder.run(&["test", "policy.yaml", "--matrix", "matrix.txt", "--current", "--at", TODAY]);
    assert_eq!(said.code, 2);
    assert_snapshot!(said);
}
