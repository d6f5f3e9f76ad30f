//! HTTP server with graceful shutdown: it stops accepting, then finishes the requests in progress.
//! Also the health check of an image without a shell or curl, which queries the running server.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Time limit for a client to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed `accept`, which usually means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time limit for each step of the health check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// Limits of one server.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Maximum size of a request head, in bytes.
    pub head: usize,
    /// Time limit for the requests in progress after the shutdown signal.
    pub grace: Duration,
}

/// Serves HTTP/1.1 and HTTP/2 (prior knowledge) until `shutdown`, then waits at most
/// [`ServerLimits::grace`] for the requests in progress.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ServerLimits,
    shutdown: CancellationToken,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(limits.head);
    let head = u32::try_from(limits.head).unwrap_or(u32::MAX);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(head);
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let service = TowerToHyperService::new(app.clone());
                let connection = builder
                    .serve_connection_with_upgrades(with_nodelay(stream), service)
                    .into_owned();
                let connection = connections.watch(connection);
                // a client that disconnects or breaks the protocol is not an error of the service
                tokio::spawn(async move {
                    connection
                        .await
                        .map_err(|error| tracing::debug!(error, "connection closed with an error"))
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, connections.shutdown()).await.is_err() {
        tracing::warn!("requests in progress exceeded the grace period and are aborted");
    }
}

fn with_nodelay(stream: TcpStream) -> TokioIo<TcpStream> {
    // responses are small: none should wait for another packet
    let no_delay: io::Result<()> = stream.set_nodelay(true);
    if let Err(error) = no_delay {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    TokioIo::new(stream)
}

/// Queries `/readyz` of the operations port.
///
/// # Errors
/// The port does not answer, or the service is not ready.
pub fn check_health(mut operations: SocketAddr) -> anyhow::Result<()> {
    // a server that listens on all addresses also listens on the loopback address
    match operations.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => operations.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => operations.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let status = status(operations).with_context(|| format!("no answer from {operations}"))?;
    ensure!(status.starts_with("HTTP/1.1 200"), "not ready: {status}");
    Ok(())
}

/// Returns the status line of the response.
fn status(address: SocketAddr) -> io::Result<String> {
    let mut stream = std::net::TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
