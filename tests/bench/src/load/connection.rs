//! One keep-alive connection to a gateway.
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Call;

/// An open connection. It closes when dropped.
pub(crate) struct Connection {
    port: u16,
    sender: SendRequest<Empty<Bytes>>,
}

impl Connection {
    /// Opens one to a port of 127.0.0.1.
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .context("connect to the gateway")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { port, sender })
    }

    /// Opens `count` of them.
    pub(crate) async fn open_many(port: u16, count: usize) -> Result<Vec<Self>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Self::open(port).await?);
        }
        Ok(connections)
    }

    /// Sends the call and reads the whole answer: its status and its body. Opens the connection
    /// again if it was closed: Envoy closes it after each answer of its own with the status 400.
    pub(crate) async fn send(&mut self, call: &Call) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.path.clone();
        request.headers_mut().insert(HOST, call.host.clone());
        if let Some(token) = &call.authorization {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        if let Some(headers) = &call.headers {
            request.headers_mut().extend(HeaderMap::clone(headers));
        }
        if self.sender.ready().await.is_err() {
            *self = Self::open(self.port).await?;
        }
        let answer = self.sender.send_request(request).await?;
        Ok((answer.status(), answer.into_body().collect().await?.to_bytes()))
    }

    /// Sends the call, which must be answered as expected.
    pub(crate) async fn ask(&mut self, call: &Call) -> Result<()> {
        let (status, body) = self.send(call).await?;
        if status != call.expect {
            let body = String::from_utf8_lossy(&body);
            bail!(
                "{} {} was answered {status}, not {}: {body}",
                call.method,
                call.path,
                call.expect
            );
        }
        Ok(())
    }
}
