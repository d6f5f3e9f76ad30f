//! What a stack is made of, said before it starts.
use std::path::PathBuf;

use portcullis_principal::SigningKey;
use serde_json::Value;

use super::Stack;
use super::backend::{self, Backend};
use super::policy::{Policy, cluster};
use super::provider::{Idp, Location};
use crate::envoy::{Config, Envoy, Settings};
use crate::folder::Folder;
use crate::ports::Port;
use crate::{Error, Result, artifacts, http, keys};

type Change<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A stack about to start: one development provider, the service on SQLite, an Envoy with two
/// workers and the shipped policy, on free ports, unless something else is said.
#[must_use = "a stack runs once it is started"]
pub struct Builder {
    name: String,
    ports: Option<Ports>,
    partners: Vec<String>,
    foreign: Option<Location>,
    policy: Vec<Change<Value>>,
    config: Vec<Change<Config>>,
    plugin: Option<PathBuf>,
    concurrency: u32,
    gateway_env: Vec<(String, String)>,
    log_levels: String,
    backend_env: Vec<(String, String)>,
    database_url: Option<String>,
    signing_key: Option<String>,
    progress: fn(&str),
}

/// The ports of a stack.
#[derive(Debug)]
pub struct Ports {
    /// Where clients ask.
    pub gateway: Port,
    /// Envoy's admin interface.
    pub admin: Port,
    /// The first development provider.
    pub idp: Port,
    /// The service itself.
    pub backend: Port,
    /// The service's answers to operators.
    pub operations: Port,
}

impl Ports {
    fn free() -> Result<Self> {
        Ok(Self {
            gateway: Port::free()?,
            admin: Port::free()?,
            idp: Port::free()?,
            backend: Port::free()?,
            operations: Port::free()?,
        })
    }
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ports: None,
            partners: Vec::new(),
            foreign: None,
            policy: Vec::new(),
            config: Vec::new(),
            plugin: None,
            concurrency: 2,
            gateway_env: Vec::new(),
            log_levels: String::new(),
            backend_env: Vec::new(),
            database_url: None,
            signing_key: None,
            progress: |_| {},
        }
    }

    /// Listens on these ports.
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = Some(ports);
        self
    }

    /// Trusts one more development provider, under this name.
    pub fn provider(mut self, name: &str) -> Self {
        self.partners.push(name.to_owned());
        self
    }

    /// Trusts this provider, a Keycloak for one, instead of a development provider of its own.
    pub fn trusting(mut self, provider: impl Into<Location>) -> Self {
        self.foreign = Some(provider.into());
        self
    }

    /// Changes the policy. The stack's providers are in it already.
    pub fn policy(mut self, change: impl FnOnce(&mut Value) + Send + 'static) -> Self {
        self.policy.push(Box::new(change));
        self
    }

    /// Changes Envoy's configuration.
    pub fn envoy(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.config.push(Box::new(change));
        self
    }

    /// Runs this WebAssembly file instead of the plugin as shipped.
    pub fn plugin(mut self, file: impl Into<PathBuf>) -> Self {
        self.plugin = Some(file.into());
        self
    }

    /// Runs Envoy with so many workers.
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Adds to Envoy's environment.
    pub fn gateway_env(mut self, name: &str, value: &str) -> Self {
        self.gateway_env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets log levels of Envoy's components, as in `wasm:debug,http:trace`.
    pub fn log_levels(mut self, levels: &str) -> Self {
        levels.clone_into(&mut self.log_levels);
        self
    }

    /// Adds to the service's environment.
    pub fn backend_env(mut self, name: &str, value: &str) -> Self {
        self.backend_env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the service this database instead of a new SQLite file.
    pub fn database(mut self, url: &str) -> Self {
        self.database_url = Some(url.to_owned());
        self
    }

    /// Signs the hand-off with this seed (base64url, 32 bytes) instead of a new one.
    pub fn signing_key(mut self, seed: &str) -> Self {
        self.signing_key = Some(seed.to_owned());
        self
    }

    /// Is told what becomes ready.
    pub fn progress(mut self, progress: fn(&str)) -> Self {
        self.progress = progress;
        self
    }

    /// Starts the parts, each when what it needs is ready, and waits until a request is answered
    /// through all of them.
    ///
    /// # Errors
    /// A part is missing, does not start, or is not ready in time; those that were started have
    /// ended then.
    pub async fn start(self) -> Result<Stack> {
        let folder = Folder::empty(&self.name)?;
        let ports = self.ports.map_or_else(Ports::free, Ok)?;
        let mut policy = Policy::shipped()?;
        let mut config = Config::shipped()?;
        let plugin = self.plugin.map_or_else(artifacts::plugin, Ok)?;
        let signing_key = self.signing_key.unwrap_or_else(keys::secret);
        let public = SigningKey::from_seed_base64url(&signing_key);
        let public =
            public.map_err(|error| Error::Form(format!("the gateway's signing key: {error}")))?;

        let mut idps = Vec::new();
        let mut providers = Vec::new();
        let first = policy.first_provider()?;
        if let Some(foreign) = self.foreign {
            providers.push((first, foreign));
        } else {
            idps.push((first, Idp::start("dev-idp", ports.idp, &folder).await?));
        }
        for partner in self.partners {
            let idp = Idp::start(&format!("dev-idp-{partner}"), Port::free()?, &folder).await?;
            idps.push((partner, idp));
        }
        providers.extend(idps.iter().map(|(name, idp)| (name.clone(), idp.location())));
        (self.progress)("the identity provider is ready");

        let database_url = format!("sqlite://{}", folder.join("shop.db").display());
        let backend = Backend::start(backend::Settings {
            service: ports.backend,
            operations: ports.operations,
            database_url: self.database_url.unwrap_or(database_url),
            gateway_jwks: public.public_jwks().to_string(),
            env: self.backend_env,
            log: folder.join("backend.log"),
        })
        .await?;
        (self.progress)("the backend is ready");

        policy.trust(&providers)?;
        self.policy.into_iter().for_each(|change| change(&mut policy.0));
        let discovery = folder.join("portcullis.json");
        policy.publish(&plugin, &discovery)?;

        config.filter_from(&discovery)?;
        config.cluster("backend", backend.port())?;
        for (name, provider) in &providers {
            config.cluster(&cluster(name), provider.port)?;
        }
        self.config.into_iter().for_each(|change| change(&mut config));
        let mut env = self.gateway_env;
        env.push((policy.key_env().to_owned(), signing_key));
        let settings = Settings {
            gateway: ports.gateway,
            admin: ports.admin,
            concurrency: self.concurrency,
            env,
            log_levels: self.log_levels,
            under: Vec::new(),
            folder: folder.path().to_owned(),
        };
        let envoy = Envoy::start(config, settings).await?;
        let client = http::client(false)?;
        let mut stack = Stack { envoy, backend, idps, policy, plugin, discovery, client, folder };
        stack.answers().await?;
        (self.progress)("the gateway is ready");
        Ok(stack)
    }
}
