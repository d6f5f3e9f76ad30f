//! `cargo xtask secrets`: the secrets of docker compose, in a file that git ignores.
use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use clap::Args;
use harness::artifacts::root;
use harness::compose::secrets;
use harness::{Error, Result};

/// Arguments of `cargo xtask secrets`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Replace the keys that are there: what was signed with them is refused from then on
    #[arg(long)]
    force: bool,
    /// Where they go, in place of the `.env` that docker compose reads
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Writes `.env`.
pub(crate) fn write(arguments: &Arguments) -> Result<()> {
    let path = arguments.file.clone().unwrap_or_else(|| root().join(".env"));
    let text = secrets()?;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if arguments.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(&path).and_then(|mut file| {
        // one that was there may have been readable by others
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    });
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Error::Form(format!(
            "{} has keys already: `cargo xtask secrets --force` replaces them",
            path.display()
        ))),
        written => {
            written.map_err(Error::io(format!("write {}", path.display())))?;
            println!("a new signing key and new passwords are in {}", path.display());
            Ok(())
        }
    }
}
