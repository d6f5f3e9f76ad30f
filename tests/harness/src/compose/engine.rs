//! A Docker engine: the one that runs, or one of our own with its own data folder, which ends with
//! us.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::artifacts::{root, target};
use crate::process::{Launch, Process};
use crate::{Error, Result, tools};

const START: Duration = Duration::from_mins(1);

/// A Docker engine, and how its client is told of it.
#[derive(Debug)]
pub(super) struct Engine {
    own: Option<(Process, TempDir)>,
    pub(super) environment: Vec<(&'static str, String)>,
}

impl Engine {
    /// One that answers.
    ///
    /// # Errors
    /// None runs, and we cannot start one.
    pub(super) fn answering() -> Result<Self> {
        let folder = target().join("compose");
        std::fs::create_dir_all(&folder)
            .map_err(Error::io(format!("create {}", folder.display())))?;
        if tools::on_path("docker").is_none() {
            return Err(missing("the Docker client", "apt-get install docker.io"));
        }
        let mut engine = Self { own: None, environment: Vec::new() };
        if !engine.answers() {
            engine.start(&folder)?;
        }
        // compose may be a plugin of the stand-ins' making
        let plugins = folder.join("docker");
        if !succeeds(engine.docker().args(["compose", "version"])) {
            engine.environment.push(("DOCKER_CONFIG", plugins.display().to_string()));
        }
        Ok(engine)
    }

    /// `docker`, told of this engine, at the repository's root.
    pub(super) fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.current_dir(root()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        docker
    }

    /// Whether it ends with us.
    pub(super) fn is_ours(&self) -> bool {
        self.own.is_some()
    }

    /// Where an engine of ours keeps its images.
    pub(super) fn folder() -> PathBuf {
        target().join("compose")
    }

    fn answers(&self) -> bool {
        succeeds(self.docker().args(["version", "--format", "{{.Server.Version}}"]))
    }

    fn start(&mut self, folder: &Path) -> Result<()> {
        if !geteuid().is_root() {
            return Err(missing("a Docker engine", "start one, or run this as root"));
        }
        let dockerd = tools::on_path("dockerd").ok_or_else(|| {
            missing("the Docker engine (dockerd)", "apt-get install docker.io iptables")
        })?;
        // the names of sockets must be short
        let run =
            tempfile::tempdir().map_err(Error::io("make a folder for the engine's sockets"))?;
        let at = |name: &str| run.path().join(name).display().to_string();
        let host = format!("unix://{}", at("docker.sock"));
        let launch = Launch::new("the Docker engine", dockerd)
            .args(["--data-root", &folder.join("engine").display().to_string()])
            .args(["--exec-root", &at("exec"), "--pidfile", &at("pid"), "--host", &host]);
        eprintln!("no Docker engine runs: starting one");
        let mut process = launch.start(&folder.join("dockerd.log"))?;
        self.environment.push(("DOCKER_HOST", host));
        let deadline = Instant::now() + START;
        while !self.answers() {
            process.alive()?;
            if Instant::now() >= deadline {
                let (part, tail) = (process.part().to_owned(), process.log().tail());
                return Err(Error::NotReady { part, seconds: START.as_secs(), tail });
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.own = Some((process, run));
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some((process, _)) = &mut self.own {
            process.stop(Duration::from_secs(30));
        }
    }
}

pub(super) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

fn missing(what: &str, mend: &str) -> Error {
    Error::Missing { what: what.to_owned(), mend: mend.to_owned() }
}
