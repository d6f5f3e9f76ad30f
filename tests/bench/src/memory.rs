//! Memory of a process and of the WebAssembly VMs in it, from the kernel's map of it.
use std::fs;

use anyhow::{Context as _, Result};

/// V8 keeps at least so much address space behind a linear memory, so that no access can leave it.
const GUARD: u64 = 1 << 30;

/// The linear memories in a process, in bytes: what `memory.size` says inside of each VM. V8 maps
/// each one readable and writable at the start of a reservation whose rest is out of bounds.
pub(crate) fn linear_memories(pid: u32) -> Result<Vec<u64>> {
    let path = format!("/proc/{pid}/maps");
    Ok(guarded(&fs::read_to_string(&path).with_context(|| format!("read {path}"))?))
}

fn guarded(maps: &str) -> Vec<u64> {
    let regions: Vec<_> = maps.lines().filter_map(Region::parse).collect();
    let is_linear = |pair: &&[Region]| {
        let [memory, guard] = pair else { return false };
        memory.accessible
            && !guard.accessible
            && memory.end == guard.start
            && guard.end - guard.start >= GUARD
    };
    regions.windows(2).filter(is_linear).map(|pair| pair[0].end - pair[0].start).collect()
}

struct Region {
    start: u64,
    end: u64,
    /// Readable and writable, and of no file.
    accessible: bool,
}

impl Region {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let accessible = words.next()?.starts_with("rw-") && words.nth(2)? == "0";
        let address = |text| u64::from_str_radix(text, 16).ok();
        Some(Self { start: address(start)?, end: address(end)?, accessible })
    }
}

/// What the process holds in memory, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(kib.context("a process without VmRSS")?.trim().parse::<u64>()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_memory_is_what_stands_before_a_gigabyte_out_of_bounds() {
        let maps = "\
5581a0000000-5581a1000000 r-xp 00000000 fd:00 77 /usr/bin/envoy
00d000000000-00d000010000 ---p 00000000 00:00 0
00d000010000-00d001040000 rw-p 00000000 00:00 0
00d001040000-00d280000000 ---p 00000000 00:00 0
7f0000000000-7f0000100000 rw-p 00000000 00:00 0
7f0000100000-7f0000101000 ---p 00000000 00:00 0
7f0000101000-7f0000201000 rw-p 00000000 00:00 0 [heap]
7f1000000000-7f1000100000 rw-p 00000000 fd:00 78 /tmp/file
7f1000100000-7f2000100000 ---p 00000000 00:00 0
";
        assert_eq!(guarded(maps), [0x0103_0000]);
    }
}
