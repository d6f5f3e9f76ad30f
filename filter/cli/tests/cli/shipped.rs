//! The files that ship: the example policy, and what was made from it.

use crate::support::run;

#[test]
fn the_shipped_policy_is_clean_against_the_services_document_and_envoys_configuration() {
    let said = run(&[
        "check",
        "envoy/policy.yaml",
        "--openapi",
        "shop=backend/openapi.json",
        "--envoy",
        "envoy/envoy.yaml",
    ]);
    assert_eq!(said.code, 0, "{said}");
}

#[test]
fn the_golden_table_of_the_shop_is_current() {
    let said =
        run(&["test", "envoy/policy.yaml", "--matrix", "envoy/matrix/shop.txt", "--current"]);
    assert_eq!(
        said.code, 0,
        "write it again: portcullis test envoy/policy.yaml --matrix envoy/matrix/shop.txt\n{said}"
    );
}

#[test]
fn the_table_of_cases_of_the_shop_holds() {
    let said = run(&["test", "envoy/policy.yaml", "envoy/matrix/shop.cases.yaml"]);
    assert_eq!(said.code, 0, "{said}");
}

#[test]
fn an_operation_without_a_row_and_a_row_without_an_operation_are_a_no() {
    let policy = std::fs::read_to_string(crate::support::root().join("envoy/policy.yaml")).unwrap();
    let line = "      - { match: \"GET /audit\", roles: [admin, auditor] }\n";
    let openapi =
        std::fs::read_to_string(crate::support::root().join("backend/openapi.json")).unwrap();
    let without = crate::support::with(&policy, line, "");
    let with_more = crate::support::with(
        &policy,
        line,
        &format!("{line}      - {{ match: \"GET /autid\", roles: [admin] }}\n"),
    );
    for (policy, rule) in
        [(without, "error[operation-undeclared]"), (with_more, "warning[row-without-operation]")]
    {
        let folder =
            crate::support::Folder::of(&[("policy.yaml", &policy), ("openapi.json", &openapi)]);
        let said = folder.run(&["check", "policy.yaml", "--openapi", "shop=openapi.json"]);
        assert_eq!(said.code, 2);
        assert!(said.stdout.contains(rule), "{said}");
    }
}
