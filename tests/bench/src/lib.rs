//! What Portcullis costs: real Envoy processes side by side, one bare, one with Envoy's own
//! filters, one with Portcullis, that get the same requests in the same rounds; CPU time by the
//! kernel's account, one figure above the other.
//!
//! | module | what it does |
//! |---|---|
//! | [`plan`] | what is measured, and how often |
//! | `rules`, `tokens` | what the gateways enforce, and the tokens that are sent |
//! | [`gateway`] | the Envoys under test |
//! | `upstream`, `load` | the service behind them, and the clients before them |
//! | `unauthenticated` | the requests without a good token |
//! | `experiment`, `rounds` | which gateways get which requests, in interleaved rounds |
//! | `cpu`, `memory` | what the kernel says of a process |
//! | [`steps`] | what an interpreter says of the module, for a test |
//! | `callgrind` | what valgrind says of it |
//! | [`summary`], [`targets`] | what the rounds tell together, and whether it is enough |
//! | [`report`] | `bench.json`, tables and plots |
//!
//! # To find what costs: count
//!
//! Between two equal modules the times of a shared machine differ by 10 us and more; instructions
//! hardly differ. `cargo xtask bench --only counts` runs one Envoy after the other under callgrind,
//! which counts V8's code too, and leaves in `target/bench/counts` what `callgrind_annotate` shows,
//! a file for each kind of request and variant. There a function of the sandbox has an address and
//! no name: they call each other through a table of eight bytes for each, in the order of the
//! module, which has its names if it is linked with `strip = false`. What is not as in life: the
//! cryptography, whose best instructions valgrind does not know, and the allocator; and one
//! connection, which leaves the caches as no other requests do. Only counts that differ between two
//! modules, and times of the same sign over several restarts of both, are a gain.
#![allow(clippy::cast_precision_loss, reason = "counts and times are far below 2^52")]

mod callgrind;
mod cpu;
mod experiment;
pub mod gateway;
mod load;
mod memory;
mod modules;
pub mod plan;
mod progress;
pub mod report;
mod rounds;
mod rules;
pub mod steps;
pub mod summary;
pub mod targets;
mod tokens;
mod unauthenticated;
mod upstream;

use std::path::Path;

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::experiment::Ground;
use crate::modules::Modules;
use crate::plan::{Part, Plan};
use crate::report::{About, Report};
use crate::upstream::Upstream;

/// Runs the plan, with the plugin that was built to ship or the module `instead` of it.
///
/// # Errors
/// A part cannot be had, or a request was not answered as expected.
pub fn run(plan: Plan, instead: Option<&Path>) -> Result<Report> {
    many_connections()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(plan, instead))
}

/// Connections to all gateways stay open, so the soft limit of open files is too low on many
/// machines.
fn many_connections() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit of open files")
}

async fn measure(plan: Plan, instead: Option<&Path>) -> Result<Report> {
    let about = About::now(&harness::tools::envoy()?);
    let random = StdRng::seed_from_u64(plan.seed);
    let mut ground =
        Ground { plan, modules: Modules::take(instead)?, upstream: Upstream::start()?, random };
    let ground = &mut ground;
    let mut experiments = Vec::new();
    for workers in ground.plan.workers.clone() {
        experiments.extend(experiment::costs(ground, workers).await.context("the cost table")?);
    }
    let parts = ground.plan.parts.clone();
    let wanted = |part| parts.contains(&part);
    if wanted(Part::Sizes) {
        experiments.extend(experiment::sizes(ground).await.context("token sizes")?);
    }
    if wanted(Part::Rows) {
        experiments.extend(experiment::rows(ground).await.context("rows")?);
    }
    if wanted(Part::Providers) {
        experiments.extend(experiment::providers(ground).await.context("providers")?);
    }
    let amplification = if wanted(Part::Amplification) {
        Some(experiment::amplification(ground).await.context("amplification")?)
    } else {
        None
    };
    let counts = if wanted(Part::Counts) {
        experiment::counts(ground).await.context("counts")?
    } else {
        Vec::new()
    };
    let memory = if wanted(Part::Memory) {
        experiment::memory(ground).await.context("memory")?
    } else {
        Vec::new()
    };
    let starts = if wanted(Part::Start) {
        experiment::starts(ground).await.context("starts")?
    } else {
        Vec::new()
    };
    let fetches = if wanted(Part::Fetches) {
        experiment::fetches(ground).await.context("fetches")?
    } else {
        Vec::new()
    };
    let module_bytes = ground.modules.portcullis_bytes()?;
    let plan = ground.plan.clone();
    let report = Report {
        about,
        plan,
        module_bytes,
        experiments,
        amplification,
        counts,
        memory,
        starts,
        fetches,
        targets: Vec::new(),
    };
    Ok(Report { targets: targets::judge(&report), ..report })
}
