//! `cargo xtask simulate`: many workers over one shared store, in virtual time
//! (`tests/simulation`).
use clap::Args;
use harness::Result;

use crate::cargo::{cargo, run};

/// Arguments of `simulate`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Replay this schedule and print it step by step
    #[arg(long, conflicts_with = "schedules")]
    seed: Option<u64>,
    /// Run so many schedules, from seed 0 on
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    schedules: u64,
}

/// Runs the simulation.
pub(crate) fn simulate(arguments: &Arguments) -> Result<()> {
    let mut simulation = cargo();
    simulation.args(["run", "--quiet", "--package", "simulation", "--"]);
    match arguments.seed {
        Some(seed) => simulation.arg(seed.to_string()),
        None => simulation.args(["0", &arguments.schedules.to_string()]),
    };
    run("simulating", &mut simulation, "the seed above replays the schedule")
}
