//! The open loop: requests are due at a fixed rate, whatever the gateway does, and each latency
//! counts from the moment when the request was due, so that one slow answer is seen in those that
//! had to wait behind it.
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::{Call, Connection};

/// Latencies in nanoseconds, to three digits.
pub(crate) type Latencies = Histogram<u64>;

/// Sends every call once, `rate` of them a second, over all of the connections.
pub(crate) async fn paced(
    connections: &mut Vec<Connection>,
    calls: Arc<[Call]>,
    rate: u32,
) -> Result<Latencies> {
    let due = Arc::new(Mutex::new(metronome(calls.len(), rate)));
    let mut senders = JoinSet::new();
    for mut connection in connections.drain(..) {
        let (due, calls) = (Arc::clone(&due), Arc::clone(&calls));
        senders.spawn(async move {
            let mut latencies = Latencies::new(3)?;
            loop {
                let next = due.lock().await.recv().await;
                let Some((number, due)) = next else { return anyhow::Ok((connection, latencies)) };
                connection.ask(&calls[number]).await?;
                latencies.record(u64::try_from(due.elapsed().as_nanos())?)?;
            }
        });
    }
    let mut all = Latencies::new(3)?;
    while let Some(done) = senders.join_next().await {
        let (connection, latencies) = done??;
        connections.push(connection);
        all.add(latencies)?;
    }
    Ok(all)
}

/// Tells when each of `count` requests is due. A thread of its own, because the runtime's timers
/// tick in milliseconds.
fn metronome(count: usize, rate: u32) -> mpsc::UnboundedReceiver<(usize, Instant)> {
    let (ticks, due) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let interval = Duration::from_secs(1) / rate;
        let mut at = Instant::now() + interval;
        for number in 0..count {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if ticks.send((number, at)).is_err() {
                // a wrong answer has ended the run
                return;
            }
            at += interval;
        }
    });
    due
}
