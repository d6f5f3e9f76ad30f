//! One Envoy, run from the shipped configuration, and what its admin interface tells.
mod config;
mod stats;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ports::Port;
use crate::process::{Launch, Process};
use crate::{Result, http, tools};

pub use self::config::Config;
pub use self::stats::Stats;

/// Compiling the plugin on a busy machine with two cores takes its time.
const START: Duration = Duration::from_mins(1);

/// How to run an Envoy.
#[derive(Debug)]
pub struct Settings {
    /// What it listens on.
    pub gateway: Port,
    /// Its admin interface.
    pub admin: Port,
    /// Worker threads.
    pub concurrency: u32,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Log levels of components, as `--component-log-level` takes them; empty: all `info`.
    pub log_levels: String,
    /// What it is run under, with its arguments; empty: nothing.
    pub under: Vec<String>,
    /// Where its configuration and its log go.
    pub folder: PathBuf,
}

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    settings: Settings,
    launch: Launch,
    process: Process,
    client: reqwest::Client,
}

impl Envoy {
    /// Starts one and waits until it takes requests.
    ///
    /// # Errors
    /// Envoy cannot be had, does not take the configuration, or is not ready in time.
    pub async fn start(mut config: Config, settings: Settings) -> Result<Self> {
        config.listen(settings.gateway.number())?;
        config.admin(settings.admin.number())?;
        let file = settings.folder.join("envoy.json");
        config.write(&file)?;
        let envoy = tools::envoy()?;
        let launch = match settings.under.split_first() {
            None => Launch::new("envoy", envoy),
            Some((program, arguments)) => Launch::new("envoy", program).args(arguments).arg(envoy),
        };
        let launch = launch
            .args(["--config-path".as_ref(), file.as_os_str()])
            .args(["--concurrency", &settings.concurrency.to_string()])
            .args(["--disable-hot-restart", "--log-level", "info"]);
        let launch = match settings.log_levels.as_str() {
            "" => launch,
            levels => launch.args(["--component-log-level", levels]),
        };
        let launch =
            settings.env.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        let process = launch.start(&log(&settings.folder))?;
        let mut envoy = Self { settings, launch, process, client: http::client(false)? };
        envoy.ready().await?;
        Ok(envoy)
    }

    /// `http://127.0.0.1:…` of the gateway.
    pub fn url(&self) -> String {
        self.settings.gateway.url()
    }

    /// The gateway's port.
    pub fn port(&self) -> u16 {
        self.settings.gateway.number()
    }

    /// `http://127.0.0.1:…` of the admin interface.
    pub fn admin_url(&self) -> String {
        self.settings.admin.url()
    }

    /// The process: its log, its id.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to end it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// All counters and gauges, as they are now.
    ///
    /// # Errors
    /// The admin interface does not answer.
    pub async fn stats(&self) -> Result<Stats> {
        Ok(Stats::parse(&self.admin("/stats").await?))
    }

    /// What the admin interface says to a `GET` of `path`.
    ///
    /// # Errors
    /// It does not answer, or not with 2xx.
    pub async fn admin(&self, path: &str) -> Result<String> {
        let answer = self.client.get(self.admin_url() + path).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Ends it, if it still runs, and starts it again: same configuration, same ports, same log.
    ///
    /// # Errors
    /// As [`Envoy::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.process.stop(Duration::from_secs(5));
        self.process = self.launch.start(&log(&self.settings.folder))?;
        self.ready().await
    }

    /// As [`Envoy::restart`], with an environment variable of another value.
    ///
    /// # Errors
    /// As [`Envoy::start`].
    pub async fn restart_with(&mut self, name: &str, value: &str) -> Result<()> {
        // the last one counts
        self.launch = self.launch.clone().env(name, value);
        self.restart().await
    }

    async fn ready(&mut self) -> Result<()> {
        let ready = self.client.get(self.admin_url() + "/ready");
        let live = async || {
            let answer = ready.try_clone()?.send().await.ok()?;
            answer.status().is_success().then_some(())
        };
        self.process.ready(START, async || live().await.is_some()).await
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("envoy.log")
}
