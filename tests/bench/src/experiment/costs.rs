//! The cost table: what each kind of request costs each variant.
use anyhow::Result;

use super::traffic::{Kind, Traffic};
use super::{Ground, Setup};
use crate::gateway::Variant;
use crate::report::Experiment;
use crate::rounds::Cell;
use crate::rules::{self, Provider, Rules};
use crate::tokens::Algorithm;

/// What the parts of the table do, in their order: those that are wanted.
pub(crate) async fn costs(ground: &mut Ground, workers: u32) -> Result<Vec<Experiment>> {
    let parts: Vec<_> = ground.plan.parts.iter().filter_map(|part| Some((*part, Kind::of(*part)?))).collect();
    let mut experiments = Vec::new();
    if parts.is_empty() {
        return Ok(experiments);
    }
    let provider = [Provider::new(0, &Algorithm::ALL)];
    let table = rules::table(10);
    let rules = Rules { providers: &provider, table: &table };
    let gateways = ground.start(&Variant::ALL, rules, workers).await?;
    for (part, kind) in parts {
        let traffic = Traffic::of(kind, &provider[0], &table, &ground.plan)?;
        let taking_part = gateways.iter().filter(|gateway| kind.concerns(gateway.variant));
        let setup = Setup {
            name: part.name(),
            varies: None,
            workers,
            schedule: traffic.schedule,
            cells: taking_part.map(|it| Cell::of(it, &traffic.to(it.variant))).collect(),
        };
        experiments.push(ground.measure(setup).await?);
    }
    Ok(experiments)
}
