//! The table of paths through a real Envoy, over HTTP/1.1 and HTTP/2: what the filter decides on is
//! what the service gets, whatever Envoy itself does to paths, and the row that the filter chose is
//! the route that axum's router chose.
mod ask;
mod gateways;
mod routers;

use std::fmt::Write as _;

use corpus::{PathCase, PathOutcome, Paths};
use e2e::{Answer, Shop};
use futures_util::future::join_all;
use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::policy::{Found, Policy};

use self::ask::{Outcome, asked_over_h2, over_h1, over_h2};
use self::gateways::{GATEWAYS, Gateway, SHOP};
use crate::support::now;

/// Whether a target comes as it is over HTTP/1.1: Envoy takes other forms apart (RFC 9112 3.2), and
/// where there is a space the target ends.
fn over_h1_too(target: &[u8]) -> bool {
    target.starts_with(b"/") && !target.iter().any(u8::is_ascii_whitespace)
}

/// A pseudo-header of HTTP/2.
type Pseudo<'a> = (&'a str, &'a [u8]);

/// What became of every target of the table, over HTTP/1.1 (`None`: not sent) and over HTTP/2.
async fn outcomes<'p>(
    gateway: &Gateway,
    paths: &'p Paths,
) -> Vec<(PathCase<'p>, Option<Outcome>, Outcome)> {
    let token = corpus::honest_token(now());
    let cases: Vec<_> = paths.cases().collect();
    let mut outcomes = Vec::new();
    for cases in cases.chunks(50) {
        outcomes.extend(
            join_all(cases.iter().map(async |case| {
                let h1 = if over_h1_too(&case.target) {
                    Some(over_h1(gateway, &case.target, &token).await)
                } else {
                    None
                };
                (case.clone(), h1, over_h2(gateway, &case.target, &token).await)
            }))
            .await,
        );
    }
    outcomes
}

fn shown(target: &[u8]) -> String {
    target.escape_ascii().to_string()
}

/// What the table says becomes of a target that nobody rewrites.
fn expected(case: &PathCase<'_>) -> Outcome {
    match case.outcome {
        PathOutcome::Passes(row) => {
            let target = String::from_utf8(case.target.clone()).expect("ASCII");
            Outcome::Passed { target, row: row.to_owned(), route: row.to_owned() }
        }
        PathOutcome::Closed(_) => Outcome::Refused("role-missing".to_owned()),
        PathOutcome::Refused(reason) => Outcome::Refused(reason.to_owned()),
    }
}

/// What is wrong with a path that passed, if anything is: the row must be the one that decides what
/// the service got, and the one that axum's router chose.
fn bypass(policy: &Policy, outcome: &Outcome) -> Option<String> {
    let Outcome::Passed { target, row, route } = outcome else { return None };
    let service = policy.service_of_host(b"shop.example").and_then(|id| policy.service(id));
    let decides = CanonicalPath::parse(target.as_bytes()).ok().and_then(|path| {
        match service.expect("a service").find("GET", path) {
            Found::Row(found) => Some(found.template.to_string()),
            _ => None,
        }
    });
    let right = decides.as_deref() == Some(row) && row == route;
    (!right)
        .then(|| format!("`{target}` passed by {row}, decided by {decides:?}, routed to `{route}`"))
}

