//! Cargo and rustup, as the running toolchain has them.
use std::env;
use std::process::Command;

use harness::artifacts::{root, target};
use harness::error::Tail;
use harness::{Error, Result};

/// The plugin's target, and the one that the engine's tests run on as WebAssembly: as
/// rust-toolchain.toml lists them.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-unknown-unknown"];

/// `cargo` at the repository's root, building where we were built.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).env("CARGO_TARGET_DIR", target());
    command
}

/// Runs it, letting it say what it does.
pub(crate) fn run(what: &str, command: &mut Command, mend: &str) -> Result<()> {
    let failed = |status: String| Error::Step {
        step: what.to_owned(),
        status,
        mend: mend.to_owned(),
        tail: Tail::default(),
    };
    let status = command.status().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

/// Makes sure that the toolchain can build for WebAssembly: where rustup may not install by itself,
/// nobody has yet.
pub(crate) fn wasm_targets() -> Result<()> {
    let mut rustc = Command::new("rustc");
    let output = rustc.args(["--print", "sysroot"]).current_dir(root()).output();
    let output = output.map_err(Error::io("run rustc"))?;
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let there =
        |target: &&str| std::path::Path::new(&sysroot).join("lib/rustlib").join(target).exists();
    if TARGETS.iter().all(there) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add"]).args(TARGETS).current_dir(root());
    let mend = format!("run `rustup target add {}`", TARGETS.join(" "));
    run("adding the WebAssembly targets", &mut rustup, &mend)
}
