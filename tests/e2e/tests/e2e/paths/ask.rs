//! A request for a target as it is, and what became of it.
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use e2e::{RawH2Reply, raw_h2};
use serde_json::Value;

use super::gateways::Gateway;
use crate::support::payload;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It reached the service.
    Passed {
        /// What the service got.
        target: String,
        /// The row that the filter chose, as the assertion says.
        row: String,
        /// The route that axum's router chose.
        route: String,
    },
    /// The filter refused it for this reason.
    Refused(String),
    /// Envoy sent the client to this target.
    SentTo(String),
    /// Envoy refused it.
    ByEnvoy,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { target, row, .. } => write!(f, "`{target}` by {row}"),
            Self::Refused(reason) => f.write_str(reason),
            Self::SentTo(target) => write!(f, "redirected to `{target}`"),
            Self::ByEnvoy => f.write_str("refused by Envoy"),
        }
    }
}

impl Outcome {
    /// Of an answer's head, if it was read, and body.
    fn of(head: &str, body: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        if let Some(target) = text("target") {
            let row = text("assertion").map_or_else(String::new, |jws| claim(&jws, "row"));
            return Self::Passed { target, row, route: text("route").unwrap_or_default() };
        }
        let location = || head.lines().find_map(|line| line.strip_prefix("location: "));
        let by_envoy =
            || location().map_or(Self::ByEnvoy, |url| Self::SentTo(without_host(url).to_owned()));
        text("reason").map_or_else(by_envoy, Self::Refused)
    }
}

fn claim(jws: &str, name: &str) -> String {
    payload(jws)[name].as_str().expect("a text").to_owned()
}

fn without_host(url: &str) -> &str {
    url.strip_prefix("http://shop.example").unwrap_or(url)
}

/// A `GET` of this target over HTTP/1.1.
pub(super) async fn over_h1(gateway: &Gateway, target: &[u8], token: &str) -> Outcome {
    let head = format!(
        " HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let request = [b"GET ", target, head.as_bytes()].concat();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.port()));
    let text =
        harness::http::raw(to, &request).await.map_or_else(|_| String::new(), |reply| reply.text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Outcome::of(head, body)
}

/// A `GET` of this target over HTTP/2.
pub(super) async fn over_h2(gateway: &Gateway, target: &[u8], token: &str) -> Outcome {
    asked_over_h2(gateway, &[(":method", b"GET"), (":scheme", b"http"), (":path", target)], token)
        .await
}

/// A request with these pseudo-headers, and the authority, over HTTP/2.
pub(super) async fn asked_over_h2(
    gateway: &Gateway,
    pseudo: &[(&str, &[u8])],
    token: &str,
) -> Outcome {
    let bearer = format!("Bearer {token}");
    let others: [(&str, &[u8]); 2] =
        [(":authority", b"shop.example"), ("authorization", bearer.as_bytes())];
    match raw_h2(gateway.port(), &[pseudo, &others].concat()).await {
        RawH2Reply::Answer(body) => Outcome::of("", &body),
        RawH2Reply::Reset => Outcome::ByEnvoy,
    }
}