fn load(paths: &Paths) -> Policy {
    Policy::from_json(paths.policy().to_string().as_bytes())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn as_shipped_every_path_is_decided_as_the_table_says_and_reaches_the_service_byte_for_byte() {
    SHOP.visit(async |shop| {
        let paths = Paths::load();
        let policy = load(&paths);
        let (before, mut passed, mut wrongs) = (shop.requests_passed().await, 0, Vec::new());
        for (case, h1, h2) in outcomes(&GATEWAYS[0], &paths).await {
            for outcome in h1.iter().chain([&h2]) {
                passed += u64::from(matches!(outcome, Outcome::Passed { .. }));
                wrongs.extend(bypass(&policy, outcome));
                // of a path that is no path Envoy itself may say so
                let by_envoy =
                    *outcome == Outcome::ByEnvoy && case.outcome.reason() == Some("path-ambiguous");
                if *outcome != expected(&case) && !by_envoy {
                    wrongs.push(format!(
                        "{}: {outcome} instead of {}",
                        shown(&case.target),
                        expected(&case)
                    ));
                }
            }
        }
        assert_eq!(wrongs, [""; 0]);
        assert_eq!(
            shop.requests_passed().await - before,
            passed,
            "what is refused reaches no service"
        );
    });
}

/// Envoy's settings for paths make more or less of them canonical, before the filter sees them.
/// Whatever it makes of one is what the filter decides on and what the service gets. What Envoy
/// does is a committed file: no rule of ours.
#[test]
fn what_envoy_rewrote_is_what_is_decided_and_what_the_service_gets() {
    SHOP.visit(async |shop| {
        let paths = Paths::load();
        let policy = load(&paths);
        let mut done = String::new();
        for gateway in &GATEWAYS[1..] {
            writeln!(done, "{}", gateway.name).unwrap();
            let (before, mut passed, mut wrongs) = (shop.requests_passed().await, 0, Vec::new());
            for (case, h1, h2) in outcomes(gateway, &paths).await {
                for outcome in h1.iter().chain([&h2]) {
                    passed += u64::from(matches!(outcome, Outcome::Passed { .. }));
                    wrongs.extend(bypass(&policy, outcome));
                }
                let target = shown(&case.target);
                let is_canonical = case.outcome.reason() != Some("path-ambiguous");
                if is_canonical
                    && (h1.iter().chain([&h2])).any(|outcome| *outcome != expected(&case))
                {
                    wrongs.push(format!("{target}: {h1:?}, {h2} instead of {}", expected(&case)));
                }
                let rewritten = |outcome: &Outcome| match outcome {
                    Outcome::Passed { .. } | Outcome::SentTo(_) => true,
                    Outcome::Refused(reason) => reason != "path-ambiguous",
                    Outcome::ByEnvoy => false,
                };
                if !is_canonical && h1.iter().chain([&h2]).any(rewritten) {
                    write!(done, "    {target}  ->  ").unwrap();
                    match h1 {
                        Some(h1) if h1 == h2 => writeln!(done, "{h1}").unwrap(),
                        Some(h1) => writeln!(done, "{h1}; over HTTP/2 {h2}").unwrap(),
                        None => writeln!(done, "over HTTP/2 {h2}").unwrap(),
                    }
                }
            }
            assert_eq!(wrongs, [""; 0], "{}", gateway.name);
            assert_eq!(
                shop.requests_passed().await - before,
                passed,
                "what is refused reaches no service"
            );
        }
        insta::assert_snapshot!("what_envoy_makes_of_paths", done);
    });
}

/// RFC 9112 3.2: the other forms of a target, and methods that are not for endpoints. Envoy refuses
/// most of them itself. Envoy CVE-2026-26311, CVE-2026-73547 and CVE-2026-48090: a filter that
/// takes a path for granted ends with its process.
#[test]
fn no_endpoint_is_refused_and_no_vm_ends() {
    SHOP.visit(async |shop| {
        let reloads = async || shop.stack.stats().await.unwrap().sum(&["wasm.", "vm_reload"]);
        let before = reloads().await;
        let token = corpus::honest_token(now());
        for (line, status, reason) in [
            ("OPTIONS *", 404, None),
            ("GET *", 400, None),
            ("TRACE *", 400, None),
            ("TRACE /me", 403, Some("route-undeclared")),
            ("TRACE http://shop.example/me", 403, Some("route-undeclared")),
            ("CONNECT shop.example:443", 400, Some("path-ambiguous")),
            ("CONNECT /me", 400, None),
            ("CONNECT *", 400, None),
            ("GET me", 400, None),
            ("GET shop.example:443", 400, None),
            ("GET ", 400, None),
            ("CONNECT ", 400, None),
        ] {
            let answer = shop.unreached(ask(shop, line, &token)).await.is(status);
            assert_eq!(answer.body["reason"].as_str(), reason, "{answer}");
        }
        let undeclared = || Outcome::Refused("route-undeclared".to_owned());
        let no_path = || Outcome::Refused("path-ambiguous".to_owned());
        let (get, trace): (Pseudo<'_>, Pseudo<'_>) = ((":method", b"GET"), (":method", b"TRACE"));
        let (options, connect): (Pseudo<'_>, Pseudo<'_>) =
            ((":method", b"OPTIONS"), (":method", b"CONNECT"));
        let (http, me, star): (Pseudo<'_>, Pseudo<'_>, Pseudo<'_>) =
            ((":scheme", b"http"), (":path", b"/me"), (":path", b"*"));
        let empty: Pseudo<'_> = (":path", b"");
        let over_h2: [(&[Pseudo<'_>], Outcome); 15] = [
            (&[get, http, empty], Outcome::ByEnvoy),
            (&[options, http, empty], Outcome::ByEnvoy),
            (&[connect, http, empty], Outcome::ByEnvoy),
            (&[connect, http, star], Outcome::ByEnvoy),
            (&[options, http, star], Outcome::ByEnvoy),
            (&[get, http, star], Outcome::ByEnvoy),
            (&[trace, http, me], undeclared()),
            (&[connect], no_path()),
            (&[connect, http, me], Outcome::ByEnvoy),
            (&[connect, (":protocol", b"websocket"), http, me], Outcome::ByEnvoy),
            (&[get, http], Outcome::ByEnvoy),
            (&[get, me], Outcome::ByEnvoy),
            (&[http, me], Outcome::ByEnvoy),
            (&[get, http, me, (":path", b"/admin")], Outcome::ByEnvoy),
            (&[get, options, http, me], Outcome::ByEnvoy),
        ];
        let mut wrongs = Vec::new();
        for (pseudo, expected) in over_h2 {
            let outcome = shop.unreached(asked_over_h2(&GATEWAYS[0], pseudo, &token)).await;
            if outcome != expected {
                wrongs.push(format!("{pseudo:?}: {outcome} instead of {expected}"));
            }
        }
        assert_eq!(wrongs, [""; 0]);
        assert_eq!(reloads().await, before, "a VM ended");
        assert!(matches!(over_h1(&GATEWAYS[0], b"/me", &token).await, Outcome::Passed { .. }));
    });
}

/// RFC 9112 3.2.2: Envoy takes path and host from it, and the filter decides on those.
#[test]
fn an_absolute_target_is_decided_by_its_path_and_its_host() {
    SHOP.visit(async |shop| {
        let token = corpus::honest_token(now());
        for (line, target) in [
            ("GET http://shop.example/me", "/me"),
            ("GET http://shop.example/orders/1?a=//b", "/orders/1?a=//b"),
            ("GET http://shop.example", "/"),
            ("GET http://SHOP.example:80/me", "/me"),
        ] {
            assert_eq!(ask(shop, line, &token).await.is(200).body["target"], target, "{line}");
        }
        for (target, status, reason) in [
            ("http://shop.example/admin/a", 403, "role-missing"),
            ("http://shop.example/public/../admin/a", 400, "path-ambiguous"),
            ("http://shop.example//me", 400, "path-ambiguous"),
            ("http://shop.example/%6de", 400, "path-ambiguous"),
            ("//shop.example/me", 400, "path-ambiguous"),
        ] {
            let answer = shop.unreached(ask(shop, &format!("GET {target}"), &token)).await;
            answer.is_problem(status, reason);
        }
    });
}

/// Sends a request with this line over HTTP/1.1.
async fn ask(shop: &Shop, line: &str, token: &str) -> Answer {
    let headers =
        format!("Host: shop.example\r\nConnection: close\r\nAuthorization: Bearer {token}");
    shop.raw(format!("{line} HTTP/1.1\r\n{headers}\r\n\r\n")).await
}
