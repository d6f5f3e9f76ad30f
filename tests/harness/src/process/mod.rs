//! Children: each with a log, a readiness that is asked of it, and an end that comes at the latest
//! with this process.
mod keeper;
mod launch;
mod log;
mod user;

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::error::Tail;
use crate::{Error, Result};

pub use self::launch::Launch;
pub use self::log::Log;
pub use self::user::User;

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A running child. It is stopped when this value is dropped, and killed by the kernel if this
/// process ends first.
#[derive(Debug)]
pub struct Process {
    part: String,
    child: Child,
    log: Log,
    stop_signal: Signal,
    ended: Option<ExitStatus>,
}

impl Process {
    /// What it is called in errors.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The process id: of the program itself, not of a wrapper.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output and error.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// [`Error::Died`] if it has ended.
    pub fn alive(&mut self) -> Result<()> {
        match self.poll() {
            None => Ok(()),
            Some(status) => {
                Err(Error::Died { part: self.part.clone(), status, tail: self.log.tail() })
            }
        }
    }

    /// Waits until `check` says that it does its work.
    ///
    /// # Errors
    /// It ended, or was not ready in time: with the end of its log.
    pub async fn ready(
        &mut self,
        within: Duration,
        mut check: impl AsyncFnMut() -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            self.alive()?;
            if check().await {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let (part, tail) = (self.part.clone(), self.log.tail());
                return Err(Error::NotReady { part, seconds: within.as_secs(), tail });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until it has done its work and ended.
    ///
    /// # Errors
    /// It failed, or took longer: with the end of its log.
    pub async fn finished(mut self, within: Duration) -> Result<()> {
        let done = self.ready(within, async || false).await;
        match self.ended {
            Some(status) if status.success() => Ok(()),
            _ => done,
        }
    }

    /// Waits until it ends by itself, and tells how.
    pub async fn ends(&mut self) -> Error {
        loop {
            if let Err(error) = self.alive() {
                return error;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks it to end, and kills it if it has not within `patience`.
    pub fn stop(&mut self, patience: Duration) {
        if self.poll().is_none() {
            // it may end between the two calls: then the signal is refused, and there is nothing
            // left to do
            let _ = kill_process(Pid::from_child(&self.child), self.stop_signal);
        }
        let deadline = Instant::now() + patience;
        while self.poll().is_none() {
            if Instant::now() >= deadline {
                return self.kill();
            }
            thread::sleep(POLL);
        }
    }

    /// Ends it, and whatever it started, at once (SIGKILL).
    pub fn kill(&mut self) {
        if self.poll().is_none() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            self.ended = self.child.wait().ok();
        }
    }

    /// How it ended, if it has. What it may have left behind in its group ends with it.
    fn poll(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
            if self.ended.is_some() {
                let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            }
        }
        self.ended
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(2));
    }
}

/// Waits until `check` gives something, at most `within`.
///
/// # Errors
/// [`Error::NotReady`] that names `what`.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut check: impl AsyncFnMut() -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = check().await {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            let (part, seconds) = (what.to_owned(), within.as_secs());
            return Err(Error::NotReady { part, seconds, tail: Tail::default() });
        }
        tokio::time::sleep(POLL).await;
    }
}
