//! Where things are: the repository, the target directory, and what cargo built there.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{Error, Result};

/// The repository's root.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Cargo's target directory: the one that the running program was built in, wherever it is
/// configured to be.
pub fn target() -> &'static Path {
    binaries().parent().unwrap_or(binaries())
}

/// The plugin as it ships: finished anew if cargo has linked a newer one.
///
/// # Errors
/// It has not been built, or cannot ship.
pub fn plugin() -> Result<PathBuf> {
    let linked = built(target().join("wasm32-wasip1/wasm/portcullis.wasm"))?;
    let finished = target().join("portcullis.wasm");
    let age = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
    if age(&finished).is_none_or(|finished| age(&linked).is_none_or(|linked| linked >= finished)) {
        let read = fs::read(&linked).map_err(Error::io(format!("read {}", linked.display())))?;
        let module = portcullis_finish::ship(&read);
        let module =
            module.map_err(|error| Error::Form(format!("{}: {error}", linked.display())))?;
        // others may do the same, or read it, at this moment
        let own = target().join(format!("portcullis.{}.wasm", std::process::id()));
        let write = || fs::write(&own, module).and_then(|()| fs::rename(&own, &finished));
        write().map_err(Error::io(format!("write {}", finished.display())))?;
    }
    Ok(finished)
}

/// The plugin with injected faults, for the tests of recovery.
///
/// # Errors
/// It has not been built.
pub fn plugin_with_faults() -> Result<PathBuf> {
    faulty("portcullis.wasm")
}

/// Somebody else's plugin, which writes to our shared data.
///
/// # Errors
/// It has not been built.
pub fn rogue_plugin() -> Result<PathBuf> {
    faulty("rogue_plugin.wasm")
}

fn faulty(name: &str) -> Result<PathBuf> {
    let built = built(target().join("wasm32-wasip1/faults").join(name));
    built.map_err(|error| match error {
        Error::Missing { what, .. } => {
            Error::Missing { what, mend: "run `cargo xtask test e2e`".to_owned() }
        }
        other => other,
    })
}

/// A program of the workspace, by name.
///
/// # Errors
/// It has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    built(binaries().join(name))
}

/// The directory of this profile's programs. Tests run from its `deps`.
fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let program = env::current_exe().unwrap_or_else(|_| root().join("target/debug/unknown"));
        let folder = program.parent().unwrap_or(root());
        let folder =
            if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
        folder.to_owned()
    })
}

fn built(path: PathBuf) -> Result<PathBuf> {
    if path.exists() {
        return Ok(path);
    }
    Err(Error::Missing {
        what: path.display().to_string(),
        mend: "run `cargo xtask build`".to_owned(),
    })
}
