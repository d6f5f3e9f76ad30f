//! `cargo xtask bench`: builds what is measured, and runs the benchmark, optimised: the load
//! generator must be faster than what it measures.
use clap::Args;
use harness::Result;

use crate::build;
use crate::cargo::{cargo, run};

/// What `bench` is told.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Options of the benchmark: see `cargo xtask bench --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Runs it.
pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    let asks_only = arguments.options.iter().any(|option| option == "--help" || option == "-h");
    if !asks_only {
        build::plugin()?;
        build::optimised_backend()?;
    }
    let mut bench = cargo();
    bench
        .args(["run", "--quiet", "--release", "--package", "bench", "--"])
        .args(&arguments.options);
    run("the benchmark", &mut bench, "see what it says above")
}
