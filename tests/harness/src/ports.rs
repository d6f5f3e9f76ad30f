//! Free ports on 127.0.0.1 that stay free: below the range from which the kernel gives ports to
//! outgoing connections, and held by a lock file, so that two stacks, or two test runs, never
//! choose the same one.
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::artifacts::target;
use crate::{Error, Result};

const RANGE: Range<u16> = 20_000..32_000;

/// A port of ours, for as long as this value lives. A part can be restarted on it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// `None`: a fixed port, chosen by the caller.
    _lock: Option<File>,
}

impl Port {
    /// A free port.
    ///
    /// # Errors
    /// None is free, or the lock files cannot be written.
    pub fn free() -> Result<Self> {
        let locks = target().join("ports");
        fs::create_dir_all(&locks).map_err(Error::io(format!("create {}", locks.display())))?;
        let width = RANGE.end - RANGE.start;
        let start =
            u16::try_from(RandomState::new().hash_one(()) % u64::from(width)).unwrap_or_default();
        for step in 0..width {
            let number = RANGE.start + (start + step) % width;
            let path = locks.join(number.to_string());
            let lock =
                File::create(&path).map_err(Error::io(format!("create {}", path.display())))?;
            if lock.try_lock().is_ok() && is_free(number) {
                return Ok(Self { number, _lock: Some(lock) });
            }
        }
        Err(Error::Form(format!("no port of {RANGE:?} is free")))
    }

    /// The port `number` for `part`, which must be free now.
    ///
    /// # Errors
    /// It is taken; `mend` tells the reader how to choose another.
    pub fn fixed(number: u16, part: &str, mend: &str) -> Result<Self> {
        if is_free(number) {
            return Ok(Self { number, _lock: None });
        }
        Err(Error::PortTaken { port: number, part: part.to_owned(), mend: mend.to_owned() })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `http://127.0.0.1:` and the number.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.number)
    }
}

/// Asked by binding, on every address: Envoy would share the port silently (`SO_REUSEPORT`) with
/// another Envoy.
fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}
