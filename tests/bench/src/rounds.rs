//! Interleaved rounds: in each, every gateway of an experiment has one turn, in a new random order, so that whatever else the
//! machine does meets all of them alike.
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::gateway::Gateway;
use crate::load::{self, Call, Connection, Latencies};
use crate::plan::Schedule;
use crate::progress::Steps;
use crate::report::{CellFigures, Latency};
use crate::summary::Summary;

/// One gateway in an experiment, and what it is asked: as many calls as the schedule sends.
pub(crate) struct Cell<'a> {
    pub(crate) gateway: &'a Gateway,
    /// Rows, providers or bytes, where that is what varies.
    pub(crate) parameter: Option<usize>,
    pub(crate) calls: Arc<[Call]>,
    /// The cell that this one's cost is above, by its place: itself, for a bare proxy.
    pub(crate) base: usize,
    /// It gets one of so many of the schedule's requests: what takes milliseconds needs fewer to be measured.
    pub(crate) one_of: usize,
}

impl<'a> Cell<'a> {
    /// Without a parameter, above the first cell, with all of the requests.
    pub(crate) fn of(gateway: &'a Gateway, calls: &Arc<[Call]>) -> Self {
        Self { gateway, parameter: None, calls: Arc::clone(calls), base: 0, one_of: 1 }
    }
}

/// How an experiment is run.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) schedule: Schedule,
    pub(crate) connections: usize,
    pub(crate) rate: u32,
}

/// What one cell gave.
struct Measured {
    cpu_us: Vec<f64>,
    latencies: Latencies,
}

/// Runs all rounds.
pub(crate) async fn run(
    cells: &[Cell<'_>],
    settings: Settings,
    random: &mut StdRng,
    steps: &Steps,
) -> Result<Vec<CellFigures>> {
    let Settings { schedule, .. } = settings;
    for cell in cells {
        let first = &cell.calls[..schedule.warm_up / cell.one_of];
        turn(cell, first.into(), settings).await?;
        steps.done();
    }
    let mut measured = Vec::new();
    for _ in cells {
        measured.push(Measured { cpu_us: Vec::new(), latencies: Latencies::new(3)? });
    }
    let mut order: Vec<usize> = (0..cells.len()).collect();
    for round in 0..schedule.rounds {
        order.shuffle(random);
        let from = schedule.warm_up + round * (schedule.requests + schedule.paced);
        let (counted, end) = (from + schedule.requests, from + schedule.requests + schedule.paced);
        for &place in &order {
            let (cell, measured) = (&cells[place], &mut measured[place]);
            let requests = (schedule.requests / cell.one_of).max(1);
            let cpu = turn(cell, cell.calls[from..from + requests].into(), settings).await?;
            measured.cpu_us.push(cpu.as_secs_f64() * 1e6 / requests as f64);
            steps.done();
        }
        for &place in order.iter().filter(|_| schedule.paced > 0) {
            let cell = &cells[place];
            let connections = open(cell, settings).await?;
            let paced = load::paced(connections, cell.calls[counted..end].into(), settings.rate);
            measured[place].latencies.add(paced.await.with_context(|| cell.gateway.variant.name())?)?;
            steps.done();
        }
    }
    Ok(cells.iter().zip(&measured).map(|(cell, own)| figures(cell, own, &measured[cell.base])).collect())
}

/// How many steps [`run`] tells of.
pub(crate) fn steps(cells: usize, schedule: Schedule) -> usize {
    cells * (1 + schedule.rounds * if schedule.paced > 0 { 2 } else { 1 })
}

/// Sends the calls as fast as they are answered, and tells the CPU time that the gateway took.
async fn turn(cell: &Cell<'_>, calls: Arc<[Call]>, settings: Settings) -> Result<Duration> {
    let mut connections = open(cell, settings).await?;
    let before = cell.gateway.cpu.read()?;
    load::all(&mut connections, &calls).await.with_context(|| cell.gateway.variant.name())?;
    let after = cell.gateway.cpu.read()?;
    Ok(after.saturating_sub(before))
}

async fn open(cell: &Cell<'_>, settings: Settings) -> Result<Vec<Connection>> {
    Connection::open_many(cell.gateway.port(), settings.connections).await
}

fn figures(cell: &Cell<'_>, own: &Measured, base: &Measured) -> CellFigures {
    let net_us: Vec<f64> = own.cpu_us.iter().zip(&base.cpu_us).map(|(own, base)| own - base).collect();
    let at = |quantile| Duration::from_nanos(own.latencies.value_at_quantile(quantile)).as_secs_f64() * 1e6;
    CellFigures {
        variant: cell.gateway.variant,
        parameter: cell.parameter,
        cpu: Summary::of(&own.cpu_us),
        net: (!cell.gateway.variant.is_base()).then(|| Summary::of(&net_us)),
        latency: (!own.latencies.is_empty()).then(|| Latency { p50_us: at(0.5), p99_us: at(0.99) }),
        cpu_us: own.cpu_us.clone(),
        net_us,
    }
}
