//! What reaches a service behind the gateway: nothing that a client forged, and everything that the
//! gateway wrote.
use std::collections::BTreeMap;

use e2e::{NO_TOKEN, Shared, in_front_of_an_echo, insufficient_scope};
use portcullis_principal::{AssertionVerifier, Endpoint};
use serde_json::json;

use crate::support::manager::passes_trailers;
use crate::support::policy::any_role;
use crate::support::{fields, headers_of, now, payload, subject};

static SHOP: Shared = Shared::made("edge", |stack| {
    in_front_of_an_echo(stack).policy(any_role).envoy(passes_trailers)
});

/// Names that reach no service: the gateway's own, those that let a request be two things, and
/// those by which proxies describe a request.
const FORGED: &[&str] = &[
    "x-auth-subject",
    "x-auth-roles",
    "x-auth-issuer",
    "x-auth-principal",
    "x-portcullis-shadow",
    "x-envoy-original-path",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "script-name",
    "path-info",
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-script-name",
    "x-real-ip",
    "x-auth-request-user",
    "x-remote-user",
    "remote-user",
    "proxy",
    "proxy-authorization",
];

/// A name in the spellings that services confuse: each hyphen by itself, and all of them, replaced
/// by `_` and by `.`.
fn spellings(name: &str) -> Vec<String> {
    let mut spellings = vec![name.to_owned(), name.to_uppercase()];
    for by in ["_", "."] {
        spellings.push(name.replace('-', by));
        let hyphens: Vec<_> = name.match_indices('-').map(|(at, _)| at).collect();
        spellings.extend(hyphens.iter().map(|at| [&name[..*at], by, &name[at + 1..]].concat()));
    }
    let mixed = name.replacen('-', "_", 1).replace('-', ".");
    spellings.extend([mixed.clone(), mixed.to_uppercase()]);
    spellings.sort();
    spellings.dedup();
    spellings
}

/// All spellings of all names, in parts that fit into one request.
fn forged() -> Vec<Vec<String>> {
    let all: Vec<_> = FORGED.iter().flat_map(|name| spellings(name)).collect();
    assert!(all.len() > 200, "{}", all.len());
    all.chunks(70).map(<[String]>::to_vec).collect()
}

/// Traefik CVE-2026-88011, -54763, -39858, -33433; CVE-2026-35051.
#[test]
fn what_a_client_forges_reaches_no_service_on_public_rows_neither() {
    SHOP.visit(async |shop| {
        for names in forged() {
            let forged =
                |path| names.iter().fold(shop.get(path), |it, name| it.header(name, "root"));
            let anonymous = headers_of(&forged("/products").answers(200).await);
            let known = headers_of(&forged("/me").sent_as("alice").answers(200).await);
            for name in FORGED {
                assert_eq!(anonymous.get(*name), None, "{name}");
                let values = known.get(*name).map_or(&[][..], Vec::as_slice);
                assert!(
                    values.len() <= 1 && !values.contains(&"root".to_owned()),
                    "{name}: {values:?}"
                );
            }
            assert_eq!(known["x-auth-subject"], [subject("alice")]);
            assert_eq!(known["x-auth-roles"], ["customer"]);
            assert_eq!(known["x-auth-issuer"], [shop.issuer()]);
            assert_eq!(known["x-auth-principal"].len(), 1);
        }
    });
}

#[test]
fn what_a_client_forges_reaches_no_service_in_trailers_neither() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        let names: Vec<_> = FORGED.iter().chain(&["authorization", "cookie", "x-forwarded-for"]).collect();
        let all: Vec<_> = names.iter().flat_map(|name| spellings(name)).collect();
        for names in all.chunks(70) {
            let forged = names.join(": root\r\n") + ": root\r\n";
            let answer = shop.raw(format!(
                "POST /orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
                 Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{forged}x-plain: kept\r\n\r\n"
            ));
            let answer = answer.await.is(200);
            assert_eq!(
                fields(&answer.body["trailers"]),
                BTreeMap::from([("x-plain".into(), vec!["kept".into()])]),
                "{names:?}"
            );
        }
    });
}

/// Envoy knows its own names in one spelling: another one would pass its checks and be the same
/// name to the service.
#[test]
fn what_envoy_writes_reaches_the_service_once_and_in_envoys_spelling_alone() {
    SHOP.visit(async |shop| {
        let names =
            ["x-forwarded-for", "x-forwarded-proto", "x-request-id", "x-envoy-external-address"];
        let forged =
            names.iter().flat_map(|name| spellings(name)).filter(|name| name.contains(['_', '.']));
        let request = forged.fold(shop.get("/products"), |it, name| it.header(&name, "root"));
        let received = headers_of(&request.answers(200).await);
        for name in ["x-forwarded-for", "x-forwarded-proto", "x-request-id"] {
            assert_eq!(received[name].len(), 1, "{received:?}");
        }
        assert!(!received.values().flatten().any(|value| value.contains("root")), "{received:?}");
    });
}

