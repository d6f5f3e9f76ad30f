//! A WebSocket upgrade is decided as the `GET` that it is (RFC 6455 4.1): an allowed one reaches
//! the service, a refused one does not. A tunnel is never opened.
use std::collections::BTreeMap;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::routing::any;
use e2e::{
    NO_TOKEN, RawH2Reply, Refusal, Shared, Shop, insufficient_scope, invalid_token, raw_h2, serve,
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::manager::{closes_at_once, manager, routes};
use crate::support::subject;

/// The one origin whose pages may use the cookie.
const OURS: &str = "https://shop.example";

static SHOP: Shared = Shared::made("websocket", |stack| {
    let service = serve(Router::new().fallback(any(socket)));
    let row = |endpoint: &str, roles: &[&str]| json!({ "match": endpoint, "roles": roles });
    stack
        .provider("browsers")
        .policy(move |policy| {
            let cookie = json!({ "cookie": { "name": "__Host-token", "origins": [OURS] } });
            policy["providers"]["browsers"]["token_source"] = cookie;
            let rows = policy["services"]["shop"]["routes"].as_array_mut().unwrap();
            rows.push(row("GET /socket", &["customer"]));
            rows.push(row("POST /posted", &["customer"]));
            rows.push(json!({ "match": "GET /open-socket", "public": true }));
        })
        .envoy(move |config| {
            config.cluster("backend", service).unwrap();
            closes_at_once(config);
            // all that Envoy could open, so that what stays shut is shut by the filter
            let upgrades = json!([{ "upgrade_type": "websocket" }, { "upgrade_type": "CONNECT" }]);
            manager(config)["upgrade_configs"] = upgrades;
            manager(config)["http2_protocol_options"]["allow_connect"] = json!(true);
            let tunnel =
                json!({ "match": { "connect_matcher": {} }, "route": { "cluster": "backend" } });
            routes(config).insert(0, tunnel);
        })
});

/// The cookie is not obeyed there.
const ANOTHER_ORIGIN: Refusal =
    Refusal { status: 403, reason: "origin-not-allowed", challenge: None, retry_after: false };

/// Tells what headers the upgrade came with, then says everything again.
async fn socket(upgrade: WebSocketUpgrade, headers: HeaderMap) -> axum::response::Response {
    let text =
        |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: BTreeMap<_, _> =
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let greeting = json!(headers).to_string();
    upgrade.on_upgrade(async move |mut socket: WebSocket| {
        let mut sent = socket.send(Message::text(greeting)).await;
        while let (Ok(()), Some(Ok(message))) = (&sent, socket.recv().await) {
            sent = socket.send(message).await;
        }
    })
}

/// What an upgrade is asked for with, besides its own headers.
type Headers<'h> = &'h [(&'static str, &'h str)];

/// Asks for an upgrade.
async fn open(
    shop: &Shop,
    path: &str,
    headers: Headers<'_>,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = TcpStream::connect(("127.0.0.1", shop.stack.envoy().port())).await?;
    let mut request = format!("ws://127.0.0.1{path}").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request.headers_mut().insert("x-auth-subject", "root".parse().unwrap());
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> String {
    socket
        .next()
        .await
        .expect("a message")
        .expect("a message")
        .into_text()
        .expect("a text")
        .to_string()
}

async fn is_refused(shop: &Shop, path: &str, headers: Headers<'_>, refusal: Refusal) {
    let error = shop.unreached(open(shop, path, headers)).await.expect_err(path);
    let Error::Http(response) = error else { panic!("{path}: {error}") };
    assert_eq!(response.status(), refusal.status, "{path}");
    let body: Value =
        serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap();
    assert_eq!(body["reason"], refusal.reason, "{path}");
    let challenge =
        response.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
    assert_eq!(challenge, refusal.challenge, "{path}");
}

#[test]
fn an_allowed_upgrade_reaches_the_service_with_the_identity_and_without_the_token() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        let bearer = format!("Bearer {token}");
        let mut socket = open(shop, "/socket", &[("authorization", &bearer)]).await.unwrap();
        let greeting = next(&mut socket).await;
        let headers: BTreeMap<String, String> = serde_json::from_str(&greeting).unwrap();
        assert_eq!(headers["x-auth-subject"], subject("alice"));
        assert_eq!(headers["x-auth-roles"], "customer");
        assert!(headers.contains_key("x-auth-principal"), "{greeting}");
        assert!(!greeting.contains(&token), "{greeting}");
        for said in ["hello", "", "\u{1f375}"] {
            socket.send(tungstenite::Message::text(said)).await.unwrap();
            assert_eq!(next(&mut socket).await, said);
        }

        let mut socket = open(shop, "/open-socket", &[]).await.unwrap();
        let headers: BTreeMap<String, String> =
            serde_json::from_str(&next(&mut socket).await).unwrap();
        assert!(headers.keys().all(|name| !name.starts_with("x-auth-")), "{headers:?}");
    });
}

