//! The cost table: what each kind of request costs each variant.
use anyhow::Result;

use super::traffic::{Kind, Traffic};
use super::{Ground, title};
use crate::gateway::{Gateway, Variant};
use crate::plan::{Part, Plan};
use crate::progress::Steps;
use crate::report::Experiment;
use crate::rounds::{self, Cell, Measured};
use crate::rules::{self, Provider, Rules};
use crate::tokens::Algorithm;

/// Measures the requested parts of the cost table, in their order. The rounds are spread over
/// several restarts of all gateways, because memory layout alone shifts results by more than a
/// round does.
pub(crate) async fn costs(ground: &mut Ground, workers: u32) -> Result<Vec<Experiment>> {
    let parts: Vec<_> =
        ground.plan.parts.iter().filter_map(|part| Some((*part, Kind::of(*part)?))).collect();
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let provider = [Provider::new(0, &Algorithm::ALL)];
    let table = rules::table(10);
    let rules = Rules { providers: &provider, table: &table };
    let row = |(part, kind): (Part, Kind)| Row::of(part, kind, &provider[0], &table, &ground.plan);
    let mut rows: Vec<Row> = parts.into_iter().map(row).collect::<Result<_>>()?;
    let restarts = ground.plan.restarts;
    let steps =
        Steps::new(&title("costs", workers), rows.iter().map(|row| row.steps(restarts)).sum());
    for restart in 0..restarts {
        let gateways = ground.start(&Variant::ALL, rules, workers).await?;
        for row in &mut rows {
            let cells: Vec<_> = row.cells(&gateways).collect();
            let schedule = row.traffic.schedule;
            let rounds = schedule.of_restart(restart, restarts);
            let settings = ground.settings(schedule, workers)?;
            let measured =
                rounds::run(&cells, settings, rounds, &mut ground.random, &steps).await?;
            rounds::add(&mut row.measured, measured)?;
        }
    }
    Ok(rows.into_iter().map(|row| row.experiment(workers)).collect())
}

/// A row of the table while it is measured.
struct Row {
    part: Part,
    kind: Kind,
    traffic: Traffic,
    measured: Vec<Measured>,
}

impl Row {
    fn of(
        part: Part,
        kind: Kind,
        provider: &Provider,
        table: &[rules::Row],
        plan: &Plan,
    ) -> Result<Self> {
        let traffic = Traffic::of(kind, provider, table, plan)?;
        Ok(Self { part, kind, traffic, measured: Vec::new() })
    }

    fn steps(&self, restarts: usize) -> usize {
        let cells = Variant::ALL.into_iter().filter(|variant| self.kind.concerns(*variant)).count();
        rounds::steps(cells, self.traffic.schedule, restarts)
    }

    /// The gateways that take part.
    fn cells(&self, gateways: &[Gateway]) -> impl Iterator<Item = Cell> {
        let taking_part = gateways.iter().filter(|gateway| self.kind.concerns(gateway.variant));
        taking_part.map(|gateway| Cell::of(gateway, &self.traffic.to(gateway.variant)))
    }

    fn experiment(self, workers: u32) -> Experiment {
        Experiment {
            name: self.part.name(),
            varies: None,
            workers,
            requests: self.traffic.schedule.requests,
            cells: rounds::figures(&self.measured),
        }
    }
}
