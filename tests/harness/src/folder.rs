//! The folder of one run: configuration, logs, databases. It stays when the run ends, so that its logs can be read, and the
//! next run of that name starts with an empty one.
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::artifacts::target;
use crate::{Error, Result};

/// `target/stacks/<name>`, held by us while this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// An empty folder of that name. While another run holds it, a number is added.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn empty(name: &str) -> Result<Self> {
        let stacks = target().join("stacks");
        fs::create_dir_all(&stacks).map_err(Error::io(format!("create {}", stacks.display())))?;
        let mut path = stacks.join(name);
        for number in 2.. {
            let lock = path.with_extension("lock");
            let file = File::create(&lock).map_err(Error::io(format!("create {}", lock.display())))?;
            if file.try_lock().is_ok() {
                if path.exists() {
                    fs::remove_dir_all(&path).map_err(Error::io(format!("empty {}", path.display())))?;
                }
                fs::create_dir(&path).map_err(Error::io(format!("create {}", path.display())))?;
                return Ok(Self { path, _lock: file });
            }
            path = stacks.join(format!("{name}-{number}"));
        }
        unreachable!("the numbers do not end")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the file `name` in it is.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
