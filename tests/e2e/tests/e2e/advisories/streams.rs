//! Many requests with many tokens of many providers, that fail, come late and go away: no VM ends
//! by it.
//!
//! CVE-2025-64527 (Envoy): the remote JWKS fetch crashed with several tokens. CVE-2026-26311,
//! CVE-2026-47205, CVE-2026-50572, CVE-2026-73547, CVE-2026-48090 (Envoy): an answer that came
//! after its stream had ended.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use dev_idp::{Algorithm, Endpoint, Fault, Signature};
use e2e::{Shared, Shop, in_front_of_an_echo};
use h2::client::SendRequest;
use harness::process::eventually;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{VmFaults, vm_faults};
use crate::keys::{PATIENCE, forged, until_all_workers};
use crate::support::manager::manager;

static SHOP: Shared = Shared::made("advisories-streams", |stack| {
    let stack = stack.provider("partner").provider("browsers");
    in_front_of_an_echo(stack)
        .policy(|policy| {
            policy["providers"]["browsers"]["token_source"] =
                json!({ "cookie": { "name": "__Host-token", "origins": ["https://shop.example"] } });
            for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
                for (name, value) in [("refresh", "1s"), ("timeout", "1s"), ("unknown_kid_interval", "1s")] {
                    provider["jwks"][name] = json!(value);
                }
                provider["jwks"]["max_stale"] = json!("1h");
            }
            // a body of an unknown length counts as 1 MiB
            policy["waiting"] = json!({ "time": "20s", "body_bytes": 32 << 20 });
        })
        .envoy(|config| manager(config)["http_protocol_options"] = json!({ "enable_trailers": true }))
});

/// A request: which header carries what, and the statuses that it may be answered with.
#[derive(Clone)]
struct Kind {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    good: bool,
}

async fn kinds(shop: &Shop) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let partner = shop.stack.idp_named("partner");
    let browsers = shop.stack.idp_named("browsers");
    for (name, idp, cookie) in [
        ("ours", shop.stack.idp(), false),
        ("the partner's", partner, false),
        ("the browser's", browsers, true),
    ] {
        let carried = |token: String| {
            let (name, before) =
                if cookie { ("cookie", "__Host-token=") } else { ("authorization", "Bearer ") };
            vec![(name, format!("{before}{token}"))]
        };
        let es256 = idp.token("alice").alg(Algorithm::ES256).sign().await.unwrap();
        let bad = idp.token("alice").signature(Signature::Stranger).sign().await.unwrap();
        let good = idp.token("alice").sign().await.unwrap();
        kinds.push(Kind { name, headers: carried(good), good: true });
        kinds.push(Kind { name, headers: carried(es256), good: true });
        kinds.push(Kind { name, headers: carried(bad), good: false });
        // a key id of no key
        kinds.push(Kind {
            name,
            headers: carried(forged(&idp.addresses().issuer, 1)),
            good: false,
        });
    }
    let bearer = |of: usize| kinds[of].headers[0].clone();
    for several in [
        [bearer(0), bearer(4)],
        [bearer(0), bearer(8)],
        [bearer(9), bearer(5)],
        [bearer(2), bearer(10)],
    ] {
        kinds.push(Kind { name: "several", headers: several.into(), good: false });
    }
    kinds
}

/// The faults that a provider goes through while requests come.
fn faults() -> [Option<Fault>; 8] {
    [
        None,
        Some(Fault::Cut),
        Some(Fault::Slow { ms: 300 }),
        None,
        Some(Fault::Down),
        Some(Fault::Slow { ms: 1_100 }),
        Some(Fault::ServerError),
        Some(Fault::EmptyKeys),
    ]
}

