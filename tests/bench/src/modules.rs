//! The WebAssembly files under test, copied before a run: a build meanwhile changes nothing of it.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use harness::artifacts::{plugin, root, target};
use harness::folder::Folder;

/// The WebAssembly files of the sandboxed variants.
pub(crate) struct Modules {
    pub(crate) portcullis: PathBuf,
    pub(crate) minimal: PathBuf,
    _folder: Folder,
}

impl Modules {
    /// Portcullis as it was built to ship, or the file `instead` of it, and the minimal filter,
    /// built now.
    pub(crate) fn take(instead: Option<&Path>) -> Result<Self> {
        let portcullis = match instead {
            Some(file) => file.to_owned(),
            None => plugin()?,
        };
        let minimal = build_minimal()?;
        let folder = Folder::empty("bench-modules")?;
        let copy = |file: &Path, name| {
            let to = folder.join(name);
            fs::copy(file, &to).with_context(|| format!("copy {}", file.display()))?;
            anyhow::Ok(to)
        };
        let linked = fs::read(&minimal).with_context(|| format!("read {}", minimal.display()))?;
        let minimal = folder.join("minimal.wasm");
        // as Portcullis ships: without the callbacks that do nothing
        fs::write(&minimal, portcullis_finish::finish(&linked)?)?;
        Ok(Self { portcullis: copy(&portcullis, "portcullis.wasm")?, minimal, _folder: folder })
    }

    /// How large Portcullis is, in bytes.
    pub(crate) fn portcullis_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.portcullis).context("look at the module")?.len())
    }
}

/// With the profile of the plugin.
fn build_minimal() -> Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", target());
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "bench-minimal",
        "--profile",
        "wasm",
        "--target",
        "wasm32-wasip1",
    ]);
    let status = cargo.status().context("run cargo")?;
    ensure!(
        status.success(),
        "the filter that does the least cannot be built: see what the compiler says above"
    );
    Ok(target().join("wasm32-wasip1/wasm/minimal.wasm"))
}
