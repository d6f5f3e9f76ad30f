//! Whatever goes wrong at the gateway, the service gets no identity that a client has written.
//!
//! CVE-2026-124679, CVE-2026-39999 (APISIX): where the plugin could not decide and the request
//! passed all the same, the client's own headers passed with it. CVE-2026-88011 (Traefik) and its
//! kin: a spelling that the service folds into the name survived.
use dev_idp::{Endpoint, Fault};
use e2e::{RawH2Reply, Shared, Shop, in_front_of_an_echo, raw_h2};
use serde_json::{Value, json};

use crate::support::manager::closes_at_once;
use crate::support::subject;

/// What a client writes.
const FORGED: &str = "forged";
/// The names that are the gateway's to write.
const OURS: [&str; 5] =
    ["x-auth-subject", "x-auth-roles", "x-auth-issuer", "x-auth-principal", "x-portcullis-shadow"];
/// What CGI and its kin read as a hyphen.
const HYPHENS: [&str; 3] = ["-", "_", "."];

static SHOP: Shared = Shared::made("advisories-degraded", |stack| {
    in_front_of_an_echo(stack).envoy(closes_at_once).policy(|policy| {
        policy["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
        policy["waiting"] = json!({ "time": "1s" });
    })
});

/// A name with each of its hyphens written in every way.
fn spellings(name: &str) -> Vec<String> {
    let mut parts = name.split('-');
    let first = vec![parts.next().unwrap().to_owned()];
    parts.fold(first, |spellings, part| {
        let longer = |begun: String| HYPHENS.map(|hyphen| format!("{begun}{hyphen}{part}"));
        spellings.into_iter().flat_map(longer).collect()
    })
}

/// Every spelling of every name, in lower case, and in upper case as an HTTP/1.1 client may write
/// it.
fn forged() -> [Vec<String>; 2] {
    let all: Vec<_> = OURS.iter().flat_map(|name| spellings(name)).collect();
    let upper = all.iter().map(|name| name.to_ascii_uppercase()).collect();
    [all, upper]
}

/// What the service got of each request that was sent with all forged headers, once in lower and
/// once in upper case.
async fn received(shop: &Shop, head: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for names in forged() {
        let forged: Vec<_> = names.iter().map(|name| format!("{name}: {FORGED}\r\n")).collect();
        let forged = forged.concat();
        let request = format!("{head}\r\nHost: shop\r\nConnection: close\r\n{forged}\r\n");
        let answer = shop.raw(request).await;
        assert_eq!(answer.status, 200, "{head}: {answer}");
        all.push(answer.body);
    }
    all
}

/// Nothing that the client wrote is there, and the mark of the shadow mode is the gateway's.
#[track_caller]
fn nothing_forged(bodies: &[Value], shadow: Option<&str>) {
    for body in bodies {
        let headers = body["headers"].as_array().unwrap();
        let left: Vec<_> = headers.iter().filter(|header| header[1] == FORGED).collect();
        assert!(left.is_empty(), "{left:?}");
        let mark = headers
            .iter()
            .find(|header| header[0] == "x-portcullis-shadow")
            .map(|header| header[1].as_str());
        assert_eq!(mark.flatten(), shadow, "{body}");
    }
}

#[test]
fn no_clients_identity_survives_a_shadow_mode_or_a_public_row() {
    SHOP.visit(async |shop| {
        let good = shop.token("alice").await;
        let ended = shop.stack.idp().token("alice").expires_in(-60).sign().await.unwrap();
        for (target, token, shadow) in [
            ("/products", None, None),
            ("/products", Some(&good), None),
            ("/products", Some(&ended), Some("token-expired")),
            ("/orders", None, Some("token-missing")),
            ("/orders", Some(&good), None),
            ("/orders", Some(&ended), Some("token-expired")),
            ("/audit", Some(&good), Some("role-missing")),
            ("/nothing", Some(&good), Some("route-undeclared")),
        ] {
            let bearer =
                token.map(|token| format!("\r\nAuthorization: Bearer {token}")).unwrap_or_default();
            let bodies = received(shop, &format!("GET {target} HTTP/1.1{bearer}")).await;
            nothing_forged(&bodies, shadow);
            let known = token == Some(&good);
            for body in &bodies {
                let subjects = body["headers"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|it| it[0] == "x-auth-subject");
                let subjects: Vec<_> = subjects.map(|it| it[1].as_str().unwrap()).collect();
                assert_eq!(
                    subjects,
                    if known { vec![subject("alice")] } else { vec![] },
                    "{target}: {body}"
                );
            }
        }
    });
}

#[test]
fn no_clients_identity_survives_missing_keys() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        let bodies =
            received(shop, &format!("GET /orders HTTP/1.1\r\nAuthorization: Bearer {token}")).await;
        nothing_forged(&bodies, Some("keys-unavailable"));
        nothing_forged(&received(shop, "GET /products HTTP/1.1").await, None);
        shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        let passes = async || {
            let answer = shop.get("/orders").token(&token).send().await;
            answer.text.contains("x-auth-subject").then_some(())
        };
        harness::process::eventually("the keys", crate::keys::PATIENCE, passes).await.unwrap();
    });
}

/// A permit that cannot be handed over is no pass, in a shadow mode neither: the method of this
/// request is no text, so no assertion can name it.
#[test]
fn a_hand_off_that_fails_ends_the_request_in_a_shadow_mode_too() {
    SHOP.visit(async |shop| {
        let bearer = format!("Bearer {}", shop.token("alice").await);
        for method in [&b"G\x80T"[..], b"\xff", b"GET\xc3"] {
            let fields: [(&str, &[u8]); 6] = [
                (":method", method),
                (":scheme", b"http"),
                (":authority", b"shop"),
                (":path", b"/orders"),
                ("authorization", bearer.as_bytes()),
                ("x-auth-subject", FORGED.as_bytes()),
            ];
            let reply = shop.unreached(raw_h2(shop.stack.envoy().port(), &fields)).await;
            if let RawH2Reply::Answer(body) = reply {
                let body: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(body["reason"], "handoff-failed", "{method:x?}");
                assert!(body["status"].as_u64().unwrap() >= 500, "{body}");
            }
        }
    });
}
