//! The figures of a run: `bench.json`, the tables on the terminal, and the plots.
mod about;
pub(crate) mod plot;
pub(crate) mod terminal;

use serde::Serialize;

use crate::gateway::Variant;
use crate::plan::Plan;
use crate::summary::Summary;
use crate::targets::Verdict;

pub use self::about::About;

/// Everything that a run found: `bench.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where, when, with what.
    pub about: About,
    /// How much was measured.
    pub plan: Plan,
    /// The shipped `portcullis.wasm`, in bytes.
    pub module_bytes: u64,
    /// CPU time and latency.
    pub experiments: Vec<Experiment>,
    /// Memory of a worker's VM.
    pub memory: Option<Memory>,
    /// Time from start to ready.
    pub starts: Vec<Start>,
    /// Fetches of the JWKS.
    pub fetches: Vec<Fetches>,
    /// The figures to reach, and whether they are.
    pub targets: Vec<Verdict>,
}

impl Report {
    /// The cell of an experiment, if it was measured.
    pub fn cell(
        &self,
        name: &str,
        workers: u32,
        variant: Variant,
        parameter: Option<usize>,
    ) -> Option<&CellFigures> {
        let mut experiments = self.experiments.iter();
        let experiment = experiments.find(|it| it.name == name && it.workers == workers)?;
        experiment.cells.iter().find(|cell| cell.variant == variant && cell.parameter == parameter)
    }
}

/// The same requests to several gateways.
#[derive(Clone, Debug, Serialize)]
pub struct Experiment {
    /// Its name: that of the part, and what the part varies.
    pub name: String,
    /// What `parameter` of its cells counts, if it varies something.
    pub varies: Option<&'static str>,
    /// Envoy's workers.
    pub workers: u32,
    /// Requests of one turn.
    pub requests: usize,
    /// One a gateway.
    pub cells: Vec<CellFigures>,
}

/// What one gateway took.
#[derive(Clone, Debug, Serialize)]
pub struct CellFigures {
    /// What was measured.
    pub variant: Variant,
    /// Rows, providers or bytes.
    pub parameter: Option<usize>,
    /// CPU time of the Envoy process for one request, in microseconds.
    pub cpu: Summary,
    /// The same above the bare proxy of the same round; none for the bare proxy itself.
    pub net: Option<Summary>,
    /// At the fixed rate.
    pub latency: Option<Latency>,
    /// `cpu` of each round.
    pub cpu_us: Vec<f64>,
    /// `net` of each round.
    pub net_us: Vec<f64>,
}

/// Latency at the fixed rate, all rounds together, counted from the moment when a request was due.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Median, in microseconds.
    pub p50_us: f64,
    /// 99th percentile, in microseconds.
    pub p99_us: f64,
}

/// What a worker's VM holds once its cache is full.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// Rows of the role table.
    pub rows: usize,
    /// Tokens of 1 KiB that the worker has verified.
    pub tokens: usize,
    /// The VM's linear memory, in bytes.
    pub linear_bytes: u64,
    /// The same before the first token.
    pub linear_bytes_before: u64,
    /// How much more Envoy as a whole holds than the bare proxy, all its VMs and compiled code together, in bytes.
    pub process_bytes: i64,
}

/// Time from the start of the process until Envoy said that it is ready.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// What started.
    pub variant: Variant,
    /// In milliseconds.
    pub ready_ms: Summary,
}

/// How often the JWKS was fetched.
#[derive(Clone, Debug, Serialize)]
pub struct Fetches {
    /// Envoy's workers.
    pub workers: u32,
    /// Refreshes that fell due while the provider counted.
    pub refreshes: u64,
    /// Fetches that it counted.
    pub fetches: u64,
}