#[test]
fn ten_thousand_requests_while_fetches_fail_and_come_late_and_clients_go_away_end_no_vm() {
    const LANES: usize = 40;
    const EACH: usize = 250;
    SHOP.visit(async |shop| {
        assert_eq!(vm_faults(shop).await, VmFaults::NONE);
        let kinds = Arc::new(kinds(shop).await);
        let mut asking = JoinSet::new();
        for lane in 0..LANES {
            let client = harness::http::client(lane % 2 == 0).unwrap();
            let (url, kinds, issuer) = (shop.stack.url("/me"), Arc::clone(&kinds), shop.issuer());
            asking.spawn(async move {
                let mut statuses = BTreeMap::<_, usize>::new();
                for number in 0..EACH {
                    let kind = &kinds[(lane + number) % kinds.len()];
                    let mut request = client.get(&url);
                    for (name, value) in &kind.headers {
                        request = request.header(*name, value);
                    }
                    // a key id that has not been seen makes a fetch
                    if number % 50 == 7 {
                        let token = forged(&issuer, (lane * EACH + number) as u64);
                        request = client.get(&url).bearer_auth(token);
                    }
                    // every eighth client goes away while it is answered, if it is not answered at
                    // once
                    let patience = if number % 8 == 3 {
                        Duration::from_micros(700)
                    } else {
                        Duration::from_secs(25)
                    };
                    let status = match timeout(patience, request.send()).await {
                        Err(_) => 0,
                        Ok(answer) => answer.unwrap().status().as_u16(),
                    };
                    let good = kind.good && number % 50 != 7;
                    let expected =
                        if good { &[0, 200, 503][..] } else { &[0, 400, 401, 403, 429, 503] };
                    assert!(expected.contains(&status), "{}: {status}", kind.name);
                    *statuses.entry((good, status)).or_default() += 1;
                }
                statuses
            });
        }
        let mut all = BTreeMap::<_, usize>::new();
        let mut round = 0;
        while !asking.is_empty() {
            let names = ["keycloak", "partner", "browsers"];
            let name = names[round % 3];
            let idp =
                if name == "keycloak" { shop.stack.idp() } else { shop.stack.idp_named(name) };
            match faults()[round % 8].clone() {
                None => idp.heal(Endpoint::Jwks).await.unwrap(),
                Some(fault) => idp.fault(Endpoint::Jwks, fault).await.unwrap(),
            }
            round += 1;
            sleep(Duration::from_millis(100)).await;
            while let Some(lane) = asking.try_join_next() {
                lane.unwrap()
                    .into_iter()
                    .for_each(|(status, count)| *all.entry(status).or_default() += count);
            }
        }
        assert!(all[&(true, 200)] > 1_000 && all[&(false, 401)] > 500, "{all:?}");
        assert!(all.keys().any(|(_, status)| *status == 0), "some clients went away: {all:?}");
        heal(shop).await;
        assert_eq!(vm_faults(shop).await, VmFaults::NONE);
    });
}

/// Every provider answers again, and so does the gateway.
async fn heal(shop: &Shop) {
    for idp in [shop.stack.idp(), shop.stack.idp_named("partner"), shop.stack.idp_named("browsers")]
    {
        idp.heal(Endpoint::Jwks).await.unwrap();
    }
    let token = shop.token("alice").await;
    until_all_workers(shop, &token, (200, ""), |status| ![200, 503].contains(&status)).await;
}

/// How far a request has come when its client goes away.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Head,
    PartOfTheBody,
    TheBody,
    Trailers,
}

const SENT: [Sent; 4] = [Sent::Head, Sent::PartOfTheBody, Sent::TheBody, Sent::Trailers];

/// A request that waits, held open: dropping it is what its client does.
enum Open {
    H1(TcpStream),
    H2(h2::SendStream<Bytes>, h2::client::ResponseFuture),
}

async fn open_h1(gateway: SocketAddr, token: &str, sent: Sent) -> Open {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let head = format!("POST /orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n");
    let body = match sent {
        Sent::Head => "Content-Length: 10\r\n\r\n",
        Sent::PartOfTheBody => "Content-Length: 10\r\n\r\n01234",
        Sent::TheBody => "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
        Sent::Trailers => {
            "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\nx-trailer: 1\r\nx-auth-roles: admin\r\n\r\n"
        }
    };
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await.unwrap();
    Open::H1(stream)
}

