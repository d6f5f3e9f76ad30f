//! The runner of the engine's tests as WebAssembly. It must be of the very version that the tests
//! are linked with.
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{installed, step};
use crate::artifacts::root;
use crate::{Error, Result};

/// `wasm-bindgen-test-runner`.
///
/// # Errors
/// It cannot be fetched or built.
pub fn wasm_bindgen_test_runner() -> Result<PathBuf> {
    let version = locked_version()?;
    let home = installed("wasm-bindgen-cli", &version, |home| {
        let build = |how: &[&str]| {
            let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.args(["install", "wasm-bindgen-cli", "--version", &version]).args(how);
            cargo.args(["--bin", "wasm-bindgen-test-runner", "--root"]).arg(home);
            // used for one suite: what optimisation takes to build, it does not give back
            cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
            let what = format!("building wasm-bindgen-test-runner {version} (a few minutes, once)");
            step(
                &what,
                &mut cargo,
                "is crates.io, or the mirror that cargo is configured with, reachable?",
            )
        };
        // its own lock file may name crates that were yanked since, or that a mirror does not have
        // yet
        build(&["--locked"]).or_else(|error| {
            eprintln!("{error}\ntrying again with other versions of what it is made of");
            build(&[])
        })
    })?;
    Ok(home.join("bin/wasm-bindgen-test-runner"))
}

fn locked_version() -> Result<String> {
    let path = root().join("Cargo.lock");
    let lock = fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
    let mut lines = lock.lines().skip_while(|line| *line != r#"name = "wasm-bindgen""#);
    let version =
        lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version
        .map(str::to_owned)
        .ok_or_else(|| Error::Form("Cargo.lock names no wasm-bindgen".to_owned()))
}
