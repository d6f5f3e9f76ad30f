//! The service behind every gateway: the cheapest there is, so that what is measured is the
//! gateway. It answers each request head with the same few bytes, in a thread of its own.
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const END: &[u8] = b"\r\n\r\n";

/// The running service. It ends with the process.
pub(crate) struct Upstream {
    port: u16,
    last: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicU64>,
}

impl Upstream {
    /// Starts it on a free port of 127.0.0.1.
    pub(crate) fn start() -> Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_io().build().context("start the upstream")?;
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("start the upstream")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let last = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::new(AtomicU64::new(0));
        let (seen, counted) = (Arc::clone(&last), Arc::clone(&requests));
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(stream, Arc::clone(&seen), Arc::clone(&counted)));
                }
                anyhow::Ok(())
            })
        });
        Ok(Self { port, last, requests })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The head of the last request, as a gateway sent it.
    pub(crate) fn last_head(&self) -> String {
        let last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&last).into_owned()
    }
}

/// Requests have no body, so each ends with its head.
async fn answer(
    mut stream: TcpStream,
    last: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicU64>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut head = Vec::with_capacity(16 * 1024);
    loop {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        if head.ends_with(END) {
            last.lock().ok()?.clone_from(&head);
            requests.fetch_add(1, Ordering::Relaxed);
            head.clear();
            stream.write_all(ANSWER).await.ok()?;
        }
    }
}