async fn open_h2(h2: &SendRequest<Bytes>, token: &str, sent: Sent) -> Open {
    let request = axum::http::Request::post("http://shop/orders")
        .header("authorization", format!("Bearer {token}"));
    let mut h2 = h2.clone().ready().await.unwrap();
    let (answer, mut stream) = h2.send_request(request.body(()).unwrap(), false).unwrap();
    match sent {
        Sent::Head => {}
        Sent::PartOfTheBody | Sent::TheBody => {
            stream.send_data(Bytes::from_static(b"01234"), false).unwrap();
        }
        Sent::Trailers => {
            stream.send_data(Bytes::from_static(b"01234"), false).unwrap();
            let trailers = axum::http::HeaderMap::from_iter([(
                "x-trailer".parse().unwrap(),
                "1".parse().unwrap(),
            )]);
            stream.send_trailers(trailers).unwrap();
        }
    }
    Open::H2(stream, answer)
}

impl Open {
    /// The client goes away: a reset, and over HTTP/1.1 of every second one an end without one.
    fn gone(self, reset: bool) {
        match self {
            Self::H1(stream) if reset => stream.set_zero_linger().unwrap(),
            Self::H1(_) => {}
            Self::H2(mut stream, _answer) => stream.send_reset(h2::Reason::CANCEL),
        }
    }
}

async fn waiting(shop: &Shop) -> u64 {
    shop.stack.stats().await.unwrap().sum(&["portcullis.waiting_requests"])
}

/// So many requests wait.
async fn wait(shop: &Shop, count: u64) {
    let waits = async || (waiting(shop).await == count).then_some(());
    eventually(&format!("{count} requests that wait"), PATIENCE, waits).await.unwrap();
}

/// Opens requests at each point, over both versions; when all wait, their clients go away, and none
/// is missed.
async fn come_and_go(shop: &Shop, token: impl Fn(u64) -> String) {
    const ROUNDS: u64 = 3;
    let gateway = SocketAddr::from(([127, 0, 0, 1], shop.stack.envoy().port()));
    let (h2, connection) =
        h2::client::handshake(TcpStream::connect(gateway).await.unwrap()).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut open = Vec::new();
    for round in 0..ROUNDS {
        for sent in SENT {
            open.push(open_h1(gateway, &token(round), sent).await);
            open.push(open_h2(&h2, &token(round), sent).await);
        }
    }
    wait(shop, open.len() as u64).await;
    for (number, open) in open.into_iter().enumerate() {
        open.gone(number % 4 < 2);
    }
    wait(shop, 0).await;
    connection.abort();
}

#[test]
fn clients_that_go_away_at_any_point_while_they_wait_for_keys_end_no_vm_and_reach_no_service() {
    SHOP.visit(async |shop| {
        heal(shop).await;
        let token = shop.token("alice").await;
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
        shop.stack.envoy_mut().restart().await.unwrap();
        shop.unreached(come_and_go(shop, |_| token.clone())).await;
        assert_eq!(vm_faults(shop).await, VmFaults::NONE);

        // those who stay are served when the keys come, though others have gone
        let gateway = SocketAddr::from(([127, 0, 0, 1], shop.stack.envoy().port()));
        let stays = shop.get("/me").token(&token);
        let gone = open_h1(gateway, &token, Sent::PartOfTheBody).await;
        let (answer, ()) = tokio::join!(stays.send(), async {
            wait(shop, 2).await;
            gone.gone(true);
            shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
        });
        answer.is(200);
        heal(shop).await;

        // and while one key id is looked for
        shop.stack.idp().fault(Endpoint::Jwks, Fault::Slow { ms: 900 }).await.unwrap();
        let issuer = shop.issuer();
        let passed = shop.requests_passed().await;
        for (round, sent) in (0..).zip(SENT) {
            let opened = open_h1(gateway, &forged(&issuer, 1_000 + round), sent).await;
            sleep(Duration::from_millis(50)).await;
            opened.gone(round % 2 == 0);
        }
        assert_eq!(shop.requests_passed().await, passed);
        heal(shop).await;
        assert_eq!(vm_faults(shop).await, VmFaults::NONE);
    });
}
