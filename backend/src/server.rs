//! Listens, and answers until it is told to stop: then what was begun is finished, and nothing new is taken on.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted: the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one server may take on.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// The largest head of a request, in bytes.
    pub head: usize,
    /// How long what was begun may go on once it is told to stop.
    pub grace: Duration,
}

/// Serves HTTP/1.1 and HTTP/2 (prior knowledge) until `shutdown`, and then for at most the grace.
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
                // a client that goes away or talks nonsense is its own affair
                tokio::spawn(async move {
                    connection.await.map_err(|error| tracing::debug!(error, "a connection broke"))
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, connections.shutdown()).await.is_err() {
        tracing::warn!("what was begun took longer than the grace and is cut off");
    }
}

fn with_nodelay(stream: TcpStream) -> TokioIo<TcpStream> {
    // answers are small: none should wait for another packet
    let no_delay: io::Result<()> = stream.set_nodelay(true);
    if let Err(error) = no_delay {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    TokioIo::new(stream)
}
