//! What happens to the cost when tokens, role tables or the number of providers grow. The last two have twice as many rounds,
//! because a tenth is to be seen.
use std::sync::Arc;

use anyhow::Result;
use hyper::StatusCode;

use super::{Ground, HOT, Setup, again, calls, in_turn, once, spread};
use crate::gateway::{Gateway, Variant};
use crate::load::Call;
use crate::plan::Schedule;
use crate::report::Experiment;
use crate::rounds::Cell;
use crate::rules::{self, Provider, Rules};
use crate::tokens::{Algorithm, Claims, Tokens};

/// Tokens of several sizes, each used once, and then used over and over. ES256, because 512 bytes have no room for an RSA
/// signature and claims.
pub(crate) async fn sizes(ground: &mut Ground) -> Result<Vec<Experiment>> {
    const VARIANTS: [Variant; 5] =
        [Variant::Bare, Variant::Native, Variant::NativeCached, Variant::Headers, Variant::Assertion];
    let provider = [Provider::new(0, &[Algorithm::Es256])];
    let table = rules::table(10);
    let gateways = ground.start(&VARIANTS, Rules { providers: &provider, table: &table }, 1).await?;
    let (cold, hot) = (ground.plan.cold.unpaced(), ground.plan.hot.unpaced());
    let mut experiments = Vec::new();
    // all sizes together fit into the cache of assertions, with every row
    for (name, schedule, count) in [("sizes-cold", cold, cold.total()), ("sizes-hot", hot, HOT / 2)] {
        let mut cells = Vec::new();
        for &size in &ground.plan.sizes {
            let claims = Claims { size, ..Claims::good("sizes", &provider[0]) };
            let tokens = Tokens::of(provider[0].key(Algorithm::Es256), &claims, count)?;
            let asked = calls(&table, schedule.total(), StatusCode::OK, spread, again(&tokens))?;
            let base = cells.len();
            let cell = |it| Cell { parameter: Some(size), base, ..Cell::of(it, &asked) };
            cells.extend(gateways.iter().map(cell));
        }
        let setup = Setup { name: name.to_owned(), varies: Some("bytes"), workers: 1, schedule, cells };
        experiments.push(ground.measure(setup).await?);
    }
    Ok(experiments)
}

/// Role tables of several sizes, with hot tokens: all that differs is finding the row. The rows are called in turn, and all of
/// them before anything is counted.
pub(crate) async fn rows(ground: &mut Ground) -> Result<Experiment> {
    let provider = [Provider::new(0, &[Algorithm::Rs256])];
    let most = ground.plan.rows.iter().copied().max().unwrap_or(0);
    let hot = ground.plan.hot.unpaced();
    let schedule = Schedule { warm_up: hot.warm_up.max(most), rounds: 2 * hot.rounds, ..hot };
    let claims = Claims::good("hot", &provider[0]);
    let tokens = Tokens::of(provider[0].key(Algorithm::Rs256), &claims, HOT)?;
    let mut sweep = Sweep::default();
    for rows in ground.plan.rows.clone() {
        let table = rules::table(rows);
        let rules = Rules { providers: &provider, table: &table };
        let calls = calls(&table, schedule.total(), StatusCode::OK, in_turn, again(&tokens))?;
        sweep.add(ground, rows, Variant::NativeCached, rules, &calls).await?;
    }
    sweep.measure(ground, "rows", schedule).await
}

/// One provider or many, whose tokens come in turn, each used once: all that differs is finding the provider and its key.
pub(crate) async fn providers(ground: &mut Ground) -> Result<Experiment> {
    let cold = ground.plan.cold.unpaced();
    let schedule = Schedule { rounds: 2 * cold.rounds, ..cold };
    let most = ground.plan.providers.iter().copied().max().unwrap_or(0);
    let all: Vec<_> = (0..most).map(|number| Provider::new(number, &[Algorithm::Es256])).collect();
    let table = rules::table(10);
    let mut sweep = Sweep::default();
    for count in ground.plan.providers.clone() {
        let providers = &all[..count];
        let signers = providers.iter().map(|it| (it.key(Algorithm::Es256), Claims::good("providers", it)));
        let signers: Vec<_> = signers.collect();
        let tokens = Tokens::each_of(&signers, schedule.total())?;
        let calls = calls(&table, schedule.total(), StatusCode::OK, spread, once(&tokens))?;
        let rules = Rules { providers, table: &table };
        sweep.add(ground, count, Variant::Native, rules, &calls).await?;
    }
    sweep.measure(ground, "providers", schedule).await
}

/// Gateways whose rules grow, and what each of them is asked. The first is the bare proxy, which has no rules.
#[derive(Default)]
struct Sweep {
    gateways: Vec<Gateway>,
    asked: Vec<(usize, Arc<[Call]>)>,
}

impl Sweep {
    /// Adds Portcullis and the `native` filters with these rules.
    async fn add(
        &mut self,
        ground: &Ground,
        parameter: usize,
        native: Variant,
        rules: Rules<'_>,
        calls: &Arc<[Call]>,
    ) -> Result<()> {
        let variants = [Variant::Bare, native, Variant::Headers];
        let variants = if self.gateways.is_empty() { &variants[..] } else { &variants[1..] };
        self.gateways.extend(ground.start(variants, rules, 1).await?);
        self.asked.resize_with(self.gateways.len(), || (parameter, Arc::clone(calls)));
        Ok(())
    }

    async fn measure(
        self,
        ground: &mut Ground,
        varies: &'static str,
        schedule: Schedule,
    ) -> Result<Experiment> {
        let Self { gateways, asked } = self;
        let cells = gateways.iter().zip(&asked).map(|(gateway, (parameter, asked))| Cell {
            parameter: Some(*parameter),
            one_of: one_of(gateway.variant, *parameter),
            ..Cell::of(gateway, asked)
        });
        let cells = cells.collect();
        let setup = Setup { name: varies.to_owned(), varies: Some(varies), workers: 1, schedule, cells };
        ground.measure(setup).await
    }
}

/// Envoy's own filters look at one row, and at one provider, after the other.
fn one_of(variant: Variant, parameter: usize) -> usize {
    match variant {
        Variant::Native | Variant::NativeCached => (parameter / 50).clamp(1, 20),
        _ => 1,
    }
}
