//! CPU time of a process, as the kernel accounts for it: user and system time of all its threads,
//! ended ones too, in nanoseconds. `/proc/PID/stat` shows the same account in ticks of 10 ms.
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// The account of one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account(ClockId);

impl Account {
    /// Of the process `pid`.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(pid)?);
        Ok(Self(
            clock_getcpuclockid(pid)
                .with_context(|| format!("find the CPU clock of process {pid}"))?,
        ))
    }

    /// CPU time since the process began.
    pub(crate) fn read(self) -> Result<Duration> {
        Ok(self.0.now().context("read a CPU clock: has the process ended?")?.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::hint::black_box;

    use super::*;

    #[test]
    fn the_clock_tells_what_proc_tells() {
        let account = Account::of(std::process::id()).unwrap();
        while account.read().unwrap() < Duration::from_millis(300) {
            (0..10_000).for_each(|number| _ = black_box(number));
        }
        let before = account.read().unwrap();
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let after = account.read().unwrap();
        // the name, in brackets, may hold spaces: utime and stime are the 12th and 13th after it
        let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        let tick = Duration::from_millis(10);
        let told = Duration::from_millis(ticks * 10);
        assert!(
            told + 2 * tick > before && told < after + 2 * tick,
            "{before:?} {told:?} {after:?}"
        );
    }
}
