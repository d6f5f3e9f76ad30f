//! Files of several teams, and what they may not do to each other.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::policy::testing::{assert_seen, in_house_style};

type Files = Vec<(&'static str, Value)>;
type Case = (&'static str, fn(&mut Files));

fn provider(issuer: &str) -> Value {
    json!({
        "issuer": issuer, "audiences": ["api"], "algorithms": ["RS256"],
        "jwks": { "uri": "https://idp.example/keys", "cluster": "idp" },
    })
}

fn service(host: &str) -> Value {
    json!({ "hosts": [host], "routes": [{ "match": "GET /", "roles": ["a"] }] })
}

/// The platform's file and those of two teams.
fn files() -> Files {
    let mut shared = provider("https://shared.example");
    shared["export"] = json!(true);
    vec![
        ("platform.yaml", json!({ "providers": { "shared": shared }, "mode": "enforce" })),
        (
            "orders.yaml",
            json!({
                "providers": { "orders-idp": provider("https://orders.example") },
                "services": { "orders": service("orders.example") },
            }),
        ),
        (
            "billing.yaml",
            json!({
                "providers": { "billing-idp": provider("https://billing.example") },
                "services": { "billing": service("billing.example") },
            }),
        ),
    ]
}

fn merged(files: Files) -> Result<Policy, PolicyErrors> {
    let read = |(name, file): (&str, Value)| (name.to_owned(), serde_json::from_value(file).unwrap());
    merge(files.into_iter().map(read).collect())?.compile()
}

fn report(cases: &[Case]) -> String {
    cases.iter().fold(String::new(), |mut report, (name, change)| {
        let mut files = files();
        change(&mut files);
        let errors = merged(files).expect_err(name);
        in_house_style(&errors);
        writeln!(report, "# {name}\n{errors}\n").unwrap();
        report
    })
}

#[test]
fn a_service_accepts_the_providers_of_its_own_file_and_exported_ones_that_it_names() {
    let accepted = |files| {
        let policy = merged(files).unwrap();
        let names = |service: &crate::policy::Service| {
            let name = |id: &crate::policy::ProviderId| policy.provider(*id).unwrap().name.to_string();
            (service.name().to_owned(), service.providers().iter().map(name).collect::<Vec<_>>().join(" "))
        };
        policy.services().iter().map(names).collect::<Vec<_>>()
    };
    let pair = |service: &str, providers: &str| (service.to_owned(), providers.to_owned());
    assert_eq!(accepted(files()), [pair("billing", "billing-idp"), pair("orders", "orders-idp")]);
    let mut named = files();
    named[1].1["services"]["orders"]["providers"] = json!(["orders-idp", "shared"]);
    assert_eq!(accepted(named), [pair("billing", "billing-idp"), pair("orders", "orders-idp shared")]);
}

#[test]
fn a_provider_of_another_file_is_exported_there() {
    assert_seen!(report(&[
        ("not exported", |it| it[1].1["services"]["orders"]["providers"] =
            json!(["orders-idp", "billing-idp"])),
        ("exported by the wrong team", |it| {
            it[1].1["providers"]["orders-idp"]["export"] = json!(true);
            it[1].1["services"]["orders"]["providers"] = json!(["billing-idp"]);
        }),
        ("unknown", |it| it[1].1["services"]["orders"]["providers"] = json!(["nobody"])),
        ("none of its own", |it| drop(it[1].1.as_object_mut().unwrap().remove("providers"))),
    ]));
}

#[test]
fn a_name_belongs_to_one_file_and_a_collision_names_both() {
    assert_seen!(report(&[
        ("a service", |it| it[2].1["services"]["orders"] = service("other.example")),
        ("a provider", |it| it[2].1["providers"]["shared"] = provider("https://other.example")),
        ("a host", |it| it[2].1["services"]["billing"]["hosts"] =
            json!(["billing.example", "ORDERS.example"])),
        ("an issuer", |it| it[2].1["providers"]["billing-idp"]["issuer"] = json!("https://shared.example")),
    ]));
}

#[test]
fn what_is_for_all_is_said_in_one_file() {
    assert_seen!(report(&[
        ("identity", |it| {
            it[0].1["identity"] = json!({ "forward_token": true });
            it[1].1["identity"] = json!({ "assertion": { "ttl": "30s" } });
        }),
        ("mode", |it| it[2].1["mode"] = json!({ "shadow": { "until": "2027-01-31" } })),
        ("the rest", |it| {
            for file in [0, 1] {
                let file = it[file].1.as_object_mut().unwrap();
                file.insert("problem_base".into(), json!("https://errors.example/"));
                file.insert("headers".into(), json!({ "strip": ["x-user"] }));
                file.insert("limits".into(), json!({ "token_bytes": 4096 }));
                file.insert("waiting".into(), json!({ "requests": 1 }));
                file.insert("cache".into(), json!({ "tokens": 1 }));
            }
        }),
    ]));
}

#[test]
fn the_place_of_a_mistake_begins_with_its_file() {
    assert_seen!(report(&[
        ("a row", |it| it[1].1["services"]["orders"]["routes"][0]["match"] = json!("GET orders")),
        ("a provider", |it| it[2].1["providers"]["billing-idp"]["audiences"] = json!([])),
        ("a field", |it| it[0].1["identity"] = json!({ "assertion": { "ttl": "2m", "audience": "x" } })),
        ("a lint", |it| it[1].1["lint"] = json!({ "allow": [{ "rule": "leeway", "reason": "" }] })),
        ("nothing at all", |it| it.clear()),
    ]));
    let error = Document::from_json(b"{\"x\": 1}").unwrap_err().in_file("my file.yaml");
    let place = &error.iter().next().unwrap().place;
    assert_eq!(crate::policy::file_and_place(place), (Some("my file.yaml"), "x"));
    assert_eq!(crate::policy::file_and_place("services.shop"), (None, "services.shop"));
    let error = Document::from_json(b"{").unwrap_err().in_file("a.yaml").to_string();
    assert!(error.starts_with("a.yaml: it is no JSON: EOF"), "{error}");
}

#[test]
fn lints_are_allowed_by_all_files_together_and_files_are_remembered() {
    let allow = |rule: &str| json!({ "allow": [{ "rule": rule, "reason": "known" }] });
    let mut all = files();
    all[0].1["lint"] = allow("public-row");
    all[1].1["lint"] = allow("leeway");
    let read = |(name, file): (&str, Value)| (name.to_owned(), serde_json::from_value(file).unwrap());
    let merged = merge(all.into_iter().map(read).collect()).unwrap();
    let rules: Vec<_> = merged.document().lint.allow.iter().map(|it| &*it.rule).collect();
    assert_eq!(rules, ["public-row", "leeway"]);
    assert_eq!(merged.file_of_service("orders"), Some("orders.yaml"));
    assert_eq!(merged.file_of_provider("shared"), Some("platform.yaml"));
    assert_eq!(merged.file_of_provider("nobody"), None);
}
