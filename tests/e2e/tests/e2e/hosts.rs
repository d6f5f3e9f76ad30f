//! Several services behind one gateway: each has its hosts, its providers, and its own audience;
//! one team's provider issues for no other team.
use std::collections::BTreeMap;

use e2e::{RawH2Reply, Shared, Shop, in_front_of_an_echo, raw_h2};
use serde_json::{Value, json};

use crate::support::manager::closes_at_once;
use crate::support::{fields, payload, subject};

static SHOP: Shared = Shared::made("hosts", |stack| {
    in_front_of_an_echo(stack.provider("partner")).envoy(closes_at_once).policy(|policy| {
        let service = |hosts: Value, providers: &[&str], own: &str| {
            json!({ "hosts": hosts, "providers": providers, "routes": [
                { "match": "GET /me", "authenticated": true },
                { "match": format!("GET /{own}"), "roles": ["customer"] },
                { "match": "GET /public", "public": true },
            ] })
        };
        policy["services"] = json!({
            "shop": service(json!(["shop.example", "[::1]"]), &["keycloak"], "shop"),
            "wide": service(json!(["*.example", "*.deep.shop.example"]), &["keycloak"], "wide"),
            "partners": service(json!(["partners.example", "*.Partners.example"]), &["partner"], "partners"),
            "others": service(json!(["*"]), &["keycloak", "partner"], "others"),
        });
        policy["identity"]["assertion"].as_object_mut().unwrap().remove("audience");
    })
});

/// An authority, and the service that it belongs to.
const HOSTS: &[(&str, &str)] = &[
    ("shop.example", "shop"),
    ("SHOP.Example", "shop"),
    ("shop.example:80", "shop"),
    ("shop.example:8443", "shop"),
    ("Shop.EXAMPLE:1", "shop"),
    ("[::1]", "shop"),
    ("[::1]:8080", "shop"),
    ("www.example", "wide"),
    ("WWW.example:80", "wide"),
    ("a.b.example", "wide"),
    ("www.shop.example", "wide"),
    ("a.deep.shop.example", "wide"),
    ("xpartners.example", "wide"),
    ("partners.example", "partners"),
    ("PARTNERS.example:443", "partners"),
    ("x.partners.example", "partners"),
    ("a.b.partners.example:8080", "partners"),
    ("example", "others"),
    ("example:80", "others"),
    ("shop.example.org", "others"),
    ("shop.example.", "others"),
    ("127.0.0.1", "others"),
    ("10.0.0.1:8080", "others"),
    ("[::2]:80", "others"),
    ("localhost", "others"),
    ("shop_example", "others"),
];

/// What cannot be a host belongs to no service.
const NO_HOSTS: &[&str] = &[
    "shop.example:http",
    "a@shop.example",
    "shop.example/",
    "a,shop.example",
    "shop example",
    "sh%6fp.example",
    "*",
    "::1",
    "",
];

#[derive(Clone, Copy, Debug)]
enum Over {
    H1,
    H2,
}

/// What the body of an answer to a `GET` says; null where Envoy itself refused it.
async fn get(shop: &Shop, over: Over, host: &str, path: &str, token: Option<&str>) -> Value {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let body = match over {
        Over::H1 => {
            let bearer =
                bearer.map(|bearer| format!("Authorization: {bearer}\r\n")).unwrap_or_default();
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{bearer}\r\n");
            shop.raw(head).await.text
        }
        Over::H2 => {
            let (host, path) = (host.as_bytes(), path.as_bytes());
            let mut fields: Vec<(&str, &[u8])> = vec![
                (":method", b"GET"),
                (":scheme", b"http"),
                (":authority", host),
                (":path", path),
            ];
            fields.extend(bearer.as_deref().map(|bearer| ("authorization", bearer.as_bytes())));
            match raw_h2(shop.stack.envoy().port(), &fields).await {
                RawH2Reply::Answer(body) => body,
                RawH2Reply::Reset => String::new(),
            }
        }
    };
    serde_json::from_str(&body).unwrap_or_default()
}

#[test]
fn a_request_belongs_to_the_service_of_its_host_whatever_its_port_and_case() {
    SHOP.visit(async |shop| {
        let (alice, partner) = (shop.token("alice").await, shop.token("alice@partner").await);
        let mut wrongs = Vec::new();
        for over in [Over::H1, Over::H2] {
            for &(host, service) in HOSTS {
                let token = if service == "partners" { &partner } else { &alice };
                let own = get(shop, over, host, &format!("/{service}"), Some(token)).await;
                let received = if own["headers"].is_array() {
                    fields(&own["headers"])
                } else {
                    BTreeMap::new()
                };
                let audience =
                    received.get("x-auth-principal").map(|jws| payload(&jws[0])["aud"].clone());
                if audience != Some(json!(service)) {
                    wrongs.push(format!("{over:?} {host}: {own}"));
                }
                // byte for byte, as the service will read it
                assert_eq!(
                    received.get("host").map(|it| it[0].as_str()),
                    Some(host),
                    "{over:?} {own}"
                );
                // and the others' rows are not its own
                for other in
                    ["shop", "wide", "partners", "others"].iter().filter(|other| **other != service)
                {
                    let undeclared = get(shop, over, host, &format!("/{other}"), Some(token)).await;
                    if undeclared["reason"] != "route-undeclared" {
                        wrongs.push(format!("{over:?} {host} /{other}: {undeclared}"));
                    }
                }
            }
        }
        assert_eq!(wrongs, [""; 0]);
    });
}

