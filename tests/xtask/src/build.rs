//! What a stack runs, built: the plugin as it ships, and the programs.
use harness::Result;

use crate::cargo::{cargo, run, wasm_targets};

const MEND: &str = "see what the compiler says above";

/// Builds everything that a stack runs.
pub(crate) fn all() -> Result<()> {
    programs()?;
    plugin()
}

fn programs() -> Result<()> {
    eprintln!("building the backend and the development provider ...");
    let mut programs = cargo();
    programs.args([
        "build",
        "--package",
        "backend",
        "--package",
        "dev-idp",
        "--package",
        "portcullis-cli",
    ]);
    run("building the programs", &mut programs, MEND)
}

/// Builds the backend as it is measured: optimised.
pub(crate) fn optimised_backend() -> Result<()> {
    eprintln!("building the backend, optimised ...");
    run("building the backend", cargo().args(["build", "--release", "--package", "backend"]), MEND)
}

/// Builds the plugin.
pub(crate) fn plugin() -> Result<()> {
    wasm_targets()?;
    eprintln!("building the plugin ...");
    let mut plugin = cargo();
    plugin.args([
        "build",
        "--package",
        "portcullis-plugin",
        "--profile",
        "wasm",
        "--target",
        "wasm32-wasip1",
    ]);
    run("building the plugin", &mut plugin, MEND)?;
    harness::artifacts::plugin().map(drop)
}

/// Builds what the suites of faults run: the plugin with injected faults, and a plugin of somebody
/// else's.
pub(crate) fn faulty() -> Result<()> {
    eprintln!("building the plugin with injected faults ...");
    let mut faulty = cargo();
    faulty.args([
        "build",
        "--package",
        "portcullis-plugin",
        "--features",
        "portcullis-plugin/fault-injection",
    ]);
    faulty.args(["--package", "rogue-plugin", "--profile", "faults", "--target", "wasm32-wasip1"]);
    run("building the plugin with injected faults", &mut faulty, MEND)
}
