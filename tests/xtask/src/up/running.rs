//! The mark that an `up` leaves while it runs: a file that holds its process id, locked by that
//! process. The lock ends with the process, however it ends, so an old file misleads nobody.
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use harness::artifacts::target;
use harness::{Error, Result};

use super::NAME;

const READY: &str = "ready";
/// Longer than the lock is held by one who only looks: see [`seen`].
const GLANCE: Duration = Duration::from_millis(200);

/// Our own mark.
#[derive(Debug)]
pub(super) struct Running {
    file: File,
    path: PathBuf,
}

impl Running {
    /// Marks this process as the one that is up under `name`.
    pub(super) fn claim(name: &str) -> Result<Self> {
        let (mut file, path) = open(name)?;
        let deadline = Instant::now() + GLANCE;
        while file.try_lock().is_err() {
            if Instant::now() >= deadline {
                return Err(Error::Form(format!(
                    "`{name}` is up already: `{}` ends it",
                    down(name)
                )));
            }
            thread::sleep(GLANCE / 10);
        }
        let write = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        let mut write = write;
        write().map_err(Error::io(format!("write {}", path.display())))?;
        Ok(Self { file, path })
    }

    /// Says that everything is ready.
    pub(super) fn ready(&self) -> Result<()> {
        writeln!(&self.file, "{READY}").map_err(Error::io(format!("write {}", self.path.display())))
    }
}

/// The mark of a process, seen by another.
pub(super) struct Mark {
    /// The process that is up.
    pub(super) pid: u32,
    /// Whether everything is ready.
    pub(super) ready: bool,
}

/// The command that ends what is up under `name`.
pub(super) fn down(name: &str) -> String {
    let named = if name == NAME { String::new() } else { format!(" --name {name}") };
    format!("cargo xtask down{named}")
}

/// Who is up under `name`.
pub(super) fn seen(name: &str) -> Result<Option<Mark>> {
    let (mut file, path) = open(name)?;
    if file.try_lock().is_ok() {
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(Error::io(format!("read {}", path.display())))?;
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|pid| pid.parse().ok());
    Ok(pid.map(|pid| Mark { pid, ready: words.next() == Some(READY) }))
}

fn open(name: &str) -> Result<(File, PathBuf)> {
    let stacks = target().join("stacks");
    let path = stacks.join(format!("{name}.up"));
    let open = || {
        fs::create_dir_all(&stacks)?;
        File::options().create(true).truncate(false).read(true).write(true).open(&path)
    };
    let file = open().map_err(Error::io(format!("open {}", path.display())))?;
    Ok((file, path))
}
