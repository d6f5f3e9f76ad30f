//! The backend's router in process, over SQLite: any operation, by anyone, with any query, path
//! parameter, headers and body.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, Uri};
use backend::adapters::http::{App, Limits, Metrics, RequestQuota, app};
use backend::adapters::storage::SqlStore;
use backend::application::ports::Clock;
use backend::application::{Settings, Shop};
use backend::domain::values::Timestamp;
use backend::{Access, ROUTES, Route};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use portcullis_principal::{Assertion, AssertionVerifier, SigningKey};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// A request for each operation, which the walks of the tests send, too.
const WALK: &str = include_str!("../../../backend/tests/shop/walk.json");
/// Who sends requests: a subject and its role. Without a subject, no assertion is sent.
const CALLERS: [(&str, &str); 6] = [
    ("", ""),
    ("alice", "customer"),
    ("sam", "seller"),
    ("root", "admin"),
    ("bob", "customer"),
    ("mallory", "nothing"),
];
const CONTENT_TYPES: [&str; 4] =
    ["application/json", "application/json; charset=utf-8", "text/plain", ""];
const IF_MATCH: [&str; 4] = ["", "*", "\"1\"", "\"9\", W/\"1\""];
const IDEMPOTENCY_KEYS: [&str; 4] = ["", "k", "\"quoted\"", "not one"];
const REASONS: [&str; 4] = ["", "a customer called", "\u{e4}", "\t"];
/// Methods of the router's fallback, besides those of the operations.
const OTHER_METHODS: [&str; 3] = ["HEAD", "PATCH", "OPTIONS"];
/// The world is made anew after this many successful writes, so that it stays small.
const WRITES: u32 = 200;
/// The largest body. Small, so that inputs reach the bound.
const MAX_BODY: usize = 2_000;

/// The backend's clock: always 2027-01-01T00:00:00Z. What an input does must not depend on when it
/// runs.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp(1_798_761_600_000)
    }
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Reads the input as a request: a byte each for the operation, the caller, the headers and the
/// method, then a query, path parameters, a request id, and the body, each ended by a line break.
/// Sends it, and checks that
///
/// - the status is below 500, and no handler panics,
/// - each 4xx is a problem document with the request id of its header,
/// - who has no assertion gets 401 where one is needed, and who has one never does,
/// - a refused request and a read change nothing in the database, but for the audit record of an
///   admin's bypass,
/// - a page has as many items as were asked for, at most.
pub fn backend_http(input: &[u8]) {
    WORLD.with_borrow_mut(|world| {
        if world.as_ref().is_none_or(|world| world.writes >= WRITES) {
            *world = None;
            *world = Some(World::new());
        }
        if let Some(world) = world {
            world.try_input(input);
        }
    });
}

/// Each operation as each caller, with the body that ought to succeed, and queries.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let walk: Value = serde_json::from_str(WALK).expect("the walk is JSON");
    let mut seeds = Vec::new();
    for (operation, route) in (0..).zip(ROUTES) {
        let body = walk[route.id].get("body").map(Value::to_string).unwrap_or_default();
        for caller in 0..5 {
            // any version where one is needed, no idempotency key, no reason
            let head = [operation, caller, 0b0100, 0];
            seeds.push([&head, &b"\n\n\n"[..], body.as_bytes()].concat());
        }
        for query in [
            "limit=2&after=01900000-0000-7000-8000-000000000000",
            "q=te%25_!&limit=100",
            "limit=0&after=x&q=%00",
        ] {
            seeds.push([&[operation, 1, 0, 0], query.as_bytes(), b"\n\n\n"].concat());
        }
    }
    seeds
}

/// The service with one of everything in it.
struct World {
    runtime: Runtime,
    router: Router,
    /// Sees whether another connection has changed the database.
    observer: AnyConnection,
    key: SigningKey,
    /// What the placeholders of the walk stand for.
    names: Vec<(&'static str, String)>,
    writes: u32,
    _folder: TempDir,
}

/// An input as a request.
struct Sent<'a> {
    route: &'static Route,
    method: &'static str,
    path: String,
    caller: (&'static str, &'static str),
    headers: Vec<(&'static str, &'a [u8])>,
    body: String,
}

