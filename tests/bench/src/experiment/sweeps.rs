//! What happens to the cost when tokens, role tables or the number of providers grow. The last two
//! have twice as many rounds, because a tenth is to be seen.
use std::sync::Arc;

use anyhow::Result;
use hyper::StatusCode;

use super::{Ground, HOT, Setup, again, calls, in_turn, once, spread, title};
use crate::gateway::{Gateway, Variant};
use crate::load::Call;
use crate::plan::Schedule;
use crate::progress::Steps;
use crate::report::Experiment;
use crate::rounds::{self, Cell, Measured};
use crate::rules::{self, Provider, Rules};
use crate::tokens::{Algorithm, Claims, Tokens};

/// Tokens of several sizes, each used once, and then used over and over. ES256, because 512 bytes
/// have no room for an RSA signature and claims.
pub(crate) async fn sizes(ground: &mut Ground) -> Result<Vec<Experiment>> {
    const VARIANTS: [Variant; 5] = [
        Variant::Bare,
        Variant::Native,
        Variant::NativeCached,
        Variant::Headers,
        Variant::Assertion,
    ];
    let provider = [Provider::new(0, &[Algorithm::Es256])];
    let table = rules::table(10);
    let gateways =
        ground.start(&VARIANTS, Rules { providers: &provider, table: &table }, 1).await?;
    let (cold, hot) = (ground.plan.cold.unpaced(), ground.plan.hot.unpaced());
    let mut experiments = Vec::new();
    // all sizes together fit into the cache of assertions, with every row
    for (name, schedule, count) in [("sizes-cold", cold, cold.total()), ("sizes-hot", hot, HOT / 2)]
    {
        let mut cells = Vec::new();
        for &size in &ground.plan.sizes {
            let claims = Claims { size, ..Claims::good("sizes", &provider[0]) };
            let tokens = Tokens::of(provider[0].key(Algorithm::Es256), &claims, count)?;
            let asked = calls(&table, schedule.total(), StatusCode::OK, spread, again(&tokens))?;
            let base = cells.len();
            let cell = |it| Cell { parameter: Some(size), base, ..Cell::of(it, &asked) };
            cells.extend(gateways.iter().map(cell));
        }
        let setup =
            Setup { name: name.to_owned(), varies: Some("bytes"), workers: 1, schedule, cells };
        experiments.push(ground.measure(setup).await?);
    }
    Ok(experiments)
}

/// Role tables of several sizes, a hundred rows a host, with hot tokens: all that differs is
/// finding the row. First ten endpoints are called, whatever the size of the table; then every row,
/// in turn, each once before anything is counted, so that no row is near at hand.
pub(crate) async fn rows(ground: &mut Ground) -> Result<Vec<Experiment>> {
    let provider = [Provider::new(0, &[Algorithm::Rs256])];
    let most = ground.plan.rows.iter().copied().max().unwrap_or(0);
    let hot = ground.plan.hot.unpaced();
    let schedule = Schedule { warm_up: hot.warm_up.max(most), rounds: 2 * hot.rounds, ..hot };
    let claims = Claims::good("hot", &provider[0]);
    let tokens = Tokens::of(provider[0].key(Algorithm::Rs256), &claims, HOT)?;
    let tables: Vec<_> = ground.plan.rows.iter().map(|rows| rules::table(*rows)).collect();
    let all_rules: Vec<_> =
        tables.iter().map(|table| Rules { providers: &provider, table }).collect();
    let mut sweeps = Vec::new();
    for (name, all) in [("rows", false), ("rows-all", true)] {
        let asked = |table: &[rules::Row]| {
            let row = |number| if all { in_turn(number) } else { one_of_ten(number, table.len()) };
            calls(table, schedule.total(), StatusCode::OK, row, again(&tokens))
        };
        let points = tables.iter().map(|table| Ok((table.len(), asked(table)?)));
        sweeps.push(Sweep::new(name, "rows", schedule, points.collect::<Result<_>>()?));
    }
    restarted(ground, &mut sweeps, Variant::NativeCached, &all_rules).await?;
    Ok(sweeps.into_iter().map(Sweep::experiment).collect())
}

/// Ten rows, evenly spread over a table and of the same kinds in every table; all of them in a
/// table of ten.
fn one_of_ten(number: usize, rows: usize) -> usize {
    let place = number % 10;
    let row = place * (rows / 10);
    // kinds come in fours
    row + (place + 3 * row) % 4
}

