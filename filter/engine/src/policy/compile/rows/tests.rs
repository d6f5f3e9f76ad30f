//! Rows, and what a person sees of those that do not load.

use serde_json::{Value, json};

use crate::authz::path::PathError;
use crate::authz::template::TemplateError;
use crate::policy::testing::{assert_seen, load, report, rows, service, shop};

/// A public row for an endpoint, after the others.
fn row(policy: &mut Value, endpoint: &str) {
    rows(policy).push(json!({ "match": endpoint, "public": true }));
}

/// A row with a requirement, in the place of the first.
fn requirement(policy: &mut Value, mut row: Value) {
    row["match"] = json!("POST /orders");
    rows(policy)[0] = row;
}

#[test]
fn a_row_matches_a_method_and_a_path_template() {
    assert_seen!(report(&[
        ("nothing", |it| row(it, "")),
        ("a method alone", |it| row(it, "GET")),
        ("a path alone", |it| row(it, "/orders")),
        ("no slash", |it| row(it, "POST orders")),
        ("two spaces", |it| row(it, "GET  /orders")),
        ("a star", |it| row(it, "OPTIONS *")),
        ("a query", |it| row(it, "GET /orders?x=1")),
        ("two slashes", |it| row(it, "GET /orders//x")),
        ("a dot segment", |it| row(it, "GET /orders/../x")),
        ("an escaped slash", |it| row(it, "GET /orders%2Fx")),
        ("a needless escape", |it| row(it, "GET /%6frders")),
        ("an escape in lower case", |it| row(it, "GET /caf%c3%a9")),
        ("an escape that is cut off", |it| row(it, "GET /100%")),
        ("an escaped line break", |it| row(it, "GET /a%0Ab")),
        ("an escape of Latin-1", |it| row(it, "GET /caf%E9")),
        ("an escaped full-width slash", |it| row(it, "GET /a%EF%BC%8Fb")),
        ("a segment of dots", |it| row(it, "GET /a/.../b")),
        ("a fragment", |it| row(it, "GET /orders#x")),
        ("a path parameter", |it| row(it, "GET /orders;x=1")),
        ("a space behind", |it| row(it, "GET /orders ")),
        ("a path of over 4,096 bytes", |it| row(it, &format!("GET {}", "/abcdefg".repeat(513)))),
        ("half a segment", |it| row(it, "GET /{id}.json")),
        ("a parameter without a name", |it| row(it, "GET /{}")),
        ("a name twice", |it| row(it, "GET /{id}/{id}")),
        ("a rest in the middle", |it| row(it, "GET /{*rest}/x")),
    ]));
}

/// The variants of an error; one that is missing here does not compile.
macro_rules! all {
    ($of:ident: $($variant:ident),* $(; $other:ident)?) => {{
        let _ = |error: $of| match error { $($of::$variant => (),)* $($of::$other(_) => (),)? };
        [$($of::$variant),*]
    }};
}

#[test]
fn whatever_can_be_wrong_with_a_template_is_in_the_snapshot() {
    let seen = include_str!(
        "snapshots/portcullis_engine__policy__compile__rows__tests__a_row_matches_a_method_and_a_path_template.snap"
    );
    let of_paths = all!(
        PathError: NoSlash, TooLong, EmptySegment, DotSegment, TrimmedSegment, Separator, Fragment, Unescaped, BadEscape,
        NeedlessEscape, EscapedDelimiter, EscapedControl, NotUtf8, DelimiterAlias
    );
    let of_templates =
        all!(TemplateError: PartOfSegment, Name, RestNotLast, NameTwice, Spelling, Query; Path);
    for error in of_paths.map(TemplateError::from).into_iter().chain(of_templates) {
        assert!(
            seen.contains(&format!(": {error}\n")),
            "nobody has seen what a person sees of this: {error}"
        );
    }
}

