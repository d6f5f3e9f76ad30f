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

/// Role tables of several sizes, a hundred rows a host, with hot tokens: all that differs is finding the row. First ten endpoints are called, whatever
/// the size of the table; then every row, in turn, each once before anything is counted, so that no row is near at hand.
pub(crate) async fn rows(ground: &mut Ground) -> Result<Vec<Experiment>> {
    let provider = [Provider::new(0, &[Algorithm::Rs256])];
    let most = ground.plan.rows.iter().copied().max().unwrap_or(0);
    let hot = ground.plan.hot.unpaced();
    let schedule = Schedule { warm_up: hot.warm_up.max(most), rounds: 2 * hot.rounds, ..hot };
    let claims = Claims::good("hot", &provider[0]);
    let tokens = Tokens::of(provider[0].key(Algorithm::Rs256), &claims, HOT)?;
    let mut sweep = Sweep::default();
    for rows in ground.plan.rows.clone() {
        let table = rules::table(rows);
        sweep
            .start(ground, rows, Variant::NativeCached, Rules { providers: &provider, table: &table })
            .await?;
    }
    let mut experiments = Vec::new();
    for (name, all) in [("rows", false), ("rows-all", true)] {
        let of = |rows| {
            let row = |number| if all { in_turn(number) } else { one_of_ten(number, rows) };
            calls(&rules::table(rows), schedule.total(), StatusCode::OK, row, again(&tokens))
        };
        experiments.push(sweep.measure(ground, name, "rows", schedule, of).await?);
    }
    Ok(experiments)
}

/// Ten rows, evenly spread over a table and of the same kinds in every table; all of them in a table of ten.
fn one_of_ten(number: usize, rows: usize) -> usize {
    let place = number % 10;
    let row = place * (rows / 10);
    // kinds come in fours
    row + (place + 3 * row) % 4
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
        let rules = Rules { providers: &all[..count], table: &table };
        sweep.start(ground, count, Variant::Native, rules).await?;
    }
    let of = |count| {
        let signers = all[..count].iter().map(|it| (it.key(Algorithm::Es256), Claims::good("providers", it)));
        let tokens = Tokens::each_of(&signers.collect::<Vec<_>>(), schedule.total())?;
        calls(&table, schedule.total(), StatusCode::OK, spread, once(&tokens))
    };
    sweep.measure(ground, "providers", "providers", schedule, of).await
}

/// Gateways whose rules grow, each with its parameter. The first is the bare proxy, which has no rules.
#[derive(Default)]
struct Sweep(Vec<(Gateway, usize)>);

impl Sweep {
    /// Adds Portcullis and the `native` filters with these rules.
    async fn start(
        &mut self,
        ground: &Ground,
        parameter: usize,
        native: Variant,
        rules: Rules<'_>,
    ) -> Result<()> {
        let variants = [Variant::Bare, native, Variant::Headers];
        let variants = if self.0.is_empty() { &variants[..] } else { &variants[1..] };
        let started = ground.start(variants, rules, 1).await?;
        self.0.extend(started.into_iter().map(|gateway| (gateway, parameter)));
        Ok(())
    }

    /// Measures them with what `asked` tells for each parameter.
    async fn measure(
        &self,
        ground: &mut Ground,
        name: &str,
        varies: &'static str,
        schedule: Schedule,
        asked: impl Fn(usize) -> Result<Arc<[Call]>>,
    ) -> Result<Experiment> {
        let mut cells: Vec<Cell<'_>> = Vec::new();
        for (gateway, parameter) in &self.0 {
            let known = cells.iter().find(|cell| cell.parameter == Some(*parameter));
            let asked = known.map_or_else(|| asked(*parameter), |cell| Ok(Arc::clone(&cell.calls)))?;
            let one_of = one_of(gateway.variant, *parameter);
            cells.push(Cell { parameter: Some(*parameter), one_of, ..Cell::of(gateway, &asked) });
        }
        let setup = Setup { name: name.to_owned(), varies: Some(varies), workers: 1, schedule, cells };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_rows_are_spread_over_the_table_and_alike_in_every_table() {
        let kinds = |rows: usize| (0..10).map(|number| one_of_ten(number, rows) % 4).collect::<Vec<_>>();
        assert_eq!(
            (0..10).map(|number| one_of_ten(number, 10)).collect::<Vec<_>>(),
            (0..10).collect::<Vec<_>>()
        );
        for rows in [100, 1000, 10_000] {
            assert_eq!(kinds(rows), kinds(10));
            assert!((0..10).all(|number| one_of_ten(number, rows) * 10 / rows == number), "{rows}");
        }
    }
}