/// One provider or many, whose tokens come in turn, each used once: all that differs is finding the
/// provider and its key.
pub(crate) async fn providers(ground: &mut Ground) -> Result<Vec<Experiment>> {
    let cold = ground.plan.cold.unpaced();
    let schedule = Schedule { rounds: 2 * cold.rounds, ..cold };
    let most = ground.plan.providers.iter().copied().max().unwrap_or(0);
    let all: Vec<_> = (0..most).map(|number| Provider::new(number, &[Algorithm::Es256])).collect();
    let table = rules::table(10);
    let asked = |providers: &[Provider]| {
        let signers =
            providers.iter().map(|it| (it.key(Algorithm::Es256), Claims::good("providers", it)));
        let tokens = Tokens::each_of(&signers.collect::<Vec<_>>(), schedule.total())?;
        calls(&table, schedule.total(), StatusCode::OK, spread, once(&tokens))
    };
    let of = |count: &usize| Rules { providers: &all[..*count], table: &table };
    let all_rules: Vec<_> = ground.plan.providers.iter().map(of).collect();
    let points = all_rules.iter().map(|it| Ok((it.providers.len(), asked(it.providers)?)));
    let mut sweeps =
        [Sweep::new("providers", "providers", schedule, points.collect::<Result<_>>()?)];
    restarted(ground, &mut sweeps, Variant::Native, &all_rules).await?;
    Ok(sweeps.into_iter().map(Sweep::experiment).collect())
}

/// A figure over a parameter, while it is measured.
struct Sweep {
    name: &'static str,
    varies: &'static str,
    schedule: Schedule,
    /// What is asked at each parameter.
    points: Vec<(usize, Arc<[Call]>)>,
    measured: Vec<Measured>,
}

/// Measures the sweeps with the bare proxy, and with Portcullis and the `native` filters with each
/// of the rules. The gateways are restarted several times, as for the cost table: a difference of a
/// tenth must be visible, and two starts of one process differ by as much.
async fn restarted(
    ground: &mut Ground,
    sweeps: &mut [Sweep],
    native: Variant,
    all_rules: &[Rules<'_>],
) -> Result<()> {
    let restarts = ground.plan.restarts;
    let cells = 1 + 2 * all_rules.len();
    let names: Vec<_> = sweeps.iter().map(|sweep| sweep.name).collect();
    let total = sweeps.iter().map(|sweep| rounds::steps(cells, sweep.schedule, restarts)).sum();
    let steps = Steps::new(&title(&names.join(", "), 1), total);
    for restart in 0..restarts {
        let mut gateways = Vec::new();
        for (number, rules) in all_rules.iter().enumerate() {
            let variants = [Variant::Bare, native, Variant::Headers];
            // the bare proxy has no rules
            let variants = if number == 0 { &variants[..] } else { &variants[1..] };
            let started = ground.start(variants, *rules, 1).await?;
            gateways.extend(started.into_iter().map(|gateway| (gateway, number)));
        }
        for sweep in &mut *sweeps {
            let cells: Vec<_> =
                gateways.iter().map(|(gateway, number)| sweep.cell(gateway, *number)).collect();
            let settings = ground.settings(sweep.schedule, 1)?;
            let rounds = sweep.schedule.of_restart(restart, restarts);
            let measured =
                rounds::run(&cells, settings, rounds, &mut ground.random, &steps).await?;
            rounds::add(&mut sweep.measured, measured)?;
        }
    }
    Ok(())
}

impl Sweep {
    fn new(
        name: &'static str,
        varies: &'static str,
        schedule: Schedule,
        points: Vec<(usize, Arc<[Call]>)>,
    ) -> Self {
        Self { name, varies, schedule, points, measured: Vec::new() }
    }

    /// A gateway at the point of that number.
    fn cell(&self, gateway: &Gateway, number: usize) -> Cell {
        let (parameter, asked) = &self.points[number];
        let one_of = one_of(gateway.variant, *parameter);
        Cell { parameter: Some(*parameter), one_of, ..Cell::of(gateway, asked) }
    }

    fn experiment(self) -> Experiment {
        Experiment {
            name: self.name.to_owned(),
            varies: Some(self.varies),
            workers: 1,
            requests: self.schedule.requests,
            cells: rounds::figures(&self.measured),
        }
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
        let kinds =
            |rows: usize| (0..10).map(|number| one_of_ten(number, rows) % 4).collect::<Vec<_>>();
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