#[test]
fn a_method_is_an_upper_case_token_and_neither_connect_nor_trace() {
    assert_seen!(report(&[
        ("lower case", |it| row(it, "get /x")),
        ("mixed case", |it| row(it, "Get /x")),
        ("no token", |it| row(it, "G:T /x")),
        ("none", |it| row(it, " /x")),
        ("CONNECT", |it| row(it, "CONNECT /x")),
        ("TRACE", |it| row(it, "TRACE /x")),
    ]));
    let mut document = shop();
    for endpoint in ["M-SEARCH /x", "PROPFIND /x", "HEAD /me", "GET /x/", "GET /x"] {
        row(&mut document, endpoint);
    }
    assert!(load(&document).is_ok());
}

#[test]
fn a_row_has_exactly_one_requirement() {
    assert_seen!(report(&[
        ("none", |it| requirement(it, json!({}))),
        ("all denied", |it| requirement(it, json!({ "public": false, "authenticated": false }))),
        ("an empty list", |it| requirement(it, json!({ "roles": [] }))),
        ("an empty list of all", |it| requirement(it, json!({ "roles": ["a"], "all_roles": [] }))),
        ("public and authenticated", |it| requirement(it, json!({ "public": true, "authenticated": true }))),
        ("public and roles", |it| requirement(it, json!({ "public": true, "roles": ["a"] }))),
        ("authenticated and roles", |it| requirement(
            it,
            json!({ "authenticated": true, "all_roles": ["a"] })
        )),
        ("public and an empty list", |it| requirement(it, json!({ "public": true, "roles": [] }))),
    ]));
    let mut document = shop();
    requirement(&mut document, json!({ "roles": ["a", "b"], "all_roles": ["c"] }));
    assert!(load(&document).is_ok());
}

#[test]
fn a_role_is_a_name_that_somebody_could_have() {
    assert_seen!(report(&[
        ("an empty one", |it| requirement(it, json!({ "roles": ["customer", ""] }))),
        ("a line break", |it| requirement(it, json!({ "all_roles": ["a\nb"] }))),
        ("a long one", |it| requirement(it, json!({ "roles": ["x".repeat(257)] }))),
    ]));
    let mut document = shop();
    requirement(&mut document, json!({ "roles": ["a, b", "Prüfer", "x".repeat(256)] }));
    assert!(load(&document).is_ok());
}

#[test]
fn a_role_outside_the_vocabulary_does_not_load() {
    assert_seen!(report(&[
        ("a typing error", |it| {
            service(it)["vocabulary"] = json!(["customer", "admin"]);
            requirement(it, json!({ "roles": ["custmer"], "all_roles": ["Admin"] }));
        }),
        ("an empty name in it", |it| service(it)["vocabulary"] = json!(["customer", "admin", ""])),
    ]));
}

#[test]
fn two_rows_that_can_match_the_same_request_with_the_same_precedence_clash() {
    assert_seen!(report(&[
        ("the same", |it| row(it, "GET /me")),
        ("another name", |it| row(it, "GET /orders/{id}")),
        ("two rests", |it| {
            row(it, "GET /files/{*rest}");
            row(it, "GET /files/{*path}");
        }),
        ("after a row with a mistake", |it| {
            rows(it).insert(0, json!({ "match": "get /x", "public": true }));
            row(it, "GET /products");
        }),
    ]));
    let mut document = shop();
    for endpoint in
        ["PUT /orders/{id}", "GET /orders/new", "GET /orders/{*rest}", "GET /orders/", "HEAD /orders/{id}"]
    {
        row(&mut document, endpoint);
    }
    assert!(load(&document).is_ok());
}

#[test]
fn a_mode_is_enforce_or_a_trial_with_an_end() {
    assert_seen!(report(&[
        ("off", |it| it["mode"] = json!("off")),
        ("a trial without an end", |it| it["mode"] = json!({ "shadow": {} })),
        ("shadow alone", |it| service(it)["mode"] = json!("shadow")),
        ("no day of the calendar", |it| rows(it)[1]["mode"] = json!({ "shadow": { "until": "2027-02-29" } })),
        ("a moment", |it| it["mode"] = json!({ "shadow": { "until": "2027-01-31T00:00:00Z" } })),
        ("something else", |it| it["mode"] = json!({ "insecure": true })),
    ]));
}
