//! Interleaved rounds: in each, every gateway of an experiment has one turn, in a new random order,
//! so that whatever else the machine does meets all of them alike.
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::gateway::{Gateway, Server, Variant};
use crate::load::{self, Call, Connection, Latencies};
use crate::plan::Schedule;
use crate::progress::Steps;
use crate::report::{CellFigures, Latency};
use crate::summary::Summary;

/// One gateway in an experiment, and what it is asked: as many calls as the schedule sends.
pub(crate) struct Cell {
    pub(crate) server: Server,
    /// Rows, providers or bytes, where that is what varies.
    pub(crate) parameter: Option<usize>,
    pub(crate) calls: Arc<[Call]>,
    /// The cell that this one's cost is above, by its place: itself, for a bare proxy.
    pub(crate) base: usize,
    /// It gets one of so many of the schedule's requests: what takes milliseconds needs fewer to be
    /// measured.
    pub(crate) one_of: usize,
}

impl Cell {
    /// Without a parameter, above the first cell, with all of the requests.
    pub(crate) fn of(gateway: &Gateway, calls: &Arc<[Call]>) -> Self {
        Self {
            server: gateway.server(),
            parameter: None,
            calls: Arc::clone(calls),
            base: 0,
            one_of: 1,
        }
    }

    /// Its share of `calls`.
    fn share(&self, calls: Range<usize>) -> Range<usize> {
        calls.start..calls.start + (calls.len() / self.one_of).max(1)
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
pub(crate) struct Measured {
    variant: Variant,
    parameter: Option<usize>,
    base: usize,
    cpu_us: Vec<f64>,
    latencies: Latencies,
}

impl Measured {
    fn nothing(cell: &Cell) -> Result<Self> {
        let Cell { server: Server { variant, .. }, parameter, base, .. } = *cell;
        Ok(Self { variant, parameter, base, cpu_us: Vec::new(), latencies: Latencies::new(3)? })
    }

    /// CPU time for one request in each round, in microseconds.
    pub(crate) fn cpu_us(&self) -> &[f64] {
        &self.cpu_us
    }

    /// Adds what the same cell gave in later rounds.
    fn add(&mut self, later: Self) -> Result<()> {
        self.cpu_us.extend(later.cpu_us);
        self.latencies.add(later.latencies)?;
        Ok(())
    }
}

/// Adds what the same cells gave in another restart of their gateways.
pub(crate) fn add(measured: &mut Vec<Measured>, restart: Vec<Measured>) -> Result<()> {
    if measured.is_empty() {
        *measured = restart;
        return Ok(());
    }
    measured.iter_mut().zip(restart).try_for_each(|(all, restart)| all.add(restart))
}

/// Runs these of the schedule's rounds, after a warm-up.
pub(crate) async fn run(
    cells: &[Cell],
    settings: Settings,
    rounds: Range<usize>,
    random: &mut StdRng,
    steps: &Steps,
) -> Result<Vec<Measured>> {
    let Settings { schedule, .. } = settings;
    let mut clients = Clients::open(cells, settings.connections).await?;
    let mut measured = Vec::new();
    for cell in cells {
        clients.send(cell, cell.share(0..schedule.warm_up)).await?;
        measured.push(Measured::nothing(cell)?);
        steps.done();
    }
    let mut order: Vec<usize> = (0..cells.len()).collect();
    for round in rounds {
        let from = schedule.warm_up + round * schedule.round();
        let mut counted = vec![(Duration::ZERO, 0); cells.len()];
        for turn in schedule.each_turn() {
            let [begin, counts, end] = turn.map(|place| from + place);
            order.shuffle(random);
            for &place in &order {
                let cell = &cells[place];
                clients.send(cell, cell.share(begin..counts)).await?;
                let share = cell.share(counts..end);
                let (cpu, requests) = &mut counted[place];
                *requests += share.len();
                *cpu += clients.send(cell, share).await?;
            }
        }
        for (measured, (cpu, requests)) in measured.iter_mut().zip(counted) {
            measured.cpu_us.push(cpu.as_secs_f64() * 1e6 / requests as f64);
            steps.done();
        }
        for &place in order.iter().filter(|_| schedule.paced > 0) {
            let cell = &cells[place];
            let due = &cell.calls[from + schedule.round() - schedule.paced..][..schedule.paced];
            measured[place].latencies.add(clients.pace(cell, due, settings.rate).await?)?;
            steps.done();
        }
    }
    Ok(measured)
}

/// What all rounds tell together.
pub(crate) fn figures(measured: &[Measured]) -> Vec<CellFigures> {
    measured.iter().map(|own| cell(own, &measured[own.base])).collect()
}

/// Number of steps that [`run`] reports over all restarts of the gateways.
pub(crate) fn steps(cells: usize, schedule: Schedule, restarts: usize) -> usize {
    cells * (restarts + schedule.rounds * if schedule.paced > 0 { 2 } else { 1 })
}

/// Connections to every gateway of an experiment, which stay open: opening and closing them is
/// nobody's request.
struct Clients(HashMap<u16, Vec<Connection>>);

impl Clients {
    async fn open(cells: &[Cell], count: usize) -> Result<Self> {
        let mut clients = HashMap::new();
        for port in cells.iter().map(|cell| cell.server.port) {
            if let Entry::Vacant(none) = clients.entry(port) {
                none.insert(Connection::open_many(port, count).await?);
            }
        }
        Ok(Self(clients))
    }

    fn of(&mut self, cell: &Cell) -> &mut Vec<Connection> {
        self.0.entry(cell.server.port).or_default()
    }

    /// Sends these of the cell's calls as fast as they are answered, and tells the CPU time that
    /// the gateway took.
    async fn send(&mut self, cell: &Cell, calls: Range<usize>) -> Result<Duration> {
        let calls = cell.calls[calls].into();
        let before = cell.server.cpu.read()?;
        load::all(self.of(cell), &calls).await.with_context(|| {
            let asked: String = calls
                .first()
                .map(|call| format!("{call:?}").chars().take(200).collect())
                .unwrap_or_default();
            format!("{}, {asked}", cell.server.variant.name())
        })?;
        Ok(cell.server.cpu.read()?.saturating_sub(before))
    }

    /// Sends the calls at a fixed rate, and tells how long each took.
    async fn pace(&mut self, cell: &Cell, calls: &[Call], rate: u32) -> Result<Latencies> {
        let paced = load::paced(self.of(cell), calls.into(), rate).await;
        paced.with_context(|| cell.server.variant.name())
    }
}

fn cell(own: &Measured, base: &Measured) -> CellFigures {
    let net_us: Vec<f64> =
        own.cpu_us.iter().zip(&base.cpu_us).map(|(own, base)| own - base).collect();
    let at = |quantile| {
        Duration::from_nanos(own.latencies.value_at_quantile(quantile)).as_secs_f64() * 1e6
    };
    CellFigures {
        variant: own.variant,
        parameter: own.parameter,
        cpu: Summary::of(&own.cpu_us),
        net: (!own.variant.is_base()).then(|| Summary::of(&net_us)),
        latency: (!own.latencies.is_empty()).then(|| Latency { p50_us: at(0.5), p99_us: at(0.99) }),
        cpu_us: own.cpu_us.clone(),
        net_us,
    }
}
