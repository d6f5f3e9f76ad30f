//! The shipped docker-compose.yml, up as a project of its own: real images where they can be
//! pulled, stand-ins under the same names where they cannot. What it makes is gone when this value
//! is.
mod engine;
mod secrets;

use std::fs;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use self::engine::{Engine, succeeds};
use crate::artifacts::root;
use crate::error::Tail;
use crate::ports::Port;
use crate::{Error, Result, tools};

pub use self::secrets::secrets;

/// The composed stack.
#[derive(Debug)]
pub struct Compose {
    engine: Engine,
    environment: Vec<(&'static str, String)>,
    /// Stand-ins that we have made on an engine that is not ours.
    made: Vec<String>,
    _secrets: TempDir,
    _ports: [Port; 2],
}

impl Compose {
    /// Builds the images, starts everything and waits until it is healthy.
    ///
    /// # Errors
    /// There is no engine, an image cannot be made, or a part does not become healthy.
    pub fn up() -> Result<Self> {
        let engine = Engine::answering()?;
        let made = images(&engine)?;
        let ports = [Port::free()?, Port::free()?];
        // as `.env` would have them
        let folder = tempfile::tempdir().map_err(Error::io("make a folder for the secrets"))?;
        let file = folder.path().join("env");
        fs::write(&file, secrets()?).map_err(Error::io(format!("write {}", file.display())))?;
        let environment = vec![
            ("COMPOSE_PROJECT_NAME", format!("portcullis-test-{}", std::process::id())),
            ("COMPOSE_ENV_FILES", file.display().to_string()),
            ("GATEWAY_PORT", ports[0].number().to_string()),
            ("KEYCLOAK_PORT", ports[1].number().to_string()),
            ("BUILD_OPT_LEVEL", "1".to_owned()),
        ];
        let compose = Self { engine, environment, made, _secrets: folder, _ports: ports };
        compose.step("docker compose up --build", &["up", "--build", "--detach", "--wait"])?;
        Ok(compose)
    }

    /// What a program needs in its environment to run `docker compose` on this stack.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = self.engine.environment.iter().chain(&self.environment);
        all.map(|(name, value)| (*name, value.as_str()))
    }

    /// Takes everything down, and makes sure that nothing of it is left.
    ///
    /// # Errors
    /// Something is.
    pub fn down(self) -> Result<()> {
        self.remove();
        let project = format!("label=com.docker.compose.project={}", self.environment[0].1);
        let images = format!("reference={}-*", self.environment[0].1);
        for (what, arguments) in [
            ("containers", ["ps", "--all", "--quiet", "--filter", &project]),
            ("networks", ["network", "ls", "--quiet", "--filter", &project]),
            ("volumes", ["volume", "ls", "--quiet", "--filter", &project]),
            ("images", ["image", "ls", "--quiet", "--filter", &images]),
        ] {
            let output =
                self.engine.docker().args(arguments).output().map_err(Error::io("run docker"))?;
            if !output.status.success() || !output.stdout.trim_ascii().is_empty() {
                return Err(failed(
                    &format!("removing all {what}"),
                    &output.status.to_string(),
                    Some(output),
                ));
            }
        }
        Ok(())
    }

    fn remove(&self) {
        let down = [
            "--profile",
            "*",
            "down",
            "--volumes",
            "--rmi",
            "local",
            "--remove-orphans",
            "--timeout",
            "3",
        ];
        // an engine that has gone has taken everything with it
        let _ = self.compose(&down).output();
        if !self.made.is_empty() {
            let _ = self.engine.docker().args(["image", "rm", "--force"]).args(&self.made).output();
        }
    }

    fn compose(&self, arguments: &[&str]) -> Command {
        let mut docker = self.engine.docker();
        docker.arg("compose").args(arguments).envs(self.environment());
        docker
    }

    fn step(&self, what: &str, arguments: &[&str]) -> Result<()> {
        eprintln!("{what} ...");
        let status = self.compose(arguments).status().map_err(Error::io("run docker"))?;
        if status.success() {
            return Ok(());
        }
        let said = self.compose(&["logs", "--no-color", "--tail", "12"]).output();
        Err(failed(what, &status.to_string(), said.ok()))
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Stand-ins for the upstream images, if those cannot be pulled. Says which were made on an engine
/// of somebody else's: ours keeps them for the next time.
fn images(engine: &Engine) -> Result<Vec<String>> {
    let path = root().join("envoy/Dockerfile");
    let text = fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
    let upstream = text.lines().filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next());
    let first = upstream.filter(|image| image.contains('/')).min_by_key(|image| image.len());
    let first = first.ok_or_else(|| Error::Form("envoy/Dockerfile names no image".to_owned()))?;
    if succeeds(engine.docker().args(["pull", "--quiet", first])) {
        return Ok(Vec::new());
    }
    if tools::on_path("debootstrap").is_none() {
        let what =
            "debootstrap, which makes stand-ins for images that cannot be pulled,".to_owned();
        return Err(Error::Missing { what, mend: "apt-get install debootstrap".to_owned() });
    }
    eprintln!("images cannot be pulled: making stand-ins");
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()).output();
    let sysroot = sysroot.map_err(Error::io("run rustc"))?;
    let mut script = Command::new(root().join("tests/compose/stand-ins.sh"));
    script.arg(Engine::folder()).arg(String::from_utf8_lossy(&sysroot.stdout).trim());
    script.args([tools::envoy()?, tools::java_home()?, tools::keycloak()?]);
    script.envs(engine.environment.iter().map(|(name, value)| (name, value)));
    script.stderr(Stdio::inherit());
    let output = script.output().map_err(Error::io("run tests/compose/stand-ins.sh"))?;
    if !output.status.success() {
        return Err(failed("making stand-in images", &output.status.to_string(), None));
    }
    let made = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    Ok(if engine.is_ours() { Vec::new() } else { made })
}

fn failed(step: &str, status: &str, said: Option<Output>) -> Error {
    let said =
        said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    Error::Step {
        step: step.to_owned(),
        status: status.to_owned(),
        mend: "see what docker says above".to_owned(),
        tail: Tail::of(&said, None),
    }
}
