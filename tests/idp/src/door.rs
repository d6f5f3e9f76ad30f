//! The provider's port: open, or refusing connections as a provider does whose process is gone.
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// How many connections the kernel holds for us before we accept them.
const BACKLOG: u32 = 1024;

/// An extension of a response that is never sent: the connection is closed instead.
#[derive(Clone, Copy)]
pub(crate) struct HangUp;

/// Opens and closes the port.
#[derive(Clone, Debug)]
pub(crate) struct Door(mpsc::Sender<Order>);

#[derive(Debug)]
struct Order {
    open: bool,
    done: oneshot::Sender<()>,
}

impl Door {
    /// The door of `listener`, and the work of serving `app` behind it, which ends with the door.
    pub(crate) fn new(
        listener: TcpListener,
        app: Router,
    ) -> (Self, impl Future<Output = io::Result<()>> + Send + 'static) {
        let (orders, inbox) = mpsc::channel(1);
        (Self(orders), serve(listener, app, inbox))
    }

    /// Opens or closes it. When this returns, it is so for every new connection, and if closed no
    /// old one is left.
    pub(crate) async fn set_open(&self, open: bool) {
        let (done, ack) = oneshot::channel();
        if self.0.send(Order { open, done }).await.is_ok() {
            let _ = ack.await;
        }
    }
}

async fn serve(
    mut listener: TcpListener,
    app: Router,
    mut orders: mpsc::Receiver<Order>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    loop {
        let Some(closing) = accept(&listener, &app, &mut orders).await else { return Ok(()) };
        drop(listener);
        let held = hold(address)?;
        let _ = closing.send(());
        let Some(opening) = next(&mut orders, true).await else { return Ok(()) };
        listener = held.listen(BACKLOG)?;
        let _ = opening.send(());
    }
}

/// Serves until an order closes the door; what waits for the closing is told by the sender. The
/// connections end here.
async fn accept(
    listener: &TcpListener,
    app: &Router,
    orders: &mut mpsc::Receiver<Order>,
) -> Option<oneshot::Sender<()>> {
    let mut connections = JoinSet::new();
    let closing = loop {
        tokio::select! {
            closing = next(orders, false) => break closing,
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection(stream, app.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    };
    connections.shutdown().await;
    closing
}

/// The next order that changes something; one that asks for what already is so is done at once.
/// `None` if the door is gone.
async fn next(orders: &mut mpsc::Receiver<Order>, open: bool) -> Option<oneshot::Sender<()>> {
    loop {
        let order = orders.recv().await?;
        if order.open == open {
            return Some(order.done);
        }
        let _ = order.done.send(());
    }
}

/// Takes the port without listening on it, so that the kernel refuses whoever comes and no other
/// process gets the port.
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn connection(stream: TcpStream, app: Router) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        answer(app.clone(), request)
    });
    // an error here is a client that went away, or a hang-up that was asked for
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// hyper closes a connection whose service fails, without an answer.
async fn answer(
    app: Router,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<Response, HungUp> {
    let Ok::<_, Infallible>(response) =
        app.oneshot(request.map(axum::body::Body::new) as Request).await;
    if response.extensions().get::<HangUp>().is_some() { Err(HungUp) } else { Ok(response) }
}

#[derive(Debug, Error)]
#[error("hung up, as asked")]
struct HungUp;
