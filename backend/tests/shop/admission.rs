//! Admission control: which requests reach a handler, and how the others are rejected. Starts the
//! program and uses sockets.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use backend::adapters::http::RequestQuota;
use backend::application::Settings;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::http::{lines, state};
use crate::support::process::DEADLINE;
use crate::support::{Database, Person, Process, Service};

/// More than the program's limits of 256 handlers and 256 bodies.
const MANY: usize = 300;

/// HTTP/1.1 connection for one request.
struct Connection {
    stream: TcpStream,
}

impl Connection {
    /// Sends the head of a request that announces a body, but not the body.
    async fn announce(process: &Process, who: Option<&Person>, length: usize) -> Self {
        let assertion =
            who.map(|who| format!("x-auth-principal: {}\r\n", who.assertion("POST", "/orders")));
        let head = format!(
            "POST /orders HTTP/1.1\r\nhost: shop\r\n{}content-type: application/json\r\nexpect: 100-continue\r\n\
             content-length: {length}\r\n\r\n",
            assertion.unwrap_or_default()
        );
        let mut stream =
            TcpStream::connect(process.address.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        Self { stream }
    }

    /// Waits until the server asks for the body, when it has checked everything that precedes the
    /// body.
    async fn continued(&mut self) {
        let mut read = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        tokio::time::timeout(DEADLINE, self.stream.read_exact(&mut read)).await.unwrap().unwrap();
        assert_eq!(&read, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads the final response: status, headers and JSON. An interim 100 response may precede it.
    async fn response(&mut self) -> Response {
        let mut read = Vec::new();
        let whole = async {
            loop {
                if let Some(response) = Response::parse(&read) {
                    return response;
                }
                let mut part = [0; 4096];
                let length = self.stream.read(&mut part).await.unwrap();
                assert!(length > 0, "closed after {}", String::from_utf8_lossy(&read));
                read.extend_from_slice(&part[..length]);
            }
        };
        tokio::time::timeout(DEADLINE, whole).await.unwrap()
    }
}

#[derive(Debug)]
struct Response {
    /// The server asked for the body (RFC 9110 15.2.1): it has begun to read it.
    continued: bool,
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Response {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).unwrap();
        let (continued, text) = match text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers: BTreeMap<_, _> =
            headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let length: usize = headers.get("content-length")?.parse().ok()?;
        let body = serde_json::from_str(body.get(..length)?).ok()?;
        Some(Self { continued, status, headers, body })
    }

    /// Checks the status, the reason, and that the response can be traced.
    #[track_caller]
    fn is(&self, status: u16, reason: &str) {
        assert_eq!((self.status, &self.body["reason"]), (status, &json!(reason)), "{self:?}");
        assert_eq!(self.body["request_id"], json!(self.headers["x-request-id"]), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
    }
}

/// Returns the number of requests in flight, and the number of responses by status.
async fn counts(process: &Process) -> (usize, BTreeMap<u16, usize>) {
    let text = Client::new().get(format!("{}/metrics", process.operations)).send().await.unwrap();
    let text = text.text().await.unwrap();
    let number = |line: &str| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
    let in_progress = text
        .lines()
        .find(|line| line.starts_with("backend_http_requests_under_way "))
        .map_or(0, number);
    let mut answered = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("backend_http_requests_total{")) {
        let status =
            line.split("status=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        *answered.entry(status).or_default() += number(line);
    }
    (in_progress, answered)
}

/// Waits until the program has this many requests in flight and has answered this many with 429.
async fn until_counts(process: &Process, in_progress: usize, refused: usize) {
    let reached = async {
        loop {
            let (now, answered) = counts(process).await;
            if (now, answered.get(&429).copied().unwrap_or_default()) == (in_progress, refused) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let reached = tokio::time::timeout(DEADLINE, reached).await;
    reached.unwrap_or_else(|_| panic!("never {in_progress} in progress and {refused} refused"));
}

async fn until_in_progress(process: &Process, expected: usize) {
    until_counts(process, expected, 0).await;
}

async fn product(process: &Process, client: &Client) -> String {
    let body = json!({ "name": "Tea", "price": { "cents": 250, "currency": "EUR" }, "stock": 100 });
    let request =
        process.request(client, &Person::seller("sam"), Method::POST, "/products").json(&body);
    let response: Value =
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    response["id"].as_str().unwrap().to_owned()
}

async fn orders_of(process: &Process, client: &Client, who: &Person) -> usize {
    let response = process.request(client, who, Method::GET, "/orders").send().await.unwrap();
    response.json::<Value>().await.unwrap()["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn unsent_bodies_of_one_principal_do_not_block_other_principals() {
    let database = Database::sqlite().await;
    let (process, client) =
        (Process::start(&database.url, &["--max-body-time", "25"]), Client::new());
    let (product, alice) = (product(&process, &client).await, Person::customer("alice"));
    let body = lines(&product, 1).to_string();
    let mut unsent = Vec::new();
    for _ in 0..MANY {
        unsent.push(Connection::announce(&process, Some(&alice), body.len()).await);
    }
    // the quota is 32; the other requests are rejected immediately
    until_counts(&process, 32, MANY - 32).await;
    for n in 0..10 {
        let bob = Person::customer(&format!("bob-{n}"));
        let order =
            process.request(&client, &bob, Method::POST, "/orders").json(&lines(&product, 1));
        assert_eq!(order.send().await.unwrap().status(), 201);
        assert_eq!(
            process.request(&client, &bob, Method::GET, "/me").send().await.unwrap().status(),
            200
        );
        let products = client.get(format!("{}/products", process.address)).send().await.unwrap();
        assert_eq!(products.status(), 200);
    }
    // a request whose body arrives late is still served
    let mut answered = BTreeMap::new();
    for connection in &mut unsent {
        // a rejected connection may be closed already
        let _ = connection.send(body.as_bytes()).await;
    }
    for connection in &mut unsent {
        let response = connection.response().await;
        if response.status == 429 {
            response.is(429, "too-many-in-progress");
            assert_eq!(response.headers["retry-after"], "1");
            assert!(!response.continued, "its body was not asked for");
        }
        *answered.entry(response.status).or_insert(0) += 1;
    }
    assert_eq!(answered, BTreeMap::from([(201, 32), (429, MANY - 32)]));
    drop(unsent);
    until_counts(&process, 0, MANY - 32).await;
    let first_page =
        process.request(&client, &alice, Method::GET, "/orders?limit=100").send().await.unwrap();
    let orders = first_page.json::<Value>().await.unwrap()["items"].as_array().unwrap().len();
    assert_eq!(orders, 32, "a refused request has written nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_an_assertion_are_rejected_before_the_body_is_read() {
    let database = Database::sqlite().await;
    let process = Process::start(&database.url, &["--max-body-time", "25"]);
    let mut unsent = Vec::new();
    for _ in 0..MANY {
        unsent.push(Connection::announce(&process, None, 100).await);
    }
    for connection in &mut unsent {
        let response = connection.response().await;
        response.is(401, "assertion-missing");
        assert!(!response.continued, "its body was not asked for");
    }
    until_in_progress(&process, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsent_bodies_of_many_principals_do_not_block_requests_without_a_body() {
    let database = Database::sqlite().await;
    let limits = ["--max-body-time", "25", "--max-bodies", "10", "--max-concurrency", "4"];
    let (process, client) = (Process::start(&database.url, &limits), Client::new());
    let product = product(&process, &client).await;
    let body = lines(&product, 1).to_string();
    let mut unsent = Vec::new();
    for n in 0..10 {
        let who = Person::customer(&format!("c-{n}"));
        let mut connection = Connection::announce(&process, Some(&who), body.len()).await;
        connection.continued().await;
        unsent.push(connection);
    }
    let bob = Person::customer("bob");
    let response = Connection::announce(&process, Some(&bob), body.len()).await.response().await;
    response.is(503, "too-busy");
    assert_eq!(response.headers["retry-after"], "1");
    // more bodies than the concurrency limit, which no body occupies
    for path in ["/me", "/orders", "/products"] {
        let response = process.request(&client, &bob, Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
    assert_eq!(
        orders_of(&process, &client, &bob).await,
        0,
        "a refused request has written nothing"
    );
    unsent[0].send(body.as_bytes()).await.unwrap();
    assert_eq!(unsent[0].response().await.status, 201);
    let order = process.request(&client, &bob, Method::POST, "/orders").json(&lines(&product, 1));
    assert_eq!(order.send().await.unwrap().status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_arrives_byte_by_byte_is_rejected_at_the_total_time_limit() {
    let database = Database::sqlite().await;
    let (process, client) =
        (Process::start(&database.url, &["--max-body-time", "0.5"]), Client::new());
    let alice = Person::customer("alice");
    let mut trickle = Connection::announce(&process, Some(&alice), 60_000).await;
    trickle.continued().await;
    let trickling = async {
        let (mut sent, mut first) = (0, [0]);
        loop {
            let closed = trickle.send(b" ").await.is_err();
            sent += 1;
            // much more often than any timeout between two bytes would allow
            let response = trickle.stream.peek(&mut first);
            if closed || tokio::time::timeout(Duration::from_millis(20), response).await.is_ok() {
                return sent;
            }
        }
    };
    let sent = tokio::time::timeout(DEADLINE, trickling).await.unwrap();
    let response = trickle.response().await;
    response.is(408, "body-too-slow");
    assert!(sent > 2, "it trickled: {sent} bytes");
    assert_eq!(process.wait_for_line(&response.headers["x-request-id"])["status"], 408);
    assert_eq!(orders_of(&process, &client, &alice).await, 0);
}

/// A body that has a first byte and never ends.
struct Endless(Option<u8>);

impl Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        self.0
            .take()
            .map_or(Poll::Pending, |byte| Poll::Ready(Some(Ok(Frame::data(vec![byte].into())))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(1000)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_http_2_body_is_rejected_at_the_total_time_limit() {
    let database = Database::sqlite().await;
    let process = Process::start(&database.url, &["--max-body-time", "0.5"]);
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let request = process
        .request(&client, &Person::customer("alice"), Method::POST, "/orders")
        .body(reqwest::Body::wrap(Endless(Some(b'{'))));
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (408, reqwest::Version::HTTP_2));
    assert_eq!(response.json::<Value>().await.unwrap()["reason"], "body-too-slow");
    until_in_progress(&process, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_belongs_to_one_principal_and_is_restored_when_its_requests_end() {
    let database = Database::sqlite().await;
    let limits = ["--max-body-time", "25", "--max-per-principal", "2"];
    let (process, client) = (Process::start(&database.url, &limits), Client::new());
    let alice = Person::customer("alice");
    let mut unsent = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::announce(&process, Some(&alice), 100).await;
        connection.continued().await;
        unsent.push(connection);
    }
    let me = async |who: &Person| {
        process.request(&client, who, Method::GET, "/me").send().await.unwrap().status().as_u16()
    };
    assert_eq!(me(&alice).await, 429);
    // the same subject of another issuer is another principal
    assert_eq!(me(&alice.clone().of("https://other.example")).await, 200);
    drop(unsent);
    until_counts(&process, 0, 1).await;
    assert_eq!(me(&alice).await, 200);
}

#[tokio::test]
async fn requests_without_a_principal_share_one_quota() {
    let database = Database::sqlite().await;
    let mut app = state(database.store.clone(), Settings::default());
    app.limits.quota = RequestQuota::new(1, 0);
    let shop = Service::of(app);
    let refused = shop.send("GET", "/products", &[], "").await.problem(503, "too-busy");
    assert_eq!(refused.header("retry-after"), "1");
    shop.get(&Person::customer("alice"), "/products").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_body_is_a_400_and_writes_nothing() {
    let database = Database::sqlite().await;
    let (process, client) = (Process::start(&database.url, &[]), Client::new());
    let (product, alice) = (product(&process, &client).await, Person::customer("alice"));
    let body = lines(&product, 1).to_string();
    // the received bytes are a complete order
    let mut connection = Connection::announce(&process, Some(&alice), body.len() + 1).await;
    connection.send(body.as_bytes()).await.unwrap();
    connection.stream.shutdown().await.unwrap();
    until_in_progress(&process, 0).await;
    assert_eq!(orders_of(&process, &client, &alice).await, 0);
    assert!(!counts(&process).await.1.contains_key(&500));
}