/// oauth2-proxy CVE-2026-40575, -76835; Traefik CVE-2026-35051: what a header says of the path
/// opened another one.
#[test]
fn no_header_that_describes_a_request_changes_the_decision() {
    SHOP.visit(async |shop| {
        for name in FORGED.iter().filter(|name| **name != "proxy-authorization") {
            for value in ["/products", "GET", "root"] {
                shop.get("/orders").named(*name).header(name, value).is_stopped(NO_TOKEN).await;
            }
            let known =
                shop.post("/products").named(*name).sent_as("alice").header(name, "/orders");
            known.is_stopped(insufficient_scope("role-missing")).await;
        }
    });
}

#[test]
fn a_header_that_the_policy_lets_pass_does_so_in_its_own_spelling_alone_and_one_that_it_strips_does_not()
 {
    SHOP.visit(async |shop| {
        let headers = json!({ "pass": ["x-forwarded-prefix", "forwarded"], "strip": ["x-user", "x-envoy-attempt-count"] });
        shop.stack.change_policy(|policy| policy["headers"] = headers).await.unwrap();
        let names = ["x-forwarded-prefix", "forwarded", "x-user", "x-forwarded-host"];
        let names = names.iter().flat_map(|name| spellings(name));
        let request = names.fold(shop.get("/products"), |it, name| it.header(&name, &name));
        let received = headers_of(&request.answers(200).await);
        for name in ["x-forwarded-prefix", "forwarded"] {
            let mut values: Vec<_> = received[name].iter().flat_map(|value| value.split(',')).collect();
            values.sort_unstable();
            // names are in lower case when they come to the filter
            assert_eq!(values, [&*name.to_uppercase(), name], "{received:?}");
        }
        for name in ["x-user", "x-forwarded-host", "x-envoy-attempt-count"] {
            assert_eq!(received.get(name), None, "{received:?}");
        }
        shop.stack.change_policy(|policy| policy["headers"] = json!({})).await.unwrap();
    });
}

/// RFC 9110 7.6.1 makes a proxy drop what `Connection` names: it must not drop what the gateway
/// wrote.
#[test]
fn a_client_cannot_have_the_identity_removed_by_naming_it_in_connection() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        let answer = shop.raw(format!(
            "GET /me HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n\
             Connection: close, x-auth-subject, x-auth-roles, x-auth-principal\r\n\r\n"
        ));
        let received = headers_of(&answer.await.is(200));
        assert_eq!(received["x-auth-subject"], [subject("alice")]);
        assert_eq!(received["x-auth-roles"], ["customer"]);
        assert_eq!(received["x-auth-principal"].len(), 1);
        let named =
            received.get("connection").is_some_and(|it| it.iter().any(|it| it.contains("x-auth")));
        assert!(!named, "the service must not be told to drop them either: {received:?}");
    });
}

#[test]
fn the_token_stays_at_the_gateway() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        for path in ["/me", "/products"] {
            let answer = shop.get(path).token(&token).answers(200).await;
            assert!(!answer.text.contains(&token), "{answer}");
            assert_eq!(headers_of(&answer).get("authorization"), None);
        }
    });
}

#[test]
fn a_role_with_a_comma_or_a_line_break_is_one_role_everywhere() {
    SHOP.visit(async |shop| {
        let role = "customer,admin";
        let token = shop
            .stack
            .idp()
            .token("nora")
            .roles([role, "a b", "käufer", "x\r\ny"])
            .sign()
            .await
            .unwrap();
        shop.get("/orders").token(&token).is_stopped(insufficient_scope("role-missing")).await;
        let received = headers_of(&shop.get("/me").token(&token).answers(200).await);
        let roles: Vec<_> =
            received["x-auth-roles"].iter().flat_map(|value| value.split(',')).collect();
        // a role with a control character is dropped, the others stay one role each
        assert_eq!(roles.len(), 3, "{roles:?}");
        assert!(!roles.contains(&"admin") && !roles.contains(&"customer"), "{roles:?}");
    });
}

#[test]
fn the_assertion_says_who_for_which_request_and_ends_with_the_token() {
    SHOP.visit(async |shop| {
        let jwks = shop.gateway_key.public_jwks().to_string();
        let verifier = AssertionVerifier::from_jwks(&jwks, "portcullis", "shop").unwrap();
        for (path, row) in [("/me", "/me"), ("/orders/7", "/orders/{order_id}")] {
            let received = headers_of(&shop.get(path).sent_as("alice").answers(200).await);
            let endpoint = Endpoint { method: "GET", route: row };
            let principal =
                verifier.verify(&received["x-auth-principal"][0], endpoint, now()).unwrap();
            assert_eq!(principal.subject(), subject("alice"));
            assert_eq!(principal.issuer(), shop.issuer());
            assert_eq!(principal.roles(), ["customer"]);
        }

        let short = shop.stack.idp().token("alice").expires_in(20).sign().await.unwrap();
        let ends = now() + 20;
        let received = headers_of(&shop.get("/me").token(&short).answers(200).await);
        let claims = payload(&received["x-auth-principal"][0]);
        assert!(claims["exp"].as_u64().unwrap() <= ends, "{claims}");
        let received = headers_of(&shop.get("/me").sent_as("alice").answers(200).await);
        let claims = payload(&received["x-auth-principal"][0]);
        assert!(
            claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap() <= 60,
            "{claims}"
        );
    });
}
