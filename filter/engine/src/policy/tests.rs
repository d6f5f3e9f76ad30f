//! The policy as a whole: how it is found, what is the default, and how fast it loads.

use serde_json::json;

use super::testing::{load, loaded, provider, rows, service};
use super::*;
use crate::authz::path::CanonicalPath;
use crate::authz::roles::Requirement;
use crate::clock::UnixTime;

fn policy() -> Policy {
    loaded(|_| {})
}

#[test]
fn a_policy_is_found_by_issuer_and_host_and_row() {
    let policy = policy();
    let provider = policy.provider_of_issuer("https://idp.example/realms/shop").unwrap();
    assert_eq!(&*policy.provider(provider).unwrap().name, "keycloak");
    assert_eq!(policy.provider_of_issuer("https://idp.example/realms/shop/"), None);
    assert_eq!(policy.provider(ProviderId(1)).map(|it| &it.name), None);

    let id = policy.service_of_host(b"shop.example:8080").unwrap();
    let service = policy.service(id).unwrap();
    assert!(service.accepts(provider));
    let path = CanonicalPath::parse(b"/orders/7").unwrap();
    let Found::Row(row) = service.find("GET", path) else { panic!("no row") };
    let (of, same) = policy.row(row.id).unwrap();
    assert_eq!((of, same.id, same.template.as_str()), (id, row.id, "/orders/{order_id}"));
    assert!(matches!(service.find("PUT", path), Found::PathKnown));
    assert!(policy.row(RowId(4)).is_none());
}

#[test]
fn what_is_unsaid_is_the_default() {
    let policy = policy();
    let provider = &policy.providers()[0];
    assert_eq!((provider.leeway, provider.max_age, provider.ignore_binding), (30, None, false));
    assert_eq!(*provider.audience_claim, ["aud".into()]);
    assert_eq!(*provider.subject, ["sub".into()]);
    assert_eq!(*provider.token_types, [Some("jwt".into()), Some("at+jwt".into())]);
    let KeyTimes { refresh, max_stale, unknown_kid_interval, timeout, max_bytes } =
        provider.key_times;
    assert_eq!(
        [refresh, max_stale, unknown_kid_interval, timeout].map(|it| it.as_secs()),
        [300, 3600, 30, 5]
    );
    assert_eq!(max_bytes, 1024 * 1024);
    assert_eq!(policy.sources(), [TokenSource::Bearer]);
    assert_eq!(policy.source(provider.source), Some(&TokenSource::Bearer));
    let identity = policy.identity();
    assert_eq!((&*identity.assertion.issuer, identity.assertion.ttl.as_secs()), ("portcullis", 60));
    assert_eq!(policy.services()[0].assertion_audience(), "shop");
    let stripped: Vec<_> = policy.stripped().iter().map(AsRef::as_ref).collect();
    assert_eq!(stripped, ["x-auth-subject", "x-auth-roles", "x-auth-issuer", "x-auth-principal"]);
    assert_eq!((policy.mode(), policy.problem_base()), (Mode::Enforce, None));
    let waiting = policy.waiting();
    assert_eq!((waiting.time.as_secs(), waiting.requests), (5, 1000));
    let cache = policy.cache();
    assert_eq!((cache.tokens, cache.bytes), (10_000, 14 << 20));
    assert_eq!(policy.limits().token_bytes, 16_384);
}

#[test]
fn the_nearest_mode_wins_row_then_service_then_policy() {
    let shadow = |until| json!({ "shadow": { "until": until } });
    let policy = loaded(|policy| {
        policy["mode"] = shadow("2027-01-31");
        policy["services"]["other"] = json!({ "hosts": ["other.example"], "mode": "enforce", "routes": [
            { "match": "GET /a", "public": true },
            { "match": "GET /b", "public": true, "mode": shadow("1970-01-01") },
        ] });
        rows(policy)[0]["mode"] = json!("enforce");
    });
    let until = |end| Mode::Shadow { ends: UnixTime(end) };
    assert_eq!(policy.mode(), until(1_801_440_000));
    let modes = policy.services().iter().map(|service| {
        let rows: Vec<_> = service.rows().iter().map(|row| row.mode).collect();
        (service.mode(), rows)
    });
    let trial = until(1_801_440_000);
    assert_eq!(
        modes.collect::<Vec<_>>(),
        [
            (Mode::Enforce, vec![Mode::Enforce, until(86_400)]),
            (trial, vec![Mode::Enforce, trial, trial, trial]),
        ]
    );
}

