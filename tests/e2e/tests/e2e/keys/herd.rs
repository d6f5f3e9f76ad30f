//! A thousand requests that wait for keys at once. However their wait ends, each gets its own right
//! answer, no VM ends, and requests of a healthy provider in the same VM are not touched.
use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use dev_idp::{Endpoint, Fault, Signature};
use e2e::{Shop, run, serve};
use harness::process::eventually;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::unknown_kid::forged;
use super::{PATIENCE, until_all_workers, with_keys};

/// About 310 refusals in one call of the VM end it.
const HERD: usize = 1_000;
/// Requests of the healthy provider, under way all the time.
const BYSTANDERS: usize = 5;

/// Status and reason of each answer, and how often it came.
type Answers = BTreeMap<(u16, String), usize>;

fn answers(list: &[(u16, &str, usize)]) -> Answers {
    list.iter().map(|(status, reason, count)| ((*status, (*reason).to_owned()), *count)).collect()
}

/// A gateway without the keys of its first provider, in front of a service that answers with the
/// body that it gets.
async fn without_keys(name: &str, workers: u32, wait: &str) -> Shop {
    let waiting = json!({ "time": wait, "requests": HERD, "unknown_kid_requests": HERD });
    let service = serve(Router::new().fallback(async |body: Bytes| body));
    let builder = with_keys(name, json!({ "refresh": "1s", "timeout": "2s" })).provider("healthy");
    let builder = builder.policy(move |policy| {
        policy["waiting"] = waiting;
        // the one whose keys are fetched for unknown ids has no other fetches
        policy["providers"]["healthy"]["jwks"]["refresh"] = json!("1h");
        policy["providers"]["healthy"]["jwks"]["unknown_kid_interval"] = json!("1h");
    });
    let builder = builder.envoy(move |config| config.cluster("backend", service).unwrap());
    let mut shop = Shop::of(builder.concurrency(workers)).await.unwrap();
    shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
    shop.stack.envoy_mut().restart().await.unwrap();
    let healthy = shop.token("alice@healthy").await;
    until_all_workers(&shop, &healthy, (200, ""), |status| ![200, 503].contains(&status)).await;
    shop
}

/// Sends a request for each token, half of them by HTTP/2 on as many connections as Envoy's bound
/// of streams needs.
fn send(shop: &Shop, tokens: impl IntoIterator<Item = String>) -> JoinSet<(u16, String)> {
    let clients: Vec<_> =
        (0..20).map(|number| harness::http::client(number % 4 > 1).unwrap()).collect();
    let mut asking = JoinSet::new();
    for (number, token) in tokens.into_iter().enumerate() {
        let request = clients[number % clients.len()].get(shop.stack.url("/me")).bearer_auth(token);
        asking.spawn(async move {
            let answer = request.send().await.unwrap();
            let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
            let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            (status, body["reason"].as_str().unwrap_or_default().to_owned())
        });
    }
    asking
}

async fn all(asking: JoinSet<(u16, String)>) -> Answers {
    let mut answers = Answers::new();
    for answer in asking.join_all().await {
        *answers.entry(answer).or_default() += 1;
    }
    answers
}

async fn until_waiting(shop: &Shop, count: usize) {
    let wait = async || {
        let waiting = shop.stack.stats().await.ok()?.sum(&["portcullis.waiting_requests"]);
        (waiting == count as u64).then_some(())
    };
    eventually(&format!("{count} that wait"), PATIENCE, wait).await.unwrap();
}

/// Requests of the healthy provider whose body is not complete.
async fn bystanders(shop: &Shop) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..BYSTANDERS {
        let token = shop.token("alice@healthy").await;
        let head = format!(
            "POST /orders HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 8\r\n\
             Authorization: Bearer {token}\r\n\r\nhalf"
        );
        let mut stream =
            TcpStream::connect(("127.0.0.1", shop.stack.envoy().port())).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    streams
}

/// Completes them: each is answered as if nothing had happened meanwhile.
async fn are_untouched(bystanders: Vec<TcpStream>) {
    for mut stream in bystanders {
        stream.write_all(b"half").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("halfhalf"), "{answer}");
    }
}

/// How often a VM of ours has failed or was made anew.
async fn vm_failures(shop: &Shop) -> u64 {
    let stats = shop.stack.stats().await.unwrap();
    stats.sum(&["wasm.", "vm_reload"]) + stats.sum(&["wasm.", "runtime_error"])
}

/// Lets a herd of these tokens wait, ends the wait by `end`, and checks the answers.
async fn herd(
    shop: &mut Shop,
    tokens: Vec<String>,
    end: impl AsyncFnOnce(&mut Shop),
    expected: impl FnOnce(&Answers) -> bool,
) {
    let failures = vm_failures(shop).await;
    let bystanders = bystanders(shop).await;
    let count = tokens.len();
    let asking = send(shop, tokens);
    until_waiting(shop, count).await;
    end(shop).await;
    let answers = all(asking).await;
    assert!(expected(&answers), "{answers:?}");
    are_untouched(bystanders).await;
    assert_eq!(vm_failures(shop).await, failures, "no VM ends");
}

async fn down(shop: &Shop) {
    shop.stack.idp().fault(Endpoint::Jwks, Fault::Down).await.unwrap();
}

async fn heal(shop: &mut Shop) {
    shop.stack.idp().heal(Endpoint::Jwks).await.unwrap();
}

