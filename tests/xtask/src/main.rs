//! The project's commands: `cargo xtask up`, `down`, `test`, `build`, `docs`, `openapi`, `secrets`,
//! `bench`, `fuzz`, `simulate`.
mod bench;
mod build;
mod cargo;
mod docs;
mod fuzz;
mod openapi;
mod secrets;
mod simulate;
mod test;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the whole chain on this machine, with what to paste to try it; Ctrl-C ends it
    Up(up::Arguments),
    /// End what `up` started
    Down(up::DownArguments),
    /// Run the tests: all of them, or the suites named
    Test(test::Arguments),
    /// Build the plugin, the backend and the development provider
    Build,
    /// Write the table of reasons, envoy/docs/refusal-reasons.md
    Docs,
    /// Write the backend's OpenAPI document to backend/openapi.json
    Openapi,
    /// Write a new signing key of the gateway, its public side and passwords to `.env` for docker
    /// compose
    Secrets(secrets::Arguments),
    /// Measure what Portcullis costs, beside Envoy's own filters
    Bench(bench::Arguments),
    /// Run the fuzz targets, with coverage
    Fuzz(fuzz::Arguments),
    /// Simulate many workers in virtual time: all schedules, or one step by step
    Simulate(simulate::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Up(arguments) => up::up(&arguments),
        Command::Down(arguments) => up::down(&arguments),
        Command::Test(arguments) => return test::test(&arguments),
        Command::Build => build::all(),
        Command::Docs => docs::write(),
        Command::Openapi => openapi::write(),
        Command::Secrets(arguments) => secrets::write(&arguments),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Command::Simulate(arguments) => simulate::simulate(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
