//! A request: who asks for what.
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::{Answer, Refusal, Shop};

/// A request to a shop, about to be sent. Without a credential unless one is said.
#[derive(Clone, Debug)]
#[must_use = "it is sent by `answers`, `is_stopped`, `is_denied` or `send`"]
pub struct Ask<'s> {
    shop: &'s Shop,
    method: Method,
    path: String,
    credential: Credential,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<(&'static str, Vec<u8>)>,
    h2: bool,
    past_the_gateway: bool,
    name: Option<String>,
}

#[derive(Clone, Debug)]
enum Credential {
    None,
    Of(String),
    Token(String),
}

impl<'s> Ask<'s> {
    pub(crate) fn new(shop: &'s Shop, method: Method, path: &str) -> Self {
        Self {
            shop,
            method,
            path: path.to_owned(),
            credential: Credential::None,
            headers: Vec::new(),
            body: None,
            h2: false,
            past_the_gateway: false,
            name: None,
        }
    }

    /// With an honest, new token of that user or service, as [`Shop::token`] gives it.
    pub fn sent_as(self, who: &str) -> Self {
        Self { credential: Credential::Of(who.to_owned()), ..self }
    }

    /// With this token.
    pub fn token(self, token: &str) -> Self {
        Self { credential: Credential::Token(token.to_owned()), ..self }
    }

    /// With one header more.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = name.parse().unwrap_or_else(|_| panic!("the header {name}"));
        self.headers
            .push((name, HeaderValue::from_bytes(value.as_ref()).expect("a header's value")));
        self
    }

    /// With this body.
    pub fn json(self, body: impl Into<Value>) -> Self {
        self.body("application/json", body.into().to_string())
    }

    /// With these bytes as the body.
    pub fn body(self, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { body: Some((content_type, bytes.into())), ..self }
    }

    /// By HTTP/2.
    pub fn h2(self) -> Self {
        Self { h2: true, ..self }
    }

    /// To the port of the service itself.
    pub fn past_the_gateway(self) -> Self {
        Self { past_the_gateway: true, ..self }
    }

    /// Under this name in the message of a failure: for tables of cases.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let name = self.name.map(|name| name + ": ").unwrap_or_default();
        let asked = format!("{name}{} {}", self.method, self.path);
        let base = if self.past_the_gateway {
            self.shop.stack.backend().url()
        } else {
            self.shop.stack.url("")
        };
        let mut request = self.shop.client(self.h2).request(self.method, base + &self.path);
        request = match &self.credential {
            Credential::None => request,
            Credential::Of(who) => request.bearer_auth(self.shop.token(who).await),
            Credential::Token(token) => request.bearer_auth(token),
        };
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some((content_type, bytes)) = self.body {
            request = request.header("content-type", content_type).body(bytes);
        }
        let response = request.send().await;
        Answer::read(asked.clone(), response.unwrap_or_else(|error| panic!("{asked}: {error:?}")))
            .await
    }

    /// Sends it; the answer has this status.
    pub async fn answers(self, status: u16) -> Answer {
        self.send().await.is(status)
    }

    /// Sends it; level 1 or 2 refuses it so, and the service is not reached.
    pub async fn is_stopped(self, refusal: Refusal) -> Answer {
        let shop = self.shop;
        refusal.must_be(shop.unreached(self.send()).await)
    }

    /// As [`Ask::is_stopped`], while other requests reach the service.
    pub async fn is_stopped_meanwhile(self, refusal: Refusal) -> Answer {
        refusal.must_be(self.send().await)
    }

    /// Sends it; it reaches the service, which refuses it so. There is no challenge: no other token
    /// of theirs would help. All orders and products are read again and are unchanged.
    pub async fn is_denied(self, status: u16, reason: &str) -> Answer {
        let (shop, contents) = (self.shop, self.shop.contents().await);
        let passed = shop.requests_passed().await;
        let answer = self.send().await.is_problem(status, reason);
        assert_eq!(answer.header("www-authenticate"), None, "{answer}");
        assert_eq!(shop.requests_passed().await, passed + 1, "the service decides it: {answer}");
        assert_eq!(shop.contents().await, contents, "nothing is written: {answer}");
        answer
    }
}
