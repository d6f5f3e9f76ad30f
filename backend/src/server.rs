//! HTTP server with graceful shutdown: it stops accepting, then finishes the requests in progress.

use std::io;
use std::time::Duration;

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
pub async fn serve(listener: TcpListener, app: Router, limits: ServerLimits, shutdown: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(limits.head);
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
                let connection =
                    builder.serve_connection_with_upgrades(with_nodelay(stream), service).into_owned();
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