impl World {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // in memory where the machine has such a place: each write is synchronised
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.exists() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("shop.db").display());
        let key = SigningKey::from_seed_base64url(&BASE64URL.encode([7; 32])).expect("a seed");
        let jwks = key.public_jwks().to_string();
        let (router, observer) = runtime.block_on(async {
            let store = SqlStore::open(&url).expect("a URL");
            store.migrate().await.expect("the schema");
            let state = App {
                shop: Shop {
                    store: Arc::new(store),
                    clock: Arc::new(Stopped),
                    settings: Settings::default(),
                },
                verifier: AssertionVerifier::from_jwks(&jwks, "portcullis", "shop").expect("a key"),
                metrics: Metrics::new(),
                limits: Limits {
                    body: MAX_BODY,
                    body_time: Duration::from_secs(10),
                    bodies: Arc::new(Semaphore::new(1)),
                    time: Duration::from_secs(10),
                    concurrency: Arc::new(Semaphore::new(1)),
                    quota: RequestQuota::new(1, 1),
                },
                subject_salt: None,
            };
            (app(state), AnyConnection::connect(&url).await.expect("the database"))
        });
        let mut world =
            Self { runtime, router, observer, key, names: Vec::new(), writes: 0, _folder: folder };
        world.fill();
        world
    }

    /// One of everything, made through the router.
    fn fill(&mut self) {
        let create = |world: &mut Self, caller: &str, path: &str, body: &Value| -> Value {
            let caller =
                CALLERS.iter().find(|(subject, _)| *subject == caller).copied().expect("a caller");
            let response = world.send(caller, "POST", path, path, &[], body.to_string());
            assert!(response.0.is_success(), "{path}: {response:?}");
            response.2
        };
        let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
        let organisation = create(self, "sam", "/organisations", &json!({ "name": "Company" }));
        let tea =
            json!({ "name": "Tea", "price": { "cents": 250, "currency": "EUR" }, "stock": 1000 });
        let product = create(self, "sam", "/products", &tea);
        let lines = json!({ "lines": [{ "product_id": product["id"], "quantity": 1 }] });
        let order = create(self, "alice", "/orders", &lines);
        let until = "2027-01-01T01:00:00Z";
        let grant = json!({ "delegate": { "subject": "bob" }, "scope": "reading", "until": until });
        let delegation = create(self, "alice", "/delegations", &grant);
        let alice = CALLERS[1];
        let members =
            self.send(CALLERS[2], "GET", "/memberships", "/memberships", &[], String::new()).2;
        let share = format!("/orders/{}/co-owners", id(&order));
        let shared = self
            .send(
                alice,
                "POST",
                "/orders/{order_id}/co-owners",
                &share,
                &[],
                json!({ "subject": "bob" }).to_string(),
            )
            .2;
        self.names = vec![
            ("order", id(&order)),
            ("co_owner", shared["co_owners"][0]["id"].as_str().expect("an id").to_owned()),
            ("product", id(&product)),
            ("delegation", id(&delegation)),
            ("organisation", id(&organisation)),
            ("membership", members["items"][0]["id"].as_str().expect("an id").to_owned()),
            ("in_an_hour", until.to_owned()),
            ("file", "start.js".to_owned()),
        ];
        self.writes = 0;
    }

    fn try_input(&mut self, input: &[u8]) {
        let Some(sent) = self.read(input) else { return };
        let before = self.version();
        let records = self.count("audit_records");
        let (status, headers, body) = self.send(
            sent.caller,
            sent.method,
            sent.route.path,
            &sent.path,
            &sent.headers,
            sent.body,
        );
        let context =
            format!("{} {} by {}: {status} {body}", sent.method, sent.path, sent.caller.0);
        assert!(status.as_u16() < 500, "a fault of the service: {context}");
        let id = headers.headers().get("x-request-id").expect("each response has a request id");
        assert!(
            (1..=128).contains(&id.len())
                && id
                    .as_bytes()
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~:=+/".contains(b)),
            "{id:?}: {context}"
        );
        if status.is_client_error() {
            let kind = headers.headers().get("content-type").map(axum::http::HeaderValue::as_bytes);
            assert_eq!(kind, Some(&b"application/problem+json"[..]), "{context}");
            if sent.method != "HEAD" {
                assert_eq!(body["status"], status.as_u16(), "{context}");
                assert_eq!(
                    body["request_id"].as_str().map(str::as_bytes),
                    Some(id.as_bytes()),
                    "{context}"
                );
                assert!(
                    body["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
                    "{context}"
                );
            }
        }
        let anonymous = sent.caller.0.is_empty();
        let served = sent.method == sent.route.method
            || (sent.method == "HEAD" && sent.route.method == "GET");
        assert!(status != StatusCode::UNAUTHORIZED || anonymous, "{context}");
        // a path parameter may have made another path of it
        let matched = served && body["reason"] != "no-such-path";
        if matched && anonymous && sent.route.access == Access::Authenticated {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{context}");
        }
        if let Some(items) = body["items"].as_array().filter(|_| status.is_success()) {
            assert!(items.len() <= 100, "{context}");
        }
        let changed = self.version() != before;
        let reads = sent.route.method == "GET" || !served;
        if changed && (status.is_client_error() || reads) {
            // the database changed by one audit record and by nothing else
            assert_eq!(sent.caller.1, "admin", "{context}");
            assert_eq!(self.count("audit_records"), records + 1, "{context}");
        }
        self.writes += u32::from(changed);
    }

    /// The request that these bytes are, if a client could send it.
    fn read<'a>(&self, input: &'a [u8]) -> Option<Sent<'a>> {
        let (head, rest) = input.split_first_chunk::<4>()?;
        let [operation, caller, headers, method] = head.map(usize::from);
        let route = &ROUTES[operation % ROUTES.len()];
        let method =
            if method == 0 { route.method } else { OTHER_METHODS[method % OTHER_METHODS.len()] };
        let mut parts = rest.splitn(4, |byte| *byte == b'\n');
        let (query, parameters, id) = (parts.next()?, parts.next()?, parts.next()?);
        let body = parts.next()?;
        let named = |name: &str| {
            let known = self
                .names
                .iter()
                .find(|(known, _)| name.strip_suffix("_id").unwrap_or(name) == *known);
            known.map_or("x", |(_, value)| value).to_owned()
        };
        let parameters: Vec<_> =
            parameters.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        // the request would be another operation's: the path would end there, or a parameter would
        // be another row's literal
        let is_literal = |part: &&[u8]| {
            let mut literals = ROUTES.iter().flat_map(|route| route.path.split('/'));
            part.contains(&b'#')
                || part.contains(&b'?')
                || literals.any(|literal| literal.as_bytes() == *part)
        };
        if parameters.iter().any(is_literal) {
            return None;
        }
        let mut parameters = parameters.into_iter();
        let segments = route.path.split('/').map(|segment| {
            let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'))?;
            Some(
                parameters
                    .next()
                    .map_or_else(|| named(name), |part| String::from_utf8_lossy(part).into_owned()),
            )
        });
        let segments: Vec<_> = segments.collect();
        let path = route
            .path
            .split('/')
            .zip(segments)
            .map(|(literal, value)| value.unwrap_or_else(|| literal.to_owned()));
        let mut path = path.collect::<Vec<_>>().join("/").into_bytes();
        if !query.is_empty() {
            path.push(b'?');
            path.extend_from_slice(query);
        }
        let uri = Uri::try_from(path.as_slice()).ok()?;
        let path = uri.path_and_query()?.as_str().to_owned();
        let body = String::from_utf8_lossy(body);
        let body = self.names.iter().fold(body.into_owned(), |body, (name, value)| {
            body.replace(&format!("{{{name}}}"), value)
        });
        let headers = [
            ("content-type", CONTENT_TYPES[headers & 3].as_bytes()),
            ("if-match", IF_MATCH[headers >> 2 & 3].as_bytes()),
            ("idempotency-key", IDEMPOTENCY_KEYS[headers >> 4 & 3].as_bytes()),
            ("x-admin-reason", REASONS[headers >> 6 & 3].as_bytes()),
            ("x-request-id", id),
        ];
        let headers = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Some(Sent { route, method, path, caller: CALLERS[caller % CALLERS.len()], headers, body })
    }

    fn send(
        &self,
        (subject, role): (&str, &str),
        method: &str,
        row: &str,
        path: &str,
        headers: &[(&str, &[u8])],
        body: String,
    ) -> (StatusCode, Response<()>, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            // hyper rejects other bytes before the router
            if let Ok(value) = axum::http::HeaderValue::from_bytes(value) {
                request = request.header(*name, value);
            }
        }
        if !subject.is_empty() {
            let now =
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let assertion = Assertion {
                issuer: "portcullis",
                audience: "shop",
                issued_at: now,
                expires_at: now + 60,
                subject,
                subject_issuer: "https://idp.example",
                roles: &[role.to_owned()],
                token_id: None,
                method,
                row,
            };
            request = request
                .header("x-auth-principal", assertion.mint(&self.key).expect("an assertion"));
        }
        let request = request.body(Body::from(body)).expect("a request");
        self.runtime.block_on(async {
            let Ok(response) = self.router.clone().oneshot(request).await;
            let (parts, body) = response.into_parts();
            let bytes = to_bytes(body, usize::MAX).await.expect("a body");
            let json = serde_json::from_slice(&bytes).unwrap_or_default();
            (parts.status, Response::from_parts(parts, ()), json)
        })
    }

    /// Differs from the last one if another connection has changed the database
    /// (<https://sqlite.org/pragma.html#pragma_data_version>).
    fn version(&mut self) -> i64 {
        self.ask("PRAGMA data_version")
    }

    fn count(&mut self, table: &str) -> i64 {
        match table {
            "audit_records" => self.ask("SELECT count(*) FROM audit_records"),
            _ => unreachable!("no such table is counted"),
        }
    }

    fn ask(&mut self, statement: &'static str) -> i64 {
        let asked = sqlx::query_scalar(statement).fetch_one(&mut self.observer);
        self.runtime.block_on(asked).expect("the database answers")
    }
}
