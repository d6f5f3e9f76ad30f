//! A child's log: a file that both its outputs are appended to, over restarts too.
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::Tail;
use crate::{Error, Result};

/// The log file of a child.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// The log in this file.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The file twice: for standard output and for standard error.
    pub(super) fn open(&self) -> Result<(File, File)> {
        let open = || {
            let file = File::options().create(true).append(true).open(&self.path)?;
            Ok((file.try_clone()?, file))
        };
        open().map_err(Error::io(format!("write {}", self.path.display())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it so far. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        fs::read(&self.path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Its lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// Its end, for an error.
    pub fn tail(&self) -> Tail {
        Tail::of(&self.text(), Some(&self.path))
    }
}
