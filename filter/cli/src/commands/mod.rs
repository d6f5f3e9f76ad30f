//! The verbs, one file each.

use clap::{Parser, Subcommand};

use crate::diagnostics::Format;
use crate::diagnostics::exit::{Answer, CliError};

pub mod check;
pub mod completions;
pub mod diff;
pub mod explain;
pub mod keygen;
pub mod ready;
pub mod render;
pub mod test;

/// Check, explain, test, compare and render Portcullis policies.
///
/// Decides with the gateway's own engine, on this machine. Wherever a policy is named, a folder
/// stands for its .yaml, .yml and .json files, and `-` for the standard input.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 fine, 1 it could not run, 2 the answer is no, 3 the policy does not load.

Example:
  portcullis check envoy/policy.yaml --openapi shop=backend/openapi.json --envoy envoy/envoy.yaml")]
pub struct Arguments {
    /// How to say it
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a policy, and look for what is likely to be wrong with it
    Check(check::Arguments),
    /// Tell what becomes of one request, and why
    Explain(explain::Arguments),
    /// Decide a table of cases, or write the table of roles and endpoints
    Test(test::Arguments),
    /// Tell what a change of a policy grants and takes
    Diff(diff::Arguments),
    /// Write the configuration that loads a policy
    Render(render::Arguments),
    /// Make a hand-off key: the private one for the gateway, the public one for services
    Keygen(keygen::Arguments),
    /// Ask a gateway whether it has a policy and keys: a health check for images without a shell
    Ready(ready::Arguments),
    /// Write completions for a shell
    Completions(completions::Arguments),
}

/// Does it.
///
/// # Errors
/// Why there is no answer.
pub fn run(arguments: &Arguments) -> Result<Answer, CliError> {
    let format = arguments.format;
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments, format),
        Command::Explain(arguments) => explain::run(arguments, format),
        Command::Test(arguments) => test::run(arguments, format),
        Command::Diff(arguments) => diff::run(arguments, format),
        Command::Render(arguments) => render::run(arguments),
        Command::Keygen(arguments) => keygen::run(arguments, format),
        Command::Ready(arguments) => ready::run(arguments, format),
        Command::Completions(arguments) => Ok(completions::run(arguments)),
    }
}
