//! `cargo xtask openapi`: what the backend offers, as a committed file, so that a change of it is a
//! diff.
use std::fs;
use std::process::Stdio;

use harness::artifacts::root;
use harness::error::Tail;
use harness::{Error, Result};

use crate::cargo::cargo;

/// Writes `backend/openapi.json`. The program says what is in it; its tests hold the file to that.
pub(crate) fn write() -> Result<()> {
    let mut backend = cargo();
    backend
        .args(["run", "--quiet", "--package", "backend", "--", "openapi"])
        .stderr(Stdio::inherit());
    let failed = |status: String| Error::Step {
        step: "asking the backend for its document".to_owned(),
        status,
        mend: "see what is said above".to_owned(),
        tail: Tail::default(),
    };
    let output = backend.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let path = root().join("backend/openapi.json");
    fs::write(&path, output.stdout).map_err(Error::io(format!("write {}", path.display())))?;
    println!("the document is in {}", path.display());
    Ok(())
}
