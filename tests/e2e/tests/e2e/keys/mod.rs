//! The keys' life, in an Envoy with four workers, against a provider whose faults are scripted and
//! whose fetches are counted.
mod clock;
mod discovery;
mod herd;
mod outages;
mod providers;
mod refresh;
mod rotated;
mod shared;
mod start;
mod unknown_kid;
mod withdrawal;

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{Answer, Shop};
use harness::process::eventually;
use harness::stack::{Builder, Stack};
use serde_json::Value;
use tokio::task::JoinSet;

pub(crate) use self::unknown_kid::forged;

/// Nothing that is waited for takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// So many new connections reach each of four workers, but for one time in ten thousand.
pub(crate) const CONNECTIONS: usize = 40;

/// A stack with four workers, whose providers' `jwks` have these members besides their own.
fn with_keys(name: &str, members: Value) -> Builder {
    Stack::named(name).concurrency(4).policy(move |policy| set(policy, &members))
}

/// Changes the `jwks` of every provider.
fn set(policy: &mut Value, members: &Value) {
    for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
        for (name, value) in members.as_object().unwrap() {
            provider["jwks"][name] = value.clone();
        }
    }
}

/// How often the keys were fetched.
pub(crate) async fn fetches(shop: &Shop) -> u64 {
    shop.stack.idp().counts().await.unwrap().jwks.total
}

/// How many fetches the gateway has counted under this outcome.
async fn fetches_that_ended(shop: &Shop, outcome: &str) -> u64 {
    let outcome = format!("outcome={outcome}");
    shop.stack.stats().await.unwrap().sum(&["portcullis.jwks_fetches;", &outcome])
}

/// Waits until the keys were fetched so many times more.
pub(crate) async fn fetched_again(shop: &Shop, times: u64) {
    let enough = fetches(shop).await + times;
    eventually("the next fetches", PATIENCE, async || {
        (fetches(shop).await >= enough).then_some(())
    })
    .await
    .unwrap();
}

/// Seconds between each fetch and the next.
async fn gaps(shop: &Shop) -> Vec<f64> {
    let at = shop.stack.idp().counts().await.unwrap().jwks.at_micros;
    let pairs = at.iter().zip(at.iter().skip(1));
    pairs.map(|(before, after)| Duration::from_micros(after - before).as_secs_f64()).collect()
}

/// Shows the token on a new connection.
fn ask(shop: &Shop, token: &str) -> impl Future<Output = Answer> + use<> {
    let request = format!(
        "GET /me HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let gateway = std::net::SocketAddr::from(([127, 0, 0, 1], shop.stack.envoy().port()));
    async move {
        let reply = harness::http::raw(gateway, request.as_bytes()).await.unwrap();
        Answer::of_raw("GET /me".to_owned(), &reply)
    }
}

/// Shows the token on so many new connections that every worker is asked: how often there was which
/// status and reason. Whoever gets 429 or 503 is told when to come back; Envoy's own, where a VM
/// has died, has no reason and says nothing.
pub(crate) async fn everywhere(shop: &Shop, token: &str) -> BTreeMap<(u16, String), usize> {
    let asking: JoinSet<_> = (0..CONNECTIONS).map(|_| ask(shop, token)).collect();
    let mut answers = BTreeMap::new();
    for answer in asking.join_all().await {
        let reason = answer.body["reason"].as_str().unwrap_or_default().to_owned();
        let ours = [429, 503].contains(&answer.status) && !reason.is_empty();
        assert_eq!(answer.header("retry-after").is_some(), ours, "{answer}");
        *answers.entry((answer.status, reason)).or_default() += 1;
    }
    answers
}

/// What every worker answers, if they agree.
pub(crate) async fn on_all_workers(shop: &Shop, token: &str) -> Option<(u16, String)> {
    let mut answers = everywhere(shop, token).await.into_keys();
    let answer = answers.next();
    if answers.next().is_none() { answer } else { None }
}

/// Waits until every worker gives this answer. Meanwhile none gives one that `never` accepts.
pub(crate) async fn until_all_workers(
    shop: &Shop,
    token: &str,
    expected: (u16, &str),
    never: fn(u16) -> bool,
) {
    let all = async || {
        let answers = everywhere(shop, token).await;
        let wrong = answers.keys().find(|(status, _)| never(*status));
        assert!(wrong.is_none(), "on the way to {expected:?}: {answers:?}");
        let done = answers.keys().all(|(status, reason)| (*status, &**reason) == expected);
        done.then_some(())
    };
    eventually(&format!("{expected:?}"), PATIENCE, all).await.unwrap();
}
