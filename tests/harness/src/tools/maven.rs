//! Maven Central, through its own client.
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{on_path, step};
use crate::{Error, Result};

/// Maven's program.
pub(super) fn maven() -> Result<PathBuf> {
    on_path("mvn").ok_or_else(|| Error::Missing {
        what: "Maven (mvn), which fetches Keycloak and Tomcat".to_owned(),
        mend: "apt-get install maven".to_owned(),
    })
}

/// Copies the artifact `group:name:version:type` into `folder`.
pub(super) fn copy(artifact: &str, size: &str, folder: &Path) -> Result<()> {
    let mut mvn = Command::new(maven()?);
    mvn.args([
        "--quiet",
        "--batch-mode",
        "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy",
    ]);
    mvn.args([format!("-Dartifact={artifact}"), format!("-DoutputDirectory={}", folder.display())]);
    mvn.current_dir(folder);
    let what = format!("getting {artifact} from Maven Central ({size}, once)");
    step(
        &what,
        &mut mvn,
        "is Maven Central, or the mirror that Maven is configured with, reachable?",
    )
}
