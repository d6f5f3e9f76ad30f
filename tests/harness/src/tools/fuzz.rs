//! What fuzzing with coverage needs: a nightly Rust, beside the pinned one, and cargo-fuzz.
use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::{installed, step};
use crate::{Error, Result};

/// Of cargo-fuzz.
const VERSION: &str = "0.13.2";
/// What rustup calls the toolchain that has libFuzzer's instrumentation.
const NIGHTLY: &str = "nightly";

/// `cargo fuzz` on the nightly toolchain: both are installed if they are not there.
///
/// # Errors
/// One of them cannot be had here.
pub fn cargo_fuzz() -> Result<Command> {
    nightly()?;
    let home = installed("cargo-fuzz", VERSION, |home| {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["install", "cargo-fuzz", "--version", VERSION, "--locked", "--root"]).arg(home);
        // it only starts other programs
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        let what = format!("building cargo-fuzz {VERSION} (a minute, once)");
        step(
            &what,
            &mut cargo,
            "is crates.io, or the mirror that cargo is configured with, reachable?",
        )
    });
    let home: PathBuf = home.map_err(|error| missing("cargo-fuzz", &error.to_string()))?;
    let mut fuzz = Command::new(home.join("bin/cargo-fuzz"));
    // it asks `cargo`, which rustup answers with this toolchain's
    fuzz.arg("fuzz").env("RUSTUP_TOOLCHAIN", NIGHTLY).env_remove("CARGO").env_remove("RUSTFLAGS");
    Ok(fuzz)
}

fn nightly() -> Result<()> {
    let there = || {
        let rustc = Command::new("rustup").args(["run", NIGHTLY, "rustc", "--version"]).output();
        rustc.is_ok_and(|output| output.status.success())
    };
    if there() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--no-self-update"]);
    let installed =
        step("installing a nightly toolchain", &mut rustup, "is static.rust-lang.org reachable?");
    installed.map_err(|error| missing("a nightly toolchain", &error.to_string()))
}

fn missing(what: &str, why: &str) -> Error {
    let mend =
        format!("run `rustup toolchain install {NIGHTLY}` and `cargo install cargo-fuzz`: {why}");
    Error::Missing { what: what.to_owned(), mend }
}
