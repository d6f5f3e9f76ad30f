//! Keycloak's distribution, built once for the database that the tests use.
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{installed, java_home, maven, python, step};
use crate::{Error, Result};

/// The one that docker-compose.yml names too.
const VERSION: &str = "26.7.3";

/// Keycloak's home, ready for `kc.sh start --optimized`. Nothing writes there afterwards, so many
/// can run from it.
///
/// # Errors
/// It cannot be fetched, or Maven is missing.
pub fn keycloak() -> Result<PathBuf> {
    let home = installed("keycloak", VERSION, |home| {
        maven::copy(&format!("org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"), "177 MB", home)?;
        let zip = home.join(format!("keycloak-quarkus-dist-{VERSION}.zip"));
        let mut unzip = Command::new(python::python()?);
        unzip.args(["-m", "zipfile", "-e"]).args([&zip, home]);
        step("unpacking Keycloak", &mut unzip, "is the disk full?")?;
        fs::remove_file(&zip).map_err(Error::io(format!("remove {}", zip.display())))?;
        let mut build = Command::new("sh");
        build.arg(distribution(home).join("bin/kc.sh")).args(["build", "--db=dev-file"]);
        build.env("JAVA_HOME", java_home()?);
        step(
            "building Keycloak's configuration",
            &mut build,
            "remove target/tools/keycloak-* and try again",
        )
    })?;
    Ok(distribution(&home))
}

fn distribution(home: &std::path::Path) -> PathBuf {
    home.join(format!("keycloak-{VERSION}"))
}
