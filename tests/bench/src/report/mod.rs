//! The figures of a run: `bench.json`, the tables on the terminal, and the plots.
mod about;
mod by_variant;
mod markdown;
mod plot;
mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use harness::artifacts::root;
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
    /// What requests without a good token cost.
    pub amplification: Option<Amplification>,
    /// Instructions and cache misses.
    pub counts: Vec<Counts>,
    /// Memory of a worker's VM.
    pub memory: Vec<Memory>,
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

    /// The parameters of an experiment, ascending; none if it was not measured.
    pub fn parameters(&self, name: &str) -> Vec<usize> {
        self.experiments
            .iter()
            .find(|it| it.name == name)
            .map_or_else(Vec::new, Experiment::parameters)
    }

    /// The lines of the cost table for each number of workers, ascending.
    fn cost_tables(&self) -> BTreeMap<u32, Vec<&Experiment>> {
        let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for experiment in self.experiments.iter().filter(|it| it.varies.is_none()) {
            tables.entry(experiment.workers).or_default().push(experiment);
        }
        tables
    }

    /// For the terminal.
    pub fn tables(&self) -> String {
        terminal::render(self)
    }

    /// Writes `bench.json`, `bench.md` and the plots, and tells the files' names.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<&'static str>> {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let json = serde_json::to_string_pretty(self)? + "\n";
        fs::write(folder.join("bench.json"), json).context("write bench.json")?;
        fs::write(folder.join("bench.md"), markdown::render(self)).context("write bench.md")?;
        let mut files = vec!["bench.json", "bench.md"];
        files.extend(plot::write(self, folder)?);
        Ok(files)
    }

    /// Makes this run the published one, and tells where its files are.
    ///
    /// # Errors
    /// The document has no place for it, or something cannot be written.
    pub fn publish(&self) -> Result<PathBuf> {
        let folder = root().join(markdown::RESULTS);
        self.write(&folder)?;
        markdown::publish(self)?;
        Ok(folder)
    }
}

impl Experiment {
    /// The parameters that it varies, ascending.
    pub fn parameters(&self) -> Vec<usize> {
        let mut parameters: Vec<_> = self.cells.iter().filter_map(|cell| cell.parameter).collect();
        parameters.sort_unstable();
        parameters.dedup();
        parameters
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

/// What requests without a good token cost, each beside a good cached one in the same rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Amplification {
    /// CPU time of the Envoy process for a good cached request above the bare proxy, in
    /// microseconds.
    pub good_us: Summary,
    /// The same with the bare proxy's part.
    pub good_all_us: Summary,
    /// Each kind of request to the gateway.
    pub kinds: Vec<Amplified>,
    /// Each public endpoint of the backend, beside the first, which is a customer's.
    pub backend: Vec<Amplified>,
}

/// What one kind of request costs.
#[derive(Clone, Debug, Serialize)]
pub struct Amplified {
    /// What is sent.
    pub name: String,
    /// The reason of the refusal; empty where there is none, the status where there are no reasons.
    pub answer: String,
    /// Bytes of the request's head.
    pub bytes: usize,
    /// Whether there is a bound for it: there is none for cryptography that the policy allows.
    pub judged: bool,
    /// CPU time of the process, in microseconds.
    pub cpu: Summary,
    /// The same above a bare proxy's for the same bytes; none for the backend.
    pub net: Option<Summary>,
    /// `cpu` without what a bare proxy takes longer for these bytes than for a good request's, over
    /// `cpu` of a good cached request: what is judged. For the backend, `all`.
    pub ratio: Summary,
    /// `net` over `net` of a good cached request; none for the backend.
    pub filter_alone: Option<Summary>,
    /// `cpu` over `cpu` of a good request.
    pub all: Summary,
    /// `ratio` of each round.
    pub ratios: Vec<f64>,
}

/// What callgrind counted of several gateways that got the same requests.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// The name of the part whose requests they are.
    pub name: String,
    /// One a gateway.
    pub cells: Vec<CountedCell>,
}

/// What it counted of one gateway.
#[derive(Clone, Debug, Serialize)]
pub struct CountedCell {
    /// What was measured.
    pub variant: Variant,
    /// Instructions.
    pub instructions: Counted,
    /// Instructions and data that were not in first caches of 32 KiB each.
    pub misses: Counted,
}

/// A count of the Envoy process for one request, in thousands.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counted {
    /// All of it.
    pub all: Summary,
    /// Above the median of the bare proxy; none for the bare proxy itself.
    pub net: Option<Summary>,
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
    /// Hosts that they are spread over.
    pub hosts: usize,
    /// Keys of the provider.
    pub keys: usize,
    /// Tokens of 1 KiB that the worker has verified.
    pub tokens: usize,
    /// The VM's linear memory, in bytes.
    pub linear_bytes: u64,
    /// The same before the first token.
    pub linear_bytes_before: u64,
    /// VMs in the Envoy process, which has one worker.
    pub vms: usize,
    /// How much more the Envoy process holds than the bare proxy after the same requests, with all
    /// its VMs, their compiled code and Envoy's own counters for each row, in bytes.
    pub process_bytes: u64,
}

/// Time from the start of the process until Envoy said that it is ready.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// What started.
    pub variant: Variant,
    /// In milliseconds; it is asked every 20 ms.
    pub ready_ms: Summary,
    /// CPU time of the process until then, in milliseconds.
    pub cpu_ms: Summary,
}

/// How often the JWKS was fetched.
#[derive(Clone, Debug, Serialize)]
pub struct Fetches {
    /// Envoy's workers.
    pub workers: u32,
    /// Requests that all of them answered meanwhile.
    pub requests: usize,
    /// Refreshes, the first fetch included: fetches that lie together are one.
    pub refreshes: usize,
    /// Fetches that the provider counted.
    pub fetches: usize,
}