#[test]
fn what_cannot_be_a_host_belongs_to_no_service() {
    SHOP.visit(async |shop| {
        let alice = shop.token("alice").await;
        let mut wrongs = Vec::new();
        for over in [Over::H1, Over::H2] {
            for host in NO_HOSTS {
                for (path, token, reason) in [
                    ("/me", Some(&*alice), "route-undeclared"),
                    ("/others", Some(&*alice), "route-undeclared"),
                    // no row is public of nobody's service
                    ("/public", None, "token-missing"),
                ] {
                    let refused = shop.unreached(get(shop, over, host, path, token)).await;
                    if !refused.is_null() && refused["reason"] != reason {
                        wrongs.push(format!("{over:?} {host} {path}: {refused}"));
                    }
                }
            }
        }
        assert_eq!(wrongs, [""; 0]);
    });
}

#[test]
fn a_service_accepts_its_own_providers_and_no_other_teams() {
    SHOP.visit(async |shop| {
        let (alice, partner) = (shop.token("alice").await, shop.token("alice@partner").await);
        for over in [Over::H1, Over::H2] {
            for (host, token, accepted) in [
                ("shop.example", &alice, true),
                ("shop.example", &partner, false),
                ("partners.example", &partner, true),
                ("partners.example", &alice, false),
                ("x.partners.example:80", &alice, false),
                ("www.example", &partner, false),
                ("elsewhere", &alice, true),
                ("elsewhere", &partner, true),
            ] {
                for path in ["/me", "/public"] {
                    let answer = get(shop, over, host, path, Some(token)).await;
                    let reason = if accepted { Value::Null } else { json!("issuer-not-accepted") };
                    assert_eq!(answer["reason"], reason, "{over:?} {host} {path}: {answer}");
                    assert_eq!(answer["headers"].is_array(), accepted, "{answer}");
                }
                // an endpoint that has no row, too: who is not known here does not learn of it
                let undeclared = get(shop, over, host, "/nothing", Some(token)).await;
                let reason = if accepted { "route-undeclared" } else { "issuer-not-accepted" };
                assert_eq!(undeclared["reason"], reason, "{over:?} {host}: {undeclared}");
            }
        }
        // at the host that takes both, each is who its own issuer says
        for (token, issuer) in [
            (&alice, shop.issuer()),
            (&partner, shop.stack.idp_named("partner").addresses().issuer.clone()),
        ] {
            let echo = get(shop, Over::H1, "elsewhere", "/me", Some(token)).await;
            let received = fields(&echo["headers"]);
            assert_eq!(received["x-auth-subject"], [subject("alice")]);
            assert_eq!(received["x-auth-issuer"], [issuer]);
        }
    });
}

/// A request has one host: the one that decides is the one that the service gets. CVE-2026-26308
/// (Envoy), CVE-2026-31838 (Istio): of several values, the one that decided was not the one that
/// was used.
#[test]
fn a_second_host_changes_nothing() {
    SHOP.visit(async |shop| {
        let alice = shop.token("alice").await;
        let bearer = format!("Bearer {alice}");
        for (other, value) in [
            ("host", "partners.example"),
            ("x-forwarded-host", "partners.example"),
            ("x-original-host", "partners.example"),
            ("forwarded", "host=partners.example"),
        ] {
            let fields_sent: [(&str, &[u8]); 6] = [
                (":method", b"GET"),
                (":scheme", b"http"),
                (":authority", b"shop.example"),
                (":path", b"/shop"),
                ("authorization", bearer.as_bytes()),
                (other, value.as_bytes()),
            ];
            let RawH2Reply::Answer(body) = raw_h2(shop.stack.envoy().port(), &fields_sent).await
            else {
                continue;
            };
            let echo: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(fields(&echo["headers"])["host"], ["shop.example"], "{other}: {echo}");
        }
        let twice = "GET /shop HTTP/1.1\r\nHost: shop.example\r\nHost: partners.example";
        let twice =
            shop.raw(format!("{twice}\r\nConnection: close\r\nAuthorization: {bearer}\r\n\r\n"));
        // Envoy makes a list of them, which is no host
        shop.unreached(twice).await.is_problem(403, "route-undeclared");
        let absolute = "GET http://partners.example/shop HTTP/1.1\r\nHost: shop.example";
        let absolute =
            format!("{absolute}\r\nConnection: close\r\nAuthorization: {bearer}\r\n\r\n");
        shop.unreached(shop.raw(absolute)).await.is_problem(401, "issuer-not-accepted");
    });
}
