//! What each kind of request costs each variant in instructions and in misses of the first caches,
//! which a busy machine does not change.
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::traffic::{Kind, Traffic};
use super::{Ground, proof};
use crate::callgrind::{Count, Counter};
use crate::gateway::{Gateway, Place, Variant};
use crate::load::{self, Call, Connection};
use crate::plan::{Plan, Schedule};
use crate::progress::Steps;
use crate::report::{Counted, CountedCell, Counts};
use crate::rules::{self, Provider, Rules};
use crate::summary::Summary;
use crate::tokens::Algorithm;

/// One Envoy after the other, since each is very slow; each is asked everything by one connection.
pub(crate) async fn counts(ground: &Ground) -> Result<Vec<Counts>> {
    let schedule = ground.plan.counts;
    // as many tokens are needed as are sent here; new ones take long, and leave less behind
    let cold = Schedule { warm_up: schedule.warm_up / 3, ..schedule };
    let plan = Plan { cold, cold_judged: cold, hot: schedule, ..ground.plan.clone() };
    let provider = [Provider::new(0, &Algorithm::ALL)];
    let table = rules::table(10);
    let rules = Rules { providers: &provider, table: &table };
    let kinds = plan.counted.iter().filter_map(|part| Some((part.name(), Kind::of(*part)?)));
    let traffic = |(name, kind)| Ok((name, kind, Traffic::of(kind, &provider[0], &table, &plan)?));
    let kinds: Vec<(String, Kind, Traffic)> = kinds.map(traffic).collect::<Result<_>>()?;
    let dumps = dumps()?;
    let concerned =
        kinds.iter().flat_map(|(_, kind, _)| Variant::ALL.map(|variant| kind.concerns(variant)));
    let steps = Steps::new("counts", concerned.filter(|concerned| *concerned).count());

    let mut rounds: Vec<Vec<Rounds>> = vec![Vec::new(); kinds.len()];
    for variant in Variant::ALL {
        let place = Place { counted: true, ..ground.place(1) };
        let gateway = Gateway::start(variant, rules, place, &ground.modules).await?;
        proof::of(&gateway, rules, &ground.upstream).await?;
        let mut counter = gateway.counter();
        for ((name, kind, traffic), rounds) in kinds.iter().zip(&mut rounds) {
            if kind.concerns(variant) {
                let counts =
                    count(&mut counter, gateway.port(), traffic.schedule, &traffic.to(variant))
                        .await;
                rounds.push((variant, counts.with_context(|| variant.name())?));
                counter.keep(&dumps.join(format!("{name}-{}", variant.key())))?;
                steps.done();
            }
        }
    }
    let all = kinds.into_iter().zip(rounds);
    Ok(all.map(|((name, ..), rounds)| figures(name, schedule.requests, &rounds)).collect())
}

/// Where the last dump of each variant and kind goes.
fn dumps() -> Result<PathBuf> {
    let folder = harness::artifacts::target().join("bench/counts");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

/// What a variant took in each round.
type Rounds = (Variant, Vec<Count>);

/// What one gateway takes for the requests of each round. While V8 compiles what has become hot,
/// nothing is counted.
async fn count(
    counter: &mut Counter,
    port: u16,
    schedule: Schedule,
    calls: &Arc<[Call]>,
) -> Result<Vec<Count>> {
    let Schedule { rounds, warm_up, requests, .. } = schedule;
    let mut connection = vec![Connection::open(port).await?];
    // the first requests that are counted are valgrind's own warming up
    let settle = warm_up - warm_up.min(20);
    load::all(&mut connection, &calls[..settle].into()).await?;
    counter.begin()?;
    load::all(&mut connection, &calls[settle..warm_up].into()).await?;
    counter.zero()?;
    let mut counts = Vec::new();
    for round in 0..rounds {
        let from = warm_up + round * requests;
        load::all(&mut connection, &calls[from..from + requests].into()).await?;
        counts.push(counter.take()?);
    }
    counter.end()?;
    Ok(counts)
}

/// The first variant is what the others are above.
fn figures(name: String, requests: usize, rounds: &[Rounds]) -> Counts {
    let counted = |(variant, own): &Rounds, of: fn(&Count) -> u64| {
        let above = |base: f64, counts: &[Count]| {
            let one = |count| of(count) as f64 / requests as f64 / 1e3 - base;
            Summary::of(&counts.iter().map(one).collect::<Vec<_>>())
        };
        let base = rounds.first().map_or(0.0, |(_, base)| above(0.0, base).median);
        Counted { all: above(0.0, own), net: (!variant.is_base()).then(|| above(base, own)) }
    };
    let cell = |rounds: &Rounds| CountedCell {
        variant: rounds.0,
        instructions: counted(rounds, |count| count.instructions),
        misses: counted(rounds, |count| count.misses),
    };
    Counts { name, cells: rounds.iter().map(cell).collect() }
}
