//! The closed loop: each connection sends its next request when the last was answered, until all
//! are sent.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::task::JoinSet;

use super::{Call, Connection};

/// Sends every call once, over all of the connections.
pub(crate) async fn all(connections: &mut Vec<Connection>, calls: &Arc<[Call]>) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for mut connection in connections.drain(..) {
        let (next, calls) = (Arc::clone(&next), Arc::clone(calls));
        senders.spawn(async move {
            while let Some(call) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                connection.ask(call).await?;
            }
            anyhow::Ok(connection)
        });
    }
    while let Some(done) = senders.join_next().await {
        connections.push(done??);
    }
    Ok(())
}
