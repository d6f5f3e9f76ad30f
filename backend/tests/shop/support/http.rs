//! The service behind its router, called as the gateway calls it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use backend::adapters::SystemClock;
use backend::adapters::http::{App, Limits, Metrics, RequestQuota, app};
use backend::application::ports::Store;
use backend::application::{Settings, Shop};
use backend::{ROUTES, Route};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::gateway::{Person, verifier};

#[derive(Clone)]
pub struct Service {
    pub router: Router,
}

#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

pub fn state(store: Arc<dyn Store>, settings: Settings) -> App {
    App {
        shop: Shop { store, clock: Arc::new(SystemClock), settings },
        verifier: verifier(),
        metrics: Metrics::new(),
        limits: Limits {
            body: 64 * 1024,
            body_time: Duration::from_secs(30),
            bodies: Arc::new(Semaphore::new(1000)),
            time: Duration::from_secs(30),
            concurrency: Arc::new(Semaphore::new(1000)),
            quota: RequestQuota::new(1000, 1000),
        },
        subject_salt: None,
    }
}

impl Service {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::with(store, Settings::default())
    }

    pub fn with(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self::of(state(store, settings))
    }

    pub fn of(state: App) -> Self {
        Self { router: app(state) }
    }

    pub async fn get(&self, who: &Person, path: &str) -> Response {
        self.call(who, "GET", path, &[], None).await
    }

    pub async fn post(&self, who: &Person, path: &str, body: Value) -> Response {
        self.call(who, "POST", path, &[], Some(body)).await
    }

    /// Sends a request as the gateway forwards it: with an assertion for the route.
    pub async fn call(
        &self,
        who: &Person,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Response {
        let assertion = who.assertion(method, row(method, path));
        let headers: Vec<_> =
            headers.iter().copied().chain([("x-auth-principal", &*assertion)]).collect();
        self.send(method, path, &headers, body.map(|body| body.to_string()).unwrap_or_default())
            .await
    }

    /// Sends a request without an assertion.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if matches!(method, "POST" | "PUT")
            && !headers.iter().any(|(name, _)| *name == "content-type")
        {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))
        };
        Response { status: parts.status, headers: parts.headers, body }
    }

    /// Adds a product. Returns its id.
    pub async fn product(&self, seller: &Person, cents: i64, stock: u32) -> String {
        let body = json!({ "name": "Tea", "price": { "cents": cents, "currency": "EUR" }, "stock": stock });
        self.post(seller, "/products", body).await.created()
    }

    /// Places an order. Returns its id.
    pub async fn order(&self, customer: &Person, product: &str, quantity: u32) -> String {
        self.post(customer, "/orders", lines(product, quantity)).await.created()
    }

    pub async fn stock(&self, product: &str) -> i64 {
        let response = self.send("GET", &format!("/products/{product}"), &[], "").await;
        response.body["stock"].as_i64().unwrap_or_else(|| panic!("{response:?}"))
    }
}

pub fn lines(product: &str, quantity: u32) -> Value {
    json!({ "lines": [{ "product_id": product, "quantity": quantity }] })
}

impl Response {
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Checks the status and the `reason` of a problem document.
    #[track_caller]
    pub fn problem(self, status: u16, reason: &str) -> Self {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(
            (&self.body["status"], &self.body["reason"]),
            (&json!(status), &json!(reason)),
            "{self:?}"
        );
        // every error response can be traced
        assert_eq!(self.body["request_id"], json!(self.header("x-request-id")), "{self:?}");
        self.is(status)
    }

    #[track_caller]
    pub fn created(self) -> String {
        let response = self.is(201);
        response.body["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the path of the next page (RFC 8288).
    pub fn next_page(&self) -> Option<String> {
        let link = self.header("link").strip_suffix(">; rel=\"next\"")?;
        link.strip_prefix('<').map(str::to_owned)
    }

    pub fn items(&self) -> &[Value] {
        self.body["items"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn ids(&self) -> Vec<&str> {
        self.items().iter().map(|item| item["id"].as_str().unwrap()).collect()
    }
}

/// Returns the path template that the gateway would match.
pub fn row(method: &str, path: &str) -> &'static str {
    let path = path.split('?').next().unwrap();
    let served = if method == "HEAD" { "GET" } else { method };
    let literal = |route: &&Route| route.path.matches('{').count();
    let matching =
        ROUTES.iter().filter(|route| route.method == served && matches(route.path, path));
    matching.min_by_key(literal).unwrap_or_else(|| panic!("{method} {path} is not in ROUTES")).path
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(t, p)| t.starts_with('{') || *t == p)
}
