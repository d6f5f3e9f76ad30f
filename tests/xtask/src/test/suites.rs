//! The suites: what each one runs, and what it gets first. Whatever needs PostgreSQL or Keycloak
//! says so in its name, and is a suite of its own, so that a machine without them skips it by name.
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

use harness::compose::Compose;
use harness::postgres::Postgres;
use harness::{Error, Result, tools};

use super::workspace::{self, NOT_NATIVE};
use crate::build;
use crate::cargo::{cargo, run, wasm_targets};
use crate::fuzz;

/// The environment variable in which tests find a PostgreSQL server.
const POSTGRES: &str = "PORTCULLIS_TEST_POSTGRES";
/// Tests in need of a part that not every machine has: by a word in their names.
const SKIPPED: [&str; 8] =
    ["--skip", "postgres", "--skip", "keycloak", "--skip", "compose", "--skip", "prometheus"];

/// Packages whose integration tests run real parts, and have suites of their own.
const REAL: [&str; 4] = ["harness", "xtask", "e2e", BENCH];
const BENCH: &str = "bench";

/// A suite.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    /// Fails with [`Error::Missing`] if the machine cannot provide what it needs.
    pub(super) run: fn() -> Result<()>,
}

/// All of them, the quick ones first.
pub(super) static SUITES: [Suite; 11] = [
    Suite { name: "fmt", says: "formatting", run: fmt },
    Suite { name: "clippy", says: "lints, natively and for the plugin's target", run: clippy },
    Suite { name: "native", says: "unit and property tests, natively", run: native },
    Suite { name: "wasm", says: "the engine's decisions as WebAssembly", run: wasm },
    Suite { name: "fuzz", says: "a moment of every fuzz target, with coverage", run: fuzz::smoke },
    Suite { name: "e2e", says: "end to end, through a real Envoy", run: e2e },
    Suite {
        name: "bench",
        says: "one round of the benchmark: it answers, and every figure is made",
        run: bench,
    },
    Suite { name: "postgres", says: "the backend on a real PostgreSQL", run: postgres },
    Suite { name: "keycloak", says: "end to end, with tokens from a real Keycloak", run: keycloak },
    Suite {
        name: "prometheus",
        says: "dashboards and alerts, with a real Prometheus",
        run: prometheus,
    },
    Suite {
        name: "compose",
        says: "docker compose, as it ships: real parts, and what happens when one fails",
        run: compose,
    },
];

fn fmt() -> Result<()> {
    let mend = "run `cargo fmt --all`";
    run("checking the formatting", cargo().args(["fmt", "--all", "--check"]), mend)
}

fn clippy() -> Result<()> {
    wasm_targets()?;
    let mend = "see what clippy says above";
    let mut native = cargo();
    native.args(["clippy", "--workspace", "--all-targets"]).args(NOT_NATIVE);
    run("linting", native.args(["--", "-D", "warnings"]), mend)?;
    let mut plugin = cargo();
    plugin.args([
        "clippy",
        "--package",
        "portcullis-plugin",
        "--package",
        "bench-minimal",
        "--target",
        "wasm32-wasip1",
    ]);
    run("linting the plugin", plugin.args(["--", "-D", "warnings"]), mend)?;
    let mut faulty = cargo();
    faulty.args([
        "clippy",
        "--package",
        "portcullis-plugin",
        "--features",
        "portcullis-plugin/fault-injection",
    ]);
    faulty.args(["--package", "rogue-plugin", "--target", "wasm32-wasip1"]);
    run("linting the plugin with injected faults", faulty.args(["--", "-D", "warnings"]), mend)
}

fn native() -> Result<()> {
    workspace::compile()?;
    let own = workspace::integration(|package| !REAL.contains(&package))?;
    let mut native = workspace::tests();
    native.args(["--lib", "--bins"]).args(own);
    tests(&mut native)?;
    tests(workspace::tests().arg("--doc"))?;
    // each once: criterion takes none of the arguments above
    tests(workspace::tests().args(["--bench", "engine"]))
}

