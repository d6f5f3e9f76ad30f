//! The order and product service of a stack.
use std::time::Duration;

use crate::ports::Port;
use crate::process::{Launch, Process};
use crate::{Result, artifacts, http};

const START: Duration = Duration::from_mins(1);

/// How to run the service.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) service: Port,
    pub(super) operations: Port,
    pub(super) database_url: String,
    /// The gateway's public keys.
    pub(super) gateway_jwks: String,
    pub(super) env: Vec<(String, String)>,
    pub(super) log: std::path::PathBuf,
}

/// The running service.
#[derive(Debug)]
pub struct Backend {
    settings: Settings,
    launch: Launch,
    process: Process,
    client: reqwest::Client,
}

impl Backend {
    pub(super) async fn start(settings: Settings) -> Result<Self> {
        let listen = |port: &Port| format!("127.0.0.1:{}", port.number());
        let launch = Launch::new("backend", artifacts::binary("backend")?)
            .env("BACKEND_LISTEN", listen(&settings.service))
            .env("BACKEND_OPERATIONS_LISTEN", listen(&settings.operations))
            .env("DATABASE_URL", &settings.database_url)
            .env("BACKEND_GATEWAY_JWKS", &settings.gateway_jwks)
            // a stack that ends has nobody to answer any more
            .env("BACKEND_GRACE", "1");
        let launch =
            settings.env.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        let process = launch.start(&settings.log)?;
        let mut backend = Self { settings, launch, process, client: http::client(false)? };
        backend.ready().await?;
        Ok(backend)
    }

    /// `http://127.0.0.1:…` of the service itself, past the gateway.
    pub fn url(&self) -> String {
        self.settings.service.url()
    }

    /// The port of the service itself.
    pub fn port(&self) -> u16 {
        self.settings.service.number()
    }

    /// `http://127.0.0.1:…` of what operators are answered.
    pub fn operations_url(&self) -> String {
        self.settings.operations.url()
    }

    /// The process: its log, its id.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to end it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends it, if it still runs, and starts it again: same ports, same database.
    ///
    /// # Errors
    /// It does not become ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.stop(Duration::from_secs(5));
        self.process = self.launch.start(&self.settings.log)?;
        self.ready().await
    }

    async fn ready(&mut self) -> Result<()> {
        let request = self.client.get(self.operations_url() + "/readyz");
        let ready = async || {
            let answer = request.try_clone()?.send().await.ok()?;
            answer.status().is_success().then_some(())
        };
        self.process.ready(START, async || ready().await.is_some()).await
    }
}
