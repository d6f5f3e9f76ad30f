//! The walk: every operation that the service offers has a row of the role table, and every row an
//! operation.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{ABSENT, policy};

/// Method and template of each operation, parameter names erased, and whether it is public.
fn operations() -> BTreeMap<String, bool> {
    let operation = |route: &backend::Route| {
        (
            erased(&format!("{} {}", route.method, route.path)),
            route.access == backend::Access::Public,
        )
    };
    backend::ROUTES.iter().map(operation).collect()
}

/// Method and template of each row, parameter names erased, and the row.
fn rows(document: &Value) -> BTreeMap<String, &Value> {
    let rows = document["services"]["shop"]["routes"].as_array().expect("routes");
    rows.iter().map(|row| (erased(row["match"].as_str().expect("match")), row)).collect()
}

/// `/orders/{order_id}` becomes `/orders/{}`.
fn erased(endpoint: &str) -> String {
    let segments = endpoint.split('/').map(|it| if it.starts_with('{') { "{}" } else { it });
    segments.collect::<Vec<_>>().join("/")
}

/// Method and a path of each operation: parameters are replaced by an identifier that nothing has.
pub(crate) fn endpoints() -> impl Iterator<Item = (&'static str, String)> {
    backend::ROUTES.iter().map(|route| {
        let segments =
            route.path.split('/').map(|it| if it.starts_with('{') { ABSENT } else { it });
        (route.method, segments.collect::<Vec<_>>().join("/"))
    })
}

/// The operations without a row.
pub(crate) fn undeclared(document: &Value) -> Vec<String> {
    let rows = rows(document);
    operations().into_keys().filter(|operation| !rows.contains_key(operation)).collect()
}

#[test]
fn every_operation_of_the_service_has_a_row() {
    assert_eq!(undeclared(&policy::shipped()), [""; 0]);
}

#[test]
fn every_row_has_an_operation() {
    let document = policy::shipped();
    let operations = operations();
    let idle: Vec<_> =
        rows(&document).into_keys().filter(|row| !operations.contains_key(row)).collect();
    assert_eq!(idle, [""; 0]);
}

#[test]
fn a_row_is_public_where_the_service_answers_everybody_and_nowhere_else() {
    let document = policy::shipped();
    let rows = rows(&document);
    for (operation, public) in operations() {
        assert_eq!(rows[&operation]["public"] == json!(true), public, "{operation}");
    }
}
