//! A service that answers with what reached it: what a service behind the gateway gets, to the
//! byte.
use std::net::{Ipv4Addr, TcpListener};

use axum::extract::Request;
use axum::{Json, Router};
use harness::stack::Builder;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// Puts the gateway in front of one, in the place of the shop's own service.
pub fn in_front_of_an_echo(stack: Builder) -> Builder {
    let port = serve(an_echo());
    stack.envoy(move |config| config.cluster("backend", port).expect("a cluster `backend`"))
}

/// A service that answers everything with what reached it.
pub fn an_echo() -> Router {
    Router::new().fallback(echo)
}

/// Runs a service on a free port of 127.0.0.1. It ends with the runtime that this is called on.
pub fn serve(service: Router) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    listener.set_nonblocking(true).expect("a socket of ours");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    tokio::spawn(axum::serve(listener, service).into_future());
    port
}

async fn echo(request: Request) -> Json<Value> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a whole body");
    let trailers = body.trailers().map(fields).unwrap_or_default();
    Json(json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": fields(&parts.headers),
        "trailers": trailers,
        "body": String::from_utf8_lossy(&body.to_bytes()),
    }))
}

/// Name and value of each, in the order in which they came.
fn fields(fields: &axum::http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    fields.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}
