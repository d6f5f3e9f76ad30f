//! What a worker's VM holds: with few rows and with many, with one key and with many, before the
//! first token and once its cache is full.
use anyhow::{Result, ensure};
use hyper::StatusCode;
use serde_json::json;

use super::{Ground, calls, in_turn, once};
use crate::gateway::{Gateway, Variant, filter, policy};
use crate::load::{self, Connection};
use crate::memory::{linear_memories, resident};
use crate::progress::Steps;
use crate::report::Memory;
use crate::rules::{self, Provider, Rules};
use crate::tokens::{Algorithm, Claims, Key, Tokens};

/// So that the count alone bounds the cache.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// One key in five is RSA: what providers publish are mostly few of those, among elliptic curves
/// while they rotate.
const RSA: usize = 5;

/// With few rows and many keys, then with as many rows as are measured.
pub(crate) async fn memory(ground: &Ground) -> Result<Vec<Memory>> {
    let most = ground.plan.rows.iter().copied().max().unwrap_or(10);
    let keys = |number: usize| {
        if number.is_multiple_of(RSA) { Algorithm::Rs256 } else { Algorithm::Es256 }
    };
    let many = (0..ground.plan.keys).map(|number| Key::of(keys(number), number)).collect();
    let one = vec![Key::of(Algorithm::Rs256, 0)];
    Ok(vec![filled(ground, 10, many).await?, filled(ground, most, one).await?])
}

/// Fills the cache of one worker: each token is used twice, since not all are kept when they come
/// only once, and each row at least once.
async fn filled(ground: &Ground, rows: usize, keys: Vec<Key>) -> Result<Memory> {
    let count = ground.plan.cached_tokens;
    let provider = [Provider { keys, ..Provider::new(0, &[]) }];
    let keys = provider[0].keys.len();
    let table = rules::table(rows);
    let rules = Rules { providers: &provider, table: &table };
    let steps = Steps::new(&format!("memory, {rows} rows, {keys} keys"), 4);
    let tokens =
        Tokens::of(provider[0].key(Algorithm::Rs256), &Claims::good("cold", &provider[0]), count)?;
    let calls = calls(&table, count, StatusCode::OK, in_turn, once(&tokens))?;
    steps.done();

    let mut policy = policy(rules, true);
    policy["cache"] = json!({ "tokens": count, "bytes": CACHE_BYTES });
    let filters = vec![filter(&ground.modules.portcullis, &policy)];
    let gateway = Gateway::with_filters(Variant::Assertion, filters, ground.place(1)).await?;
    let bare = Gateway::start(Variant::Bare, rules, ground.place(1), &ground.modules).await?;
    let empty = linear_memories(gateway.pid())?;
    steps.done();
    for gateway in [&bare, &gateway] {
        let mut connections =
            Connection::open_many(gateway.port(), ground.plan.connections).await?;
        for _ in 0..2 {
            load::all(&mut connections, &calls).await?;
        }
        steps.done();
    }
    // the gauge follows at the worker's next tick
    let cached = async || {
        let stats = gateway.stats().await.ok()?;
        (stats.sum(&["portcullis.cached_tokens"]) == u64::try_from(count).ok()?).then_some(())
    };
    let within = std::time::Duration::from_secs(5);
    harness::process::eventually("the cache with all tokens", within, cached).await?;
    let full = linear_memories(gateway.pid())?;
    ensure!(!full.is_empty(), "Envoy's memory map shows no VM");
    let most = |memories: &[u64]| memories.iter().copied().max().unwrap_or(0);
    Ok(Memory {
        rows,
        hosts: rules.by_host().count(),
        keys,
        tokens: count,
        linear_bytes: most(&full),
        linear_bytes_before: most(&empty),
        process_bytes: resident(gateway.pid())?.saturating_sub(resident(bare.pid())?),
        vms: full.len(),
    })
}
