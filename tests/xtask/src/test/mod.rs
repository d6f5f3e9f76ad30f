//! `cargo xtask test`: says what will run, runs it, and counts the suites.
mod suites;
mod workspace;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use harness::{Error, tools};

use self::suites::{SUITES, Suite};

/// What `test` is told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Suites to run; all, if none is named
    #[arg(value_parser = known)]
    suites: Vec<&'static Suite>,
    /// Print the system packages that are missing here, and run nothing
    #[arg(long)]
    needs: bool,
}

fn known(name: &str) -> Result<&'static Suite, String> {
    let names = || SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ");
    SUITES
        .iter()
        .find(|suite| suite.name == name)
        .ok_or_else(|| format!("the suites are: {}", names()))
}

/// How a suite went.
enum Outcome {
    Passed,
    Failed(Error),
    Skipped(Error),
}

/// Runs the suites.
pub(crate) fn test(arguments: &Arguments) -> ExitCode {
    if arguments.needs {
        println!("{}", tools::missing_packages().join(" "));
        return ExitCode::SUCCESS;
    }
    let all: Vec<&Suite> = SUITES.iter().collect();
    let chosen = if arguments.suites.is_empty() { &all } else { &arguments.suites };
    println!("will run:");
    for suite in chosen {
        println!("  {:<10} {}", suite.name, suite.says);
    }
    let outcomes: Vec<_> = chosen.iter().map(|suite| run(suite)).collect();

    println!();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (suite, (outcome, seconds)) in chosen.iter().zip(&outcomes) {
        let name = suite.name;
        match outcome {
            Outcome::Passed => {
                passed += 1;
                println!("  {name:<10} passed   {seconds:>5.0} s");
            }
            Outcome::Failed(error) => {
                failed += 1;
                println!("  {name:<10} FAILED   {seconds:>5.0} s  {error}");
            }
            Outcome::Skipped(error) => {
                skipped += 1;
                println!("  {name:<10} skipped  {seconds:>5.0} s  {error}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    // where everything should be there, what is not there is a failure
    let complete = skipped == 0 || env::var("CI").as_deref() != Ok("true");
    if failed == 0 && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(suite: &Suite) -> (Outcome, f32) {
    println!("\n== {}: {}", suite.name, suite.says);
    let start = Instant::now();
    let outcome = match (suite.run)() {
        Ok(()) => Outcome::Passed,
        Err(error @ Error::Missing { .. }) => Outcome::Skipped(error),
        Err(error) => Outcome::Failed(error),
    };
    (outcome, start.elapsed().as_secs_f32())
}
