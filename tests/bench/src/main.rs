//! `cargo xtask bench`.
use std::path::PathBuf;

use anyhow::Result;
use bench::plan::{Part, Plan};
use clap::Parser;

/// Measure what Portcullis costs, beside Envoy's own filters
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench", max_term_width = 100)]
struct Arguments {
    /// Under five minutes: one worker, fewer requests, the ends of each scale, nothing counted
    #[arg(long)]
    quick: bool,
    /// These parts only
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    /// Rounds of each experiment
    #[arg(long)]
    rounds: Option<usize>,
    /// Connections for each of Envoy's workers
    #[arg(long)]
    connections: Option<usize>,
    /// Measure this module in place of the plugin that was built to ship
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Where bench.json and the plots go
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Publish this run in tests/bench/README.md
    #[arg(long, conflicts_with_all = ["out", "only", "module"])]
    publish: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut plan = if arguments.quick { Plan::quick() } else { Plan::full() };
    if !arguments.only.is_empty() {
        plan.parts = arguments.only.into_iter().collect();
    }
    if let Some(rounds) = arguments.rounds {
        plan.cold.rounds = rounds;
        plan.cold_judged.rounds = rounds;
        plan.hot.rounds = rounds;
        plan.amplification.rounds = rounds;
    }
    plan.connections = arguments.connections.unwrap_or(plan.connections);
    let report = bench::run(plan, arguments.module.as_deref())?;
    println!("{}", report.tables());
    if arguments.publish {
        println!("{}", report.publish()?.display());
        return Ok(());
    }
    let folder = arguments.out.unwrap_or_else(|| harness::artifacts::target().join("bench"));
    for file in report.write(&folder)? {
        println!("{}", folder.join(file).display());
    }
    Ok(())
}
