//! Random policies, and random changes of them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::METHODS;

const TEMPLATES: [&str; 10] =
    ["/", "/a", "/a/", "/{x}", "/{y}/", "/a/{x}", "/{x}/b", "/{*r}", "/a/{*r}", "/{x}/{*r}"];
const ROLES: [&str; 8] = ["x", "y", "z", "q:x", "q:y", "p:x", "q:p:x", "q:z"];

fn requirement() -> impl Strategy<Value = Value> {
    let roles = || subsequence(ROLES.to_vec(), 1..=3);
    prop_oneof![
        1 => Just(json!({ "public": true })),
        2 => Just(json!({ "authenticated": true })),
        5 => roles().prop_map(|any| json!({ "roles": any })),
        2 => roles().prop_map(|all| json!({ "all_roles": all })),
        2 => (roles(), roles()).prop_map(|(any, all)| json!({ "roles": any, "all_roles": all })),
    ]
}

fn mode() -> impl Strategy<Value = Option<Value>> {
    let shadow = |until: &str| Some(json!({ "shadow": { "until": until } }));
    // 2025-01-01 and 2028-01-01
    prop_oneof![
        12 => Just(None),
        1 => Just(Some(json!("enforce"))),
        1 => Just(shadow("2024-12-31")),
        1 => Just(shadow("2027-12-31")),
    ]
}

fn routes() -> impl Strategy<Value = Value> {
    let row = |(method, template, mut row, mode): (&str, &str, Value, Option<Value>)| {
        row["match"] = json!(format!("{method} {template}"));
        if let Some(mode) = mode {
            row["mode"] = mode;
        }
        row
    };
    let rows = (select(&METHODS[..]), select(&TEMPLATES[..]), requirement(), mode()).prop_map(row);
    proptest::collection::vec(rows, 0..7).prop_map(|rows| {
        let mut seen = BTreeSet::new();
        let rows = rows.into_iter().filter(|row| seen.insert(row["match"].to_string()));
        rows.collect()
    })
}

fn provider(issuer: &'static str) -> impl Strategy<Value = Value> {
    let source = |path: &'static str| {
        let only = proptest::option::weighted(0.3, subsequence(ROLES.to_vec(), 1..=5));
        let fallback = prop_oneof![3 => Just(false), 1 => Just(true)];
        (any::<bool>(), fallback, select(&["", "p:"][..]), only)
            .prop_map(move |(split, fallback, prefix, only)| {
                let mut source = json!({ "path": [path], "fallback": fallback, "prefix": prefix });
                if split {
                    source["split"] = json!("whitespace");
                }
                // a fallback says it
                if let Some(only) = only.or_else(|| fallback.then(|| ROLES.to_vec())) {
                    source["only"] = json!(only);
                }
                source
            })
            // unboxed, the strategy of a whole policy is larger than a test's stack
            .boxed()
    };
    let names = select(vec![json!({}), json!({ "x": "y" }), json!({ "x": "z", "p:x": "x" })]);
    let r = proptest::option::weighted(0.8, source("r"));
    let s = proptest::option::weighted(0.5, source("s"));
    (r, s, names, select(&["", "", "q:"][..])).prop_map(move |(r, s, names, prefix)| {
        let mut roles: Vec<Value> = [r, s].into_iter().flatten().collect();
        // what lacks the provider's prefix could never come
        for only in roles.iter_mut().filter_map(|source| source.get_mut("only")?.as_array_mut()) {
            only.retain(|role| role.as_str().is_some_and(|role| role.starts_with(prefix)));
        }
        roles.retain(|source| source["only"].as_array().is_none_or(|only| !only.is_empty()));
        json!({
            "issuer": issuer,
            "audiences": ["api"],
            "jwks": { "uri": "https://idp.example/keys", "cluster": "idp" },
            "algorithms": ["RS256"],
            "roles": roles,
            "role_names": names,
            "role_prefix": prefix,
        })
    })
}

fn service(hosts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let providers = prop_oneof![
        3 => Just(None),
        1 => Just(Some(vec!["one"])),
        1 => Just(Some(vec!["two"])),
    ];
    (providers, routes(), mode(), prop_oneof![5 => Just(false), 1 => Just(true)]).prop_map(
        move |(providers, routes, mode, preflight)| {
            let mut service =
                json!({ "hosts": hosts, "routes": routes, "cors": { "preflight": preflight } });
            if let Some(providers) = providers {
                service["providers"] = json!(providers);
            }
            if let Some(mode) = mode {
                service["mode"] = mode;
            }
            service
        },
    )
}

pub(super) fn policy() -> impl Strategy<Value = Value> {
    let main = prop_oneof![service(&["*"]), service(&["*.example"]), service(&["a.example"])];
    let other = proptest::option::weighted(
        0.4,
        prop_oneof![service(&["b.example"]), service(&["*.b.example"])],
    );
    (provider("https://one.example"), provider("https://two.example"), main, other, mode())
        .prop_map(|(one, two, main, other, mode)| {
            let mut policy =
                json!({ "providers": { "one": one, "two": two }, "services": { "main": main } });
            if let Some(other) = other {
                policy["services"]["other"] = other;
            }
            if let Some(mode) = mode {
                policy["mode"] = mode;
            }
            policy
        })
}

/// Two policies: mostly one and the same but for a part, as changes are.
pub(super) fn pair() -> impl Strategy<Value = (Value, Value)> {
    (policy(), policy(), 0..6_u8).prop_map(|(old, other, part)| {
        let mut new = old.clone();
        match part {
            0 => new = other,
            1 => new["services"] = other["services"].clone(),
            2 => new["services"]["main"]["routes"] = other["services"]["main"]["routes"].clone(),
            3 => new["providers"]["one"] = other["providers"]["one"].clone(),
            4 => new["services"]["main"]["mode"] = json!({ "shadow": { "until": "2027-12-31" } }),
            _ => {
                let rows = new["services"]["main"]["routes"].as_array_mut().unwrap();
                rows.pop();
                rows.reverse();
            }
        }
        (old, new)
    })
}
