//! PostgreSQL's programs, as the machine's package manager installs them.
use std::fs;
use std::path::{Path, PathBuf};

use super::on_path;
use crate::{Error, Result};

/// Where PostgreSQL's programs are.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// Makes a new database cluster.
    pub initdb: PathBuf,
    /// The server.
    pub server: PathBuf,
    /// The client.
    pub psql: PathBuf,
}

/// The newest PostgreSQL of the machine.
///
/// # Errors
/// There is none.
pub fn postgres() -> Result<Postgres> {
    // Debian keeps the server's programs, one folder a version, off PATH
    let mut packaged: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path()).collect())
        .unwrap_or_default();
    packaged
        .sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let on_path = on_path("initdb").and_then(|initdb| Some(initdb.parent()?.to_owned()));
    let folders = packaged.iter().rev().map(|version| version.join("bin")).chain(on_path);
    let found = folders
        .map(|folder| programs(&folder))
        .find(|it| [&it.initdb, &it.server, &it.psql].iter().all(|program| program.exists()));
    found.ok_or_else(|| Error::Missing {
        what: "PostgreSQL (initdb, postgres, psql)".to_owned(),
        mend: "apt-get install postgresql".to_owned(),
    })
}

fn programs(folder: &Path) -> Postgres {
    let [initdb, server, psql] = ["initdb", "postgres", "psql"].map(|name| folder.join(name));
    Postgres { initdb, server, psql }
}
