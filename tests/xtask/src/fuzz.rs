//! `cargo xtask fuzz`: every target under libFuzzer for a while;
//! `cargo xtask fuzz --seconds 30 token`: one of them. What they do and must hold is in the crate
//! `fuzz`, whose own tests run the same functions without coverage, on any toolchain.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use harness::artifacts::{root, target};
use harness::{Error, Result, tools};

use crate::cargo::{cargo, run};

/// The targets, as in `tests/fuzz/libfuzzer/Cargo.toml`.
const TARGETS: [&str; 13] = [
    "jwks",
    "token",
    "authorization",
    "path",
    "policy",
    "request",
    "backend_http",
    "configuration",
    "shared_data",
    "assertion",
    "discovery",
    "reply",
    "check",
];
/// In continuous integration, for each target: the crate's own tests run more inputs, without
/// coverage.
const SMOKE: Duration = Duration::from_secs(3);
/// Our code is safe Rust throughout: an address sanitizer would find nothing and halve the speed.
const OPTIONS: [&str; 4] = ["--fuzz-dir", "tests/fuzz/libfuzzer", "--sanitizer", "none"];

/// What `fuzz` is told.
#[derive(Args)]
#[command(after_help = "\
An input that stops a target is kept in target/fuzz/crashes, what was covered in target/fuzz/corpus: the next run goes on there.

Examples:
  cargo xtask fuzz --seconds 30 token
  cargo xtask fuzz --minutes 10 policy request")]
pub(crate) struct Arguments {
    /// Minutes for each target
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
    /// Seconds for each target, instead of minutes
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    seconds: Option<u64>,
    /// Targets to run; all if none is named
    #[arg(value_parser = TARGETS)]
    targets: Vec<String>,
}

/// Runs the targets.
pub(crate) fn fuzz(arguments: &Arguments) -> Result<()> {
    let all = || TARGETS.map(str::to_owned).to_vec();
    let targets = if arguments.targets.is_empty() { all() } else { arguments.targets.clone() };
    let seconds = arguments.seconds.unwrap_or(arguments.minutes.saturating_mul(60));
    Fuzzer::new()?.run(&targets, Duration::from_secs(seconds))
}

/// Runs every target for a moment, if this machine can fuzz with coverage; if not, says so.
pub(crate) fn smoke() -> Result<()> {
    match Fuzzer::new() {
        Ok(fuzzer) => fuzzer.run(&TARGETS.map(str::to_owned), SMOKE),
        Err(error @ Error::Missing { .. }) => {
            println!("left out, the targets under libFuzzer: {error}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// cargo-fuzz, with the targets built and their seeds written.
struct Fuzzer {
    /// Everything that a run makes.
    folder: PathBuf,
}

impl Fuzzer {
    fn new() -> Result<Self> {
        let fuzzer = Self { folder: target().join("fuzz") };
        let mut build = fuzzer.cargo_fuzz("build")?;
        run("building the targets", &mut build, "see what the compiler says above")?;
        let mut seeds = cargo();
        seeds.args(["run", "--quiet", "--package", "fuzz", "--example", "seeds", "--"]);
        run("writing the seeds", seeds.arg(fuzzer.folder.join("seeds")), "see what it says above")?;
        Ok(fuzzer)
    }

    fn cargo_fuzz(&self, verb: &str) -> Result<Command> {
        let mut command = tools::cargo_fuzz()?;
        command.current_dir(root()).arg(verb).args(OPTIONS).arg("--target-dir").arg(&self.folder);
        Ok(command)
    }

    fn run(&self, targets: &[String], time: Duration) -> Result<()> {
        for name in targets {
            println!("{name}: {} s ...", time.as_secs());
            println!("{name}: {}", self.target(name, time)?);
        }
        Ok(())
    }

    /// What libFuzzer found out: its corpus is kept, so that the next run goes on where this one
    /// ended.
    fn target(&self, name: &str, time: Duration) -> Result<String> {
        let [corpus, seeds, crashes] =
            ["corpus", "seeds", "crashes"].map(|folder| self.folder.join(folder).join(name));
        for folder in [&corpus, &crashes] {
            fs::create_dir_all(folder)
                .map_err(Error::io(format!("create {}", folder.display())))?;
        }
        let log = self.folder.join(format!("{name}.log"));
        let output = || Ok((File::create(&log)?, File::options().append(true).open(&log)?));
        let (stdout, stderr) = output().map_err(Error::io(format!("write {}", log.display())))?;
        let mut fuzz = self.cargo_fuzz("run")?;
        let found = root().join("tests/fuzz/found").join(name);
        fuzz.arg(name).args([&corpus, &seeds]).args(Some(found).filter(|folder| folder.exists()));
        fuzz.args([
            "--",
            "-print_final_stats=1",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-max_len=8192",
        ]);
        fuzz.arg(format!("-max_total_time={}", time.as_secs()));
        fuzz.arg(format!("-artifact_prefix={}/", crashes.display())).stdout(stdout).stderr(stderr);
        let status = fuzz.status().map_err(Error::io("run cargo-fuzz"))?;
        if status.success() {
            return summary(&log);
        }
        let (log, crashes) = (log.display(), crashes.display());
        Err(Error::Form(format!(
            "{name} stopped, see {log}; the input is in {crashes}: \
             mend it, keep the input in tests/fuzz/found/{name}, and name it in tests/fuzz/tests/found.rs"
        )))
    }
}

/// Inputs and coverage, from the end of a log.
fn summary(log: &Path) -> Result<String> {
    let text = fs::read(log).map_err(Error::io(format!("read {}", log.display())))?;
    let text = String::from_utf8_lossy(&text);
    let last = |sign: &str| {
        let line = text.lines().rfind(|line| line.contains(sign))?;
        line.split(sign).nth(1)?.split_whitespace().next()
    };
    let inputs = last("stat::number_of_executed_units:").unwrap_or("?");
    let (edges, kept) = (last(" cov:").unwrap_or("?"), last(" corp:").unwrap_or("?"));
    Ok(format!("{inputs} inputs, {edges} edges covered, {kept} inputs kept, nothing found"))
}