#[test]
fn a_refused_upgrade_is_answered_as_a_get_is_and_reaches_no_service() {
    SHOP.visit(async |shop| {
        let bearer = |token: String| format!("Bearer {token}");
        let (alice, nora) = (bearer(shop.token("alice").await), bearer(shop.token("nora").await));
        let ended = bearer(shop.stack.idp().token("alice").expires_in(-60).sign().await.unwrap());
        is_refused(shop, "/socket", &[], NO_TOKEN).await;
        for (path, bearer, refusal) in [
            ("/socket", &*ended, invalid_token("token-expired")),
            ("/socket", &nora, insufficient_scope("role-missing")),
            ("/open-socket", "Bearer no-token", invalid_token("token-malformed")),
            // no row for GET
            ("/posted", &alice, insufficient_scope("route-undeclared")),
            ("/nothing", &alice, insufficient_scope("route-undeclared")),
        ] {
            is_refused(shop, path, &[("authorization", bearer)], refusal).await;
        }
        is_refused(shop, "/nothing", &[], NO_TOKEN).await;
    });
}

/// A browser sends the cookie with an upgrade that any page asks for, and no preflight comes first
/// (RFC 6455 10.2).
#[test]
fn an_upgrade_by_a_cookie_wants_a_listed_origin_though_it_is_a_get() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice@browsers").await;
        let cookie = format!("theme=dark; __Host-token={token}");
        // a `GET` that is no upgrade needs no origin; the service knows upgrades only
        let passed = shop.requests_passed().await;
        shop.get("/socket").header("cookie", &cookie).answers(400).await;
        assert_eq!(shop.requests_passed().await, passed + 1);
        is_refused(shop, "/socket", &[("cookie", &cookie)], ANOTHER_ORIGIN).await;
        for origin in [
            "https://evil.example",
            "null",
            "http://shop.example",
            "https://shop.example.evil.example",
        ] {
            is_refused(shop, "/socket", &[("cookie", &cookie), ("origin", origin)], ANOTHER_ORIGIN)
                .await;
        }
        let mut socket =
            open(shop, "/socket", &[("cookie", &cookie), ("origin", OURS)]).await.unwrap();
        let headers: BTreeMap<String, String> =
            serde_json::from_str(&next(&mut socket).await).unwrap();
        assert_eq!(headers["x-auth-subject"], subject("alice"));
        assert_eq!(headers["cookie"], "theme=dark");
    });
}

/// RFC 8441: over HTTP/2 an upgrade is a `CONNECT` with a protocol, of which Envoy makes the `GET`
/// that it is.
#[test]
fn over_http2_an_upgrade_is_decided_as_the_get_that_it_is() {
    SHOP.visit(async |shop| {
        let (alice, nora) = (shop.token("alice").await, shop.token("nora").await);
        for (path, token, reason) in [
            ("/socket", None, Some("token-missing")),
            ("/socket", Some(&nora), Some("role-missing")),
            ("/posted", Some(&alice), Some("route-undeclared")),
            ("/socket/..", Some(&alice), Some("path-ambiguous")),
            ("/socket", Some(&alice), None),
        ] {
            let bearer = token.map(|token| format!("Bearer {token}"));
            let mut fields: Vec<(&str, &[u8])> = vec![
                (":method", b"CONNECT"),
                (":protocol", b"websocket"),
                (":scheme", b"http"),
                (":authority", b"shop"),
                (":path", path.as_bytes()),
                ("sec-websocket-version", b"13"),
            ];
            fields.extend(bearer.as_deref().map(|bearer| ("authorization", bearer.as_bytes())));
            let passed = shop.requests_passed().await;
            let reply = raw_h2(shop.stack.envoy().port(), &fields).await;
            assert_eq!(
                shop.requests_passed().await - passed,
                u64::from(reason.is_none()),
                "{path}"
            );
            if let Some(reason) = reason {
                let RawH2Reply::Answer(body) = reply else { panic!("{path}: {reply:?}") };
                assert_eq!(
                    serde_json::from_str::<Value>(&body).unwrap()["reason"],
                    reason,
                    "{path}"
                );
            }
        }
    });
}