/// Tokens of the first provider, good and forged in turn.
async fn mixed(shop: &Shop) -> Vec<String> {
    let idp = shop.stack.idp();
    let good = idp.token("alice").sign().await.unwrap();
    let bad = idp.token("alice").signature(Signature::Stranger).sign().await.unwrap();
    [good, bad].into_iter().cycle().take(HERD).collect()
}

async fn every_way_but_the_timeout(name: &str, workers: u32) {
    let shop = &mut without_keys(name, workers, "25s").await;
    let half = HERD / 2;
    let each_its_own = answers(&[(200, "", half), (401, "signature-invalid", half)]);

    let tokens = mixed(shop).await;
    let passed = shop.requests_passed().await;
    herd(shop, tokens, heal, |answers| *answers == each_its_own).await;
    let through = shop.requests_passed().await - passed;
    assert_eq!(through, (half + BYSTANDERS) as u64, "no forged token reaches the service");

    // the same, under a policy that comes meanwhile
    down(shop).await;
    shop.stack.envoy_mut().restart().await.unwrap();
    let tokens = mixed(shop).await;
    let update = async |shop: &mut Shop| {
        shop.stack.change_policy(|policy| policy["access_log"] = json!(false)).await.unwrap();
        heal(shop).await;
    };
    herd(shop, tokens, update, |answers| *answers == each_its_own).await;

    // half of the streams are reset while they wait
    down(shop).await;
    shop.stack.envoy_mut().restart().await.unwrap();
    let (tokens, gone) = (mixed(shop).await, mixed(shop).await);
    let gone = send(shop, gone.into_iter().take(half));
    until_waiting(shop, half).await;
    let reset = async |shop: &mut Shop| {
        drop(gone);
        until_waiting(shop, half).await;
        heal(shop).await;
    };
    let failures = vm_failures(shop).await;
    let bystanders = bystanders(shop).await;
    let asking = send(shop, tokens.into_iter().take(half));
    until_waiting(shop, 2 * half).await;
    reset(shop).await;
    let others = all(asking).await;
    assert_eq!(others, answers(&[(200, "", half / 2), (401, "signature-invalid", half / 2)]));
    are_untouched(bystanders).await;
    assert_eq!(vm_failures(shop).await, failures);

    // a fetch that does not bring the key, and none is allowed after it
    let idp = shop.stack.idp_named("healthy");
    let issuer = idp.addresses().issuer.clone();
    idp.fault(Endpoint::Jwks, Fault::Slow { ms: 1_900 }).await.unwrap();
    let tokens: Vec<_> = (0..HERD as u64).map(|kid| forged(&issuer, kid)).collect();
    let asking = send(shop, tokens);
    let ended = all(asking).await;
    let allowed = |(status, reason): &(u16, String)| {
        [(401, "key-unknown"), (429, "key-not-yet-fetched")].contains(&(*status, &**reason))
    };
    assert!(ended.keys().all(allowed) && ended.values().sum::<usize>() == HERD, "{ended:?}");
    assert_eq!(vm_failures(shop).await, failures);
}

#[test]
fn a_thousand_requests_that_wait_on_one_worker_each_get_their_own_answer() {
    run(every_way_but_the_timeout("herd-one", 1));
}

#[test]
fn a_thousand_requests_that_wait_on_four_workers_each_get_their_own_answer() {
    run(every_way_but_the_timeout("herd-four", 4));
}

#[test]
fn a_thousand_waits_that_end_by_time_are_all_503_and_harm_nobody_else() {
    run(async {
        let shop = &mut without_keys("herd-late", 1, "10s").await;
        let late = answers(&[(503, "keys-unavailable", HERD)]);
        let tokens = mixed(shop).await;
        herd(shop, tokens, async |_| {}, |answers| *answers == late).await;
    });
}

/// Envoy buffers the body of a request that waits: the bound is the policy's, not Envoy's of 1 MiB
/// for each.
#[test]
fn the_bodies_of_requests_that_wait_are_bounded_in_bytes() {
    const BODY: usize = 900 * 1024;
    run(async {
        let builder = with_keys("herd-bodies", json!({ "refresh": "1s", "timeout": "2s" })).policy(
            |policy| {
                policy["waiting"] = json!({ "time": "20s", "body_bytes": 4 * 1024 * 1024 });
            },
        );
        let service = serve(Router::new().fallback(async |body: Bytes| body.len().to_string()));
        let builder = builder.envoy(move |config| config.cluster("backend", service).unwrap());
        let mut shop = Shop::of(builder.concurrency(1)).await.unwrap();
        down(&shop).await;
        shop.stack.envoy_mut().restart().await.unwrap();
        let token = shop.token("alice").await;
        let client = harness::http::client(false).unwrap();
        let mut asking = JoinSet::new();
        for _ in 0..40 {
            let body = vec![b'x'; BODY];
            let request = client.post(shop.stack.url("/orders")).bearer_auth(&token).body(body);
            asking.spawn(async move {
                let answer = request.send().await.unwrap();
                (answer.status().as_u16(), answer.text().await.unwrap())
            });
        }
        // four bodies of that declared length fit
        for _ in 0..40 - 4 {
            let (status, body) = asking.join_next().await.unwrap().unwrap();
            assert!(status == 503 && body.contains("\"reason\":\"queue-full\""), "{status} {body}");
        }
        until_waiting(&shop, 4).await;
        heal(&mut shop).await;
        let patience = Duration::from_mins(1);
        let rest = tokio::time::timeout(patience, asking.join_all()).await.unwrap();
        assert_eq!(rest, vec![(200, BODY.to_string()); 4], "those for which there was room go on");
    });
}