fn wasm() -> Result<()> {
    wasm_targets()?;
    let runner = tools::wasm_bindgen_test_runner()?;
    let mut wasm = cargo();
    wasm.args(["test", "--package", "portcullis-engine", "--test", "decisions", "--test", "paths"]);
    wasm.args(["--target", "wasm32-unknown-unknown"]);
    tests(wasm.env("PATH", path_with(&[runner, tools::node()?])?))
}

fn e2e() -> Result<()> {
    build::plugin()?;
    build::faulty()?;
    tools::envoy()?;
    workspace::compile()?;
    let through_envoy =
        workspace::integration(|package| REAL.contains(&package) && package != BENCH)?;
    // on two processors, a third one runs while two wait
    let threads = available_parallelism().map_or(1, usize::from) + 1;
    let mut e2e = workspace::tests();
    e2e.args(through_envoy).arg("--").args(SKIPPED).arg(format!("--test-threads={threads}"));
    tests(&mut e2e)
}

fn bench() -> Result<()> {
    build::plugin()?;
    tools::envoy()?;
    tools::valgrind()?;
    tests(workspace::tests().args(workspace::integration(|package| package == BENCH)?))
}

fn postgres() -> Result<()> {
    tools::postgres()?;
    let runtime = tokio::runtime::Runtime::new().map_err(Error::io("start the runtime"))?;
    let server = runtime.block_on(Postgres::start())?;
    let url = runtime.block_on(server.database("tests"))?;
    named("postgres", &["backend", "harness"], |postgres| postgres.env(POSTGRES, &url))
}

fn keycloak() -> Result<()> {
    tools::keycloak()?;
    tools::envoy()?;
    build::plugin()?;
    workspace::compile()?;
    named("keycloak", &["harness", "xtask", "e2e"], |keycloak| keycloak)
}

fn prometheus() -> Result<()> {
    tools::prometheus()?;
    tools::envoy()?;
    build::plugin()?;
    workspace::compile()?;
    named("prometheus", &["e2e"], |prometheus| prometheus)
}

fn compose() -> Result<()> {
    let stack = Compose::up()?;
    let mut compose = workspace::tests();
    compose.args(["--test", "compose"]).envs(stack.environment());
    // they stop and kill parts of the one stack
    let done = tests(compose.args(["--", "--test-threads", "1", "--nocapture"]));
    done.and(stack.down())
}

/// Runs the tests of these packages that have `word` in their names, of which there must be some.
fn named(
    word: &str,
    packages: &[&str],
    prepare: impl Fn(&mut Command) -> &mut Command,
) -> Result<()> {
    let integration = workspace::integration(|package| packages.contains(&package))?;
    let command = || {
        let mut command = workspace::tests();
        prepare(command.arg("--lib").args(&integration));
        command
    };
    let list = command()
        .args(["--", "--list", "--include-ignored", word])
        .output()
        .map_err(Error::io("run cargo"))?;
    let some = String::from_utf8_lossy(&list.stdout).lines().any(|line| line.ends_with(": test"));
    if list.status.success() && !some {
        return Err(Error::Form(format!("no test has `{word}` in its name")));
    }
    // those ask a stack that is up, whatever else their names say
    tests(command().args(["--", word, "--include-ignored", "--skip", "compose"]))
}

fn tests(command: &mut Command) -> Result<()> {
    run("testing", command, "see the failures above")
}

/// PATH with the folders of these programs before the rest.
fn path_with(programs: &[PathBuf]) -> Result<OsString> {
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = programs.iter().filter_map(|program| program.parent()).map(Path::to_owned);
    env::join_paths(folders.chain(env::split_paths(&rest)))
        .map_err(|error| Error::Form(format!("PATH: {error}")))
}
