//! Where, when and with what a run was made.
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// Where, when and with what.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// The command line.
    pub command: String,
    /// UTC, RFC 3339.
    pub date: String,
    /// The processor's name and how many of it.
    pub machine: String,
    /// The kernel.
    pub kernel: String,
    /// As it says itself.
    pub envoy: String,
    /// The compiler of the module.
    pub rustc: String,
    /// The commit, with `+` if the tree had changes.
    pub commit: String,
}

impl About {
    pub(crate) fn now(envoy: &Path) -> Self {
        Self {
            command: format!("cargo xtask bench {}", arguments()).trim_end().to_owned(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            machine: machine(),
            kernel: said(Command::new("uname").arg("-sr")),
            envoy: version(&said(Command::new(envoy).arg("--version"))),
            rustc: said(Command::new("rustc").arg("--version")),
            commit: commit(),
        }
    }
}

/// The options as given. Of an absolute path only the last part: the rest describes one machine.
fn arguments() -> String {
    let portable = |argument: String| match argument.rsplit_once('/') {
        Some((_, name)) if argument.starts_with('/') => name.to_owned(),
        _ => argument,
    };
    env::args().skip(1).map(portable).collect::<Vec<_>>().join(" ")
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names: Vec<_> =
        info.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": ")).collect();
    let name = names.first().map_or("unknown processor", |(_, name)| name);
    format!("{} x {name}", names.len())
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        said(Command::new("git").current_dir(harness::artifacts::root()).args(arguments))
    };
    let changed = if git(&["status", "--porcelain"]).is_empty() { "" } else { "+" };
    git(&["rev-parse", "--short", "HEAD"]) + changed
}

/// From `/path/to/envoy  version: 9e55…/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(said: &str) -> String {
    let build = said.rsplit_once("version: ").map_or(said, |(_, build)| build);
    build.split('/').nth(1).unwrap_or(build).to_owned()
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
