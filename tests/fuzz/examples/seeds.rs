//! Writes the seeds of every target into a folder of its own, for libFuzzer:
//! `cargo run -p fuzz --example seeds FOLDER`.
use std::path::PathBuf;
use std::{env, fs, io};

use fuzz::TARGETS;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("where to?"))?;
    for target in &TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:04}")), seed)?;
        }
    }
    Ok(())
}