#[test]
fn no_tunnel_is_opened_where_envoy_would() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        let raw = shop.raw(format!(
            "CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        ));
        shop.unreached(raw).await.is_problem(400, "path-ambiguous");
        let bearer = format!("Bearer {token}");
        let fields: [(&str, &[u8]); 3] =
            [(":method", b"CONNECT"), (":authority", b"shop:443"), ("authorization", bearer.as_bytes())];
        let reply = shop.unreached(raw_h2(shop.stack.envoy().port(), &fields)).await;
        let RawH2Reply::Answer(body) = reply else { panic!("{reply:?}") };
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["reason"], "path-ambiguous");
    });
}

/// CVE-2026-73548, CVE-2025-64763 (Envoy): bytes behind an upgrade that was not yet accepted
/// reached the service as if it were. What follows a refused one is either thrown away with the
/// connection, or a request of its own that is decided as any other.
#[test]
fn what_follows_a_refused_upgrade_reaches_no_service_and_is_decided_as_a_request_of_its_own() {
    /// A kilobyte that is a request, or could be a message of the socket.
    fn behind(line: &str, more: &str) -> String {
        let head =
            format!("{line} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{more}X-Padding: ");
        let padding = "p".repeat(1024 - head.len() - 4);
        format!("{head}{padding}\r\n\r\n")
    }
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    SHOP.visit(async |shop| {
        let good = format!("Authorization: Bearer {}\r\n", shop.token("alice").await);
        let weak = format!("Authorization: Bearer {}\r\n", shop.token("nora").await);
        let frame = format!("\u{1}{}", "m".repeat(1023));
        for (head, status) in [
            (format!("GET /socket HTTP/1.1\r\nHost: shop\r\n{UPGRADE}\r\n"), 401),
            (format!("GET /socket HTTP/1.1\r\nHost: shop\r\n{UPGRADE}{weak}\r\n"), 403),
            (
                format!(
                    "GET /open-socket HTTP/1.1\r\nHost: shop\r\n{UPGRADE}Authorization: Bearer x\r\n\r\n"
                ),
                401,
            ),
            (format!("POST /socket HTTP/1.1\r\nHost: shop\r\n{UPGRADE}Content-Length: 0\r\n\r\n"), 401),
            ("CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n\r\n".to_owned(), 400),
            (format!("CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n{good}\r\n"), 400),
        ] {
            // none of these may reach the service by itself
            for after in [
                behind("GET /socket", ""),
                behind("GET /socket", &weak),
                behind("GET /nothing", &good),
                frame.clone(),
            ] {
                let answer = shop.unreached(shop.raw([head.as_bytes(), after.as_bytes()].concat())).await;
                assert_eq!(answer.status, status, "{head}{answer}");
                let lines: Vec<_> =
                    answer.text.lines().filter(|line| line.starts_with("HTTP/1.1 ")).collect();
                assert!(lines.iter().all(|line| line.starts_with("HTTP/1.1 40")), "{head}{lines:?}");
            }
            // this one may, as itself: with its own token, by its own row, once
            let before = shop.requests_passed().await;
            let answer =
                shop.raw([head.as_bytes(), behind("GET /open-socket", "").as_bytes()].concat()).await;
            assert_eq!(answer.status, status, "{head}{answer}");
            assert!(!answer.text.contains("HTTP/1.1 101") && !answer.text.contains("x-auth-"), "{answer}");
            assert!(shop.requests_passed().await - before <= 1);
        }
    });
}
