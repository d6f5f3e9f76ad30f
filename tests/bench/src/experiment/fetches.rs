//! How often the JWKS is fetched: by one worker, and by many that share what one of them fetched.
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hyper::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Ground, HOT, again, calls, spread};
use crate::gateway::{Gateway, Place, Variant, filter, policy};
use crate::load::{self, Connection};
use crate::progress::Steps;
use crate::report::Fetches;
use crate::rules::{self, Provider, Rules};
use crate::tokens::{Algorithm, Claims, Tokens};

/// What the policy says. Jitter takes up to a tenth off.
const REFRESH: Duration = Duration::from_secs(2);
/// A fetch that follows another one sooner than this belongs to the same refresh.
const TOGETHER: Duration = Duration::from_millis(1700);
const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// Counts with each number of workers.
pub(crate) async fn fetches(ground: &Ground) -> Result<Vec<Fetches>> {
    let steps = Steps::new("fetches", ground.plan.fetching_workers.len());
    let mut all = Vec::new();
    for &workers in &ground.plan.fetching_workers {
        all.push(counted(ground, workers).await?);
        steps.done();
    }
    Ok(all)
}

async fn counted(ground: &Ground, workers: u32) -> Result<Fetches> {
    let provider = [Provider::new(0, &[Algorithm::Rs256])];
    let table = rules::table(10);
    let rules = Rules { providers: &provider, table: &table };
    let source = KeySource::start(&provider[0].jwks().to_string()).await?;
    let mut policy = policy(rules, true);
    policy["providers"][&provider[0].name]["jwks"] = json!({ "uri": "http://idp.example/jwks", "cluster": "idp", "refresh": format!("{}s", REFRESH.as_secs()) });
    let place = Place { provider: Some(source.port), ..ground.place(workers) };
    let filters = vec![filter(&ground.modules.portcullis, &policy)];
    let gateway = Gateway::with_filters(Variant::Assertion, filters, place).await?;

    // all of the workers have need of the keys, all of the time
    let tokens =
        Tokens::of(provider[0].key(Algorithm::Rs256), &Claims::good("hot", &provider[0]), HOT)?;
    let calls = calls(&table, HOT, StatusCode::OK, spread, again(&tokens))?;
    let mut connections =
        Connection::open_many(gateway.port(), 8 * usize::try_from(workers)?).await?;
    let end = Instant::now() + REFRESH * ground.plan.refreshes + TOGETHER / 2;
    let mut requests = 0;
    while Instant::now() < end {
        load::all(&mut connections, &calls).await?;
        requests += calls.len();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (refreshes, fetches) = source.counted();
    Ok(Fetches { workers, requests, refreshes, fetches })
}

/// A provider's JWKS, and when it was asked for. At the path `/once` it is served once, and at
/// `/never` not at all.
pub(super) struct KeySource {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<Instant>>>,
}

impl KeySource {
    pub(super) async fn start(jwks: &str) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("start the key source")?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let once = Arc::new(AtomicBool::new(false));
        let length = jwks.len();
        let answer: Arc<str> = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{jwks}"
        )
        .into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(
                    stream,
                    Arc::clone(&answer),
                    Arc::clone(&seen),
                    Arc::clone(&once),
                ));
            }
        });
        Ok(Self { port, asked })
    }

    /// Refreshes, and fetches in all.
    fn counted(&self) -> (usize, usize) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refreshes = 0;
        let mut begun: Option<Instant> = None;
        for at in asked.iter() {
            if begun.is_none_or(|begun| *at - begun >= TOGETHER) {
                refreshes += 1;
                begun = Some(*at);
            }
        }
        (refreshes, asked.len())
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<str>,
    asked: Arc<Mutex<Vec<Instant>>>,
    once: Arc<AtomicBool>,
) -> Option<()> {
    let mut head = Vec::new();
    loop {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        if head.ends_with(b"\r\n\r\n") {
            let served = if head.starts_with(b"GET /once ") {
                !once.swap(true, Ordering::Relaxed)
            } else {
                !head.starts_with(b"GET /never ")
            };
            asked.lock().ok()?.push(Instant::now());
            head.clear();
            let answer = if served { answer.as_bytes() } else { UNAVAILABLE };
            stream.write_all(answer).await.ok()?;
        }
    }
}
