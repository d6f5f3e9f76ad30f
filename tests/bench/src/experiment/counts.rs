//! What each kind of request costs each variant in instructions and in misses of the first caches, which a busy machine does not
//! change.
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::traffic::{Kind, Traffic};
use super::{Ground, proof};
use crate::callgrind::Counter;
use crate::gateway::{Gateway, Place, Variant};
use crate::load::{self, Call, Connection};
use crate::plan::{Part, Plan, Schedule};
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
    let plan = Plan { cold, hot: schedule, ..ground.plan.clone() };
    let kinds: Vec<(Part, Kind)> =
        plan.counted.iter().filter_map(|part| Some((*part, Kind::of(*part)?))).collect();
    let provider = [Provider::new(0, &Algorithm::ALL)];
    let table = rules::table(10);
    let rules = Rules { providers: &provider, table: &table };
    let dumps = dumps()?;
    let concerned = kinds.iter().flat_map(|(_, kind)| Variant::ALL.map(|variant| kind.concerns(variant)));
    let steps = Steps::new("counts", concerned.filter(|concerned| *concerned).count());

    let mut rounds: Vec<Vec<Rounds>> = vec![Vec::new(); kinds.len()];
    for variant in Variant::ALL {
        let place = Place { counted: true, ..ground.place(1) };
        let gateway = Gateway::start(variant, rules, place, &ground.modules).await?;
        proof::of(&gateway, rules, &ground.upstream).await?;
        let mut counting = Counting { counter: gateway.counter(), port: gateway.port() };
        for ((part, kind), rounds) in kinds.iter().zip(&mut rounds) {
            if kind.concerns(variant) {
                let traffic = Traffic::of(*kind, &provider[0], &table, &plan)?;
                let counted = counting.rounds(traffic.schedule, &traffic.to(variant)).await;
                let counted = counted.with_context(|| variant.name())?;
                counting.counter.keep(&dumps.join(format!("{}-{}", part.name(), variant.key())))?;
                rounds.push((variant, counted));
                steps.done();
            }
        }
    }
    let names = kinds.iter().map(|(part, _)| part.name());
    Ok(names.zip(rounds).map(|(name, rounds)| figures(name, &rounds)).collect())
}

/// Where the last dump of each variant and kind goes.
fn dumps() -> Result<PathBuf> {
    let folder = harness::artifacts::target().join("bench/counts");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

/// What a variant took in each round, for one request: instructions and misses.
type Rounds = (Variant, Vec<[f64; 2]>);

/// Counts what one gateway does.
struct Counting {
    counter: Counter,
    port: u16,
}

impl Counting {
    /// Instructions and misses for one request, in each round. While V8 compiles what has become hot, nothing is counted.
    async fn rounds(&mut self, schedule: Schedule, calls: &Arc<[Call]>) -> Result<Vec<[f64; 2]>> {
        let Schedule { rounds, warm_up, requests, .. } = schedule;
        let mut connection = vec![Connection::open(self.port).await?];
        // the first requests that are counted are valgrind's own warming up
        let settle = warm_up - warm_up.min(20);
        load::all(&mut connection, &calls[..settle].into()).await?;
        self.counter.begin()?;
        load::all(&mut connection, &calls[settle..warm_up].into()).await?;
        self.counter.zero()?;
        let mut counted = Vec::new();
        for round in 0..rounds {
            let from = warm_up + round * requests;
            load::all(&mut connection, &calls[from..from + requests].into()).await?;
            let count = self.counter.take()?;
            counted.push([count.instructions, count.misses].map(|it| it as f64 / requests as f64));
        }
        self.counter.end()?;
        Ok(counted)
    }
}

/// The first variant is what the others are above.
fn figures(name: String, rounds: &[Rounds]) -> Counts {
    let thousands = |rounds: &[[f64; 2]], event: usize, base: f64| {
        Summary::of(&rounds.iter().map(|counts| counts[event] / 1e3 - base).collect::<Vec<_>>())
    };
    let base = |event| rounds.first().map_or(0.0, |(_, base)| thousands(base, event, 0.0).median);
    let bases = [base(0), base(1)];
    let cell = |(variant, rounds): &Rounds| {
        let [instructions, misses] = [0, 1].map(|event| Counted {
            all: thousands(rounds, event, 0.0),
            net: (!variant.is_base()).then(|| thousands(rounds, event, bases[event])),
        });
        CountedCell { variant: *variant, instructions, misses }
    };
    Counts { name, cells: rounds.iter().map(cell).collect() }
}