#[test]
fn row_ids_run_through_all_services_those_without_rows_too() {
    let policy = loaded(|policy| {
        for (name, rows) in [("a", 2), ("b", 0), ("c", 0), ("d", 1), ("z", 0)] {
            let routes: Vec<_> = (0..rows)
                .map(|n| json!({ "match": format!("GET /{n}"), "public": true }))
                .collect();
            policy["services"][name] =
                json!({ "hosts": [format!("{name}.example")], "routes": routes });
        }
    });
    let mut ids = 0;
    for (at, service) in policy.services().iter().enumerate() {
        for row in service.rows() {
            assert_eq!(row.id, RowId(ids));
            let (id, same) = policy.row(row.id).unwrap();
            assert_eq!((id.0 as usize, same.template.as_str()), (at, row.template.as_str()));
            ids += 1;
        }
    }
    assert_eq!(ids, 7);
    assert!(policy.row(RowId(7)).is_none() && policy.row(RowId(u32::MAX)).is_none());
}

#[test]
fn the_hash_is_equal_for_documents_that_say_the_same_and_for_no_others() {
    let hash = |change: fn(&mut serde_json::Value)| loaded(change).hash().to_owned();
    let shop = hash(|_| {});
    assert_eq!(shop.len(), 16);
    assert!(shop.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')));
    assert_eq!(
        hash(|it| it["providers"]["keycloak"]["leeway"] = json!("1m")),
        hash(|it| {
            it["providers"]["keycloak"]["leeway"] = json!(60.0);
        })
    );
    for other in [
        hash(|it| it["providers"]["keycloak"]["leeway"] = json!(60)),
        hash(|it| service(it)["hosts"] = json!(["shop.example"])),
        hash(|it| service(it)["ownership_bypass_roles"] = json!(["admin"])),
        hash(|it| it["headers"] = json!({ "strip": ["x-user"] })),
        hash(|it| it["headers"] = json!({ "pass": ["forwarded"] })),
        hash(|it| it["headers"] = json!({ "pass_unverified": ["authorization"] })),
        hash(|it| provider(it)["roles"] = json!([{ "path": ["roles"], "only": ["customer"] }])),
        hash(|it| provider(it)["roles"] = json!([{ "path": ["roles"], "only": ["admin"] }])),
        hash(|it| it["mode"] = json!({ "shadow": { "until": "2027-01-31" } })),
        hash(|it| drop(rows(it).pop())),
    ] {
        assert_ne!(shop, other);
    }
}

#[test]
fn numbers_may_be_the_doubles_of_a_protobuf_struct() {
    let policy = loaded(|policy| {
        provider(policy)["jwks"]["refresh"] = json!(300.0);
        provider(policy)["jwks"]["max_bytes"] = json!(65536.0);
        policy["limits"] = json!({ "token_bytes": 4096.0 });
    });
    assert_eq!(policy.providers()[0].key_times.max_bytes, 65536);
    assert_eq!(policy.limits().token_bytes, 4096);
}

#[test]
fn only_roles_that_some_row_names_can_decide() {
    let policy = loaded(|policy| {
        rows(policy).push(json!({ "match": "GET /x", "all_roles": ["admin", "admin"] }));
    });
    assert_eq!(policy.role_names().iter().collect::<Vec<_>>(), ["customer", "admin"]);
    let Requirement::Roles { any, all } = &policy.services()[0].rows()[4].requirement else {
        panic!("no roles")
    };
    assert_eq!((any.len(), all.len()), (0, 1));
}

#[test]
fn the_shipped_policy_loads() {
    let text = include_str!("../../../../envoy/policy.yaml");
    let policy = load(&serde_saphyr::from_str(text).unwrap()).unwrap();
    let shop = &policy.services()[0];
    assert_eq!((shop.name(), shop.assertion_audience()), ("shop", "shop"));
    assert_eq!((&*shop.rows()[0].method, shop.rows()[0].template.as_str()), ("POST", "/orders"));
    assert!(text.starts_with("# yaml-language-server: $schema=policy.schema.json\n"));
}

#[test]
fn ten_thousand_rows_over_a_hundred_hosts_load() {
    let services = (0..100).map(|service| {
        let row = |n: usize| {
            let (method, depth) = (["GET", "PUT", "POST", "DELETE"][n % 4], n / 20);
            let endpoint =
                format!("{method} /v1/area-{depth}/things-{}/{{thing_id}}/parts", n % 20);
            json!({ "match": endpoint, "roles": [format!("role-{}", n % 40), "admin"] })
        };
        let hosts = [format!("service-{service}.shop.example")];
        (
            format!("service-{service}"),
            json!({ "hosts": hosts, "routes": (0..100).map(row).collect::<Vec<_>>() }),
        )
    });
    let mut document = super::testing::shop();
    document["services"] = services.collect::<serde_json::Map<_, _>>().into();
    let policy = load(&document).unwrap();
    assert_eq!(policy.services().iter().map(|it| it.rows().len()).sum::<usize>(), 10_000);
    let service =
        policy.service(policy.service_of_host(b"service-7.shop.example").unwrap()).unwrap();
    let path = CanonicalPath::parse(b"/v1/area-4/things-19/7/parts").unwrap();
    assert!(
        matches!(service.find("DELETE", path), Found::Row(row) if policy.row(row.id).unwrap().1.id == row.id)
    );
}
