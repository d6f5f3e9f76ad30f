//! Requests as the suites need them: a client that follows nothing and goes through no proxy, and
//! raw bytes for what no client would send.
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Error, Result};

/// No answer of a stack takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client for HTTP/1.1. `h2` makes it speak HTTP/2 from the first byte.
///
/// # Errors
/// The client cannot be made.
pub fn client(h2: bool) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE);
    let builder = if h2 { builder.http2_prior_knowledge() } else { builder };
    Ok(builder.build()?)
}

/// What came back for bytes that were sent as they are.
#[derive(Clone, Debug)]
pub struct RawReply {
    /// The status code; `None`: the connection was closed without an answer.
    pub status: Option<u16>,
    /// Everything that came, head and body.
    pub text: String,
}

/// Sends `request` on a new connection and reads until the other side closes, so the request should
/// say `Connection: close`.
///
/// # Errors
/// No connection, or no end within half a minute.
pub async fn raw(to: SocketAddr, request: &[u8]) -> Result<RawReply> {
    let doing = || format!("talk to {to}");
    let exchange = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(request).await?;
        let mut bytes = Vec::new();
        // a server that refuses early may reset the connection after its answer
        let end = stream.read_to_end(&mut bytes).await;
        if bytes.is_empty() { end.map(|_| bytes) } else { Ok(bytes) }
    };
    let bytes =
        timeout(PATIENCE, exchange).await.map_err(|late| Error::io(doing())(late.into()))?;
    let text = String::from_utf8_lossy(&bytes.map_err(Error::io(doing()))?).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(RawReply { status, text })
}
