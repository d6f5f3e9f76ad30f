//! What to start, and how: a command whose child ends with this process, however this process ends.
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::{Log, Process, User, keeper};
use crate::{Error, Result, tools};

/// A command to be started as a [`Process`].
#[derive(Clone, Debug)]
pub struct Launch {
    part: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    user: Option<User>,
    stop_signal: Signal,
}

impl Launch {
    /// The same for a script that starts its program as a child: written before the program.
    pub(crate) const ENDS_WITH_PARENT: &str =
        if cfg!(target_os = "linux") { "setpriv --pdeathsig KILL --" } else { "" };

    /// Runs `program`; `part` is its name in errors.
    pub fn new(part: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            part: part.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            user: None,
            stop_signal: Signal::TERM,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets an environment variable, over what is inherited.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs as this user: only root may ask for it.
    #[must_use]
    pub fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// The signal that asks it to end; SIGTERM if not set.
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Starts it, appending what it says to the file `log`.
    ///
    /// # Errors
    /// The log cannot be written, or the program cannot be started.
    pub fn start(&self, log: &Path) -> Result<Process> {
        if cfg!(target_os = "linux") && tools::on_path("setpriv").is_none() {
            let what = "setpriv, with which children end with their parent,".to_owned();
            return Err(Error::Missing { what, mend: "apt-get install util-linux".to_owned() });
        }
        let log = Log::at(log);
        let (out, err) = log.open()?;
        let mut command = self.command();
        // a group of its own: Ctrl-C in the terminal reaches us, and we end the children in order
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let child = keeper::spawn(command).map_err(Error::io(format!("start {}", self.part)))?;
        Ok(Process {
            part: self.part.clone(),
            child,
            log,
            stop_signal: self.stop_signal,
            ended: None,
        })
    }

    /// On Linux the child asks the kernel to be killed when we end, then makes sure that we had not
    /// ended before it asked. Each step replaces the one before (`exec`), so the child's id is the
    /// program's. Elsewhere a child outlives us only if we are killed.
    fn command(&self) -> Command {
        let mut command = if cfg!(target_os = "linux") {
            let mut command = Command::new("setpriv");
            if let Some(User { uid, gid }) = self.user {
                command.args([
                    &format!("--reuid={uid}"),
                    &format!("--regid={gid}"),
                    "--clear-groups",
                ]);
            }
            command.args(["--pdeathsig", "KILL", "--", "/bin/sh", "-c"]);
            command.args([r#"[ "$PPID" = "$0" ] && exec "$@""#, &std::process::id().to_string()]);
            command.arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command.args(&self.args);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}
