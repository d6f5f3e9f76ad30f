//! Instructions of a process, and what of them and of its data misses the processor's first caches,
//! counted by valgrind's callgrind: what the sandbox runs is counted too, since V8 makes machine
//! code of it. Counts hardly depend on what else the machine does; they are no times.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use harness::tools::valgrind;

/// What the dumps are called; valgrind appends their numbers.
const DUMPS: &str = "callgrind.out";

/// What a program is run under so that a [`Counter`] can count, with dumps in `folder`: it begins
/// without counting, which is faster.
pub(crate) fn under(folder: &Path) -> Result<Vec<String>> {
    let program = valgrind()?.display().to_string();
    let dumps = format!("--callgrind-out-file={}", folder.join(DUMPS).display());
    // size, ways and line of each cache: those of no machine, so that all machines count the same
    let fixed = "--tool=callgrind --instr-atstart=no --cache-sim=yes --I1=32768,8,64 --D1=32768,8,64 --LL=524288,8,64";
    Ok(std::iter::once(program).chain(fixed.split(' ').map(str::to_owned)).chain([dumps]).collect())
}

/// What was counted between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) instructions: u64,
    /// Instructions and data that were not in the first caches.
    pub(crate) misses: u64,
}

/// Counts what a process does that runs under callgrind.
pub(crate) struct Counter {
    pid: u32,
    folder: PathBuf,
    dumps: usize,
}

impl Counter {
    /// Of the process `pid`, which was started [`under`] callgrind with this folder.
    pub(crate) fn of(pid: u32, folder: &Path) -> Self {
        Self { pid, folder: folder.to_owned(), dumps: 0 }
    }

    /// Begins to count.
    pub(crate) fn begin(&self) -> Result<()> {
        self.control(&["--instr=on"])
    }

    /// Counts no more, until it begins again.
    pub(crate) fn end(&self) -> Result<()> {
        self.control(&["--instr=off"])
    }

    /// From zero again.
    pub(crate) fn zero(&self) -> Result<()> {
        self.control(&["--zero"])
    }

    /// What was counted since the last zero, which is now.
    pub(crate) fn take(&mut self) -> Result<Count> {
        self.control(&["--dump"])?;
        self.dumps += 1;
        let dump = self.last();
        let text = fs::read(&dump).with_context(|| format!("read {}", dump.display()))?;
        totals(&String::from_utf8_lossy(&text))
            .with_context(|| format!("{}: no totals", dump.display()))
    }

    /// Keeps the last dump under this name, for `callgrind_annotate`.
    pub(crate) fn keep(&self, file: &Path) -> Result<()> {
        fs::copy(self.last(), file).with_context(|| format!("write {}", file.display()))?;
        Ok(())
    }

    /// The last dump.
    fn last(&self) -> PathBuf {
        self.folder.join(format!("{DUMPS}.{}", self.dumps))
    }

    fn control(&self, arguments: &[&str]) -> Result<()> {
        let mut control = Command::new("callgrind_control");
        let output = control.args(arguments).arg(self.pid.to_string()).output();
        let output = output.context("run callgrind_control, a part of valgrind")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "callgrind_control {arguments:?}: {said}");
        // it succeeds also where it found no process to control
        if !said.contains(&self.pid.to_string()) {
            bail!("callgrind_control {arguments:?} found no process {}: {said}", self.pid);
        }
        Ok(())
    }
}

/// The sums over all functions.
fn totals(dump: &str) -> Option<Count> {
    let line = |name| {
        dump.lines().find_map(|line| line.strip_prefix(name)).map(str::split_ascii_whitespace)
    };
    let totals: Vec<(&str, u64)> =
        line("events: ")?.zip(line("totals: ")?.map_while(|count| count.parse().ok())).collect();
    let sum = |names: &[&str]| -> Option<u64> {
        let counts = names.iter().map(|name| totals.iter().find(|(event, _)| event == name));
        counts.map(|count| count.map(|(_, count)| count)).sum()
    };
    Some(Count { instructions: sum(&["Ir"])?, misses: sum(&["I1mr", "D1mr", "D1mw"])? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_are_the_totals_of_the_dump() {
        let dump =
            "events: Ir Dr Dw I1mr D1mr D1mw\nfn=(1) main\n4 7 1\n\ntotals: 1234 5 6 70 8 9\n";
        assert_eq!(totals(dump), Some(Count { instructions: 1234, misses: 87 }));
        assert_eq!(totals("events: Ir\ntotals: 1234\n"), None);
        assert_eq!(totals("events: Ir I1mr\n"), None);
    }
}
