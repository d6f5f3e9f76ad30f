//! One development identity provider as a process, and what a stack must know of any provider.
use std::ops::Deref;
use std::time::Duration;

use dev_idp::{Control, Ready};

use crate::folder::Folder;
use crate::keycloak::Keycloak;
use crate::ports::Port;
use crate::process::{Launch, Process, eventually};
use crate::{Error, Result, artifacts, http, tokens};

const START: Duration = Duration::from_secs(30);

/// Where a provider is, as the policy and Envoy must know it.
#[derive(Clone, Debug)]
pub struct Location {
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// The port of 127.0.0.1 that it listens on.
    pub port: u16,
}

impl From<&Keycloak> for Location {
    fn from(keycloak: &Keycloak) -> Self {
        Self { issuer: keycloak.issuer(), jwks_uri: keycloak.jwks_uri(), port: keycloak.port() }
    }
}

/// A running development provider. Its controls are methods of this:
/// `idp.token("alice").expires_in(-60).sign().await?`.
#[derive(Debug)]
pub struct Idp {
    ready: Ready,
    control: Control,
    client: reqwest::Client,
    process: Process,
    _port: Port,
}

impl Idp {
    /// Starts one and waits until it answers.
    pub(super) async fn start(name: &str, port: Port, folder: &Folder) -> Result<Self> {
        let launch = Launch::new(name, artifacts::binary("dev-idp")?).args([
            "--listen",
            &format!("127.0.0.1:{}", port.number()),
            "--control",
        ]);
        let mut process = launch.start(&folder.join(&format!("{name}.log")))?;
        let log = process.log().clone();
        let said = || log.lines().iter().find_map(|line| serde_json::from_str::<Ready>(line).ok());
        process.ready(START, async || said().is_some()).await?;
        let ready = eventually("the addresses of dev-idp", START, async || said()).await?;
        let silent = || Error::Form(format!("{name} says no address of its controls"));
        let control = Control::at(ready.control.clone().ok_or_else(silent)?);
        Ok(Self { ready, control, client: http::client(false)?, process, _port: port })
    }

    /// An access token as a client gets it: by password for a demo user, by client credentials for
    /// a demo service.
    ///
    /// # Errors
    /// The provider does not answer, or nobody is called `name`.
    pub async fn login(&self, name: &str) -> Result<String> {
        tokens::login(&self.client, &self.ready.token_endpoint, name).await
    }

    /// Its addresses.
    pub fn addresses(&self) -> &Ready {
        &self.ready
    }

    /// The process: its log, its id.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to end it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    pub(super) fn location(&self) -> Location {
        let Ready { issuer, jwks_uri, address, .. } = self.ready.clone();
        Location { issuer, jwks_uri, port: address.port() }
    }
}

impl Deref for Idp {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}
