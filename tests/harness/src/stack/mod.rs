//! The whole chain on one machine: provider, gateway, service, each a process, on free ports.
//!
//! ```no_run
//! # async fn example() -> harness::Result<()> {
//! use harness::stack::Stack;
//!
//! let stack = Stack::named("reading").start().await?;
//! let alice = stack.token("alice").await?;
//! let answer = stack.get("/orders").bearer_auth(alice).send().await?;
//! assert_eq!(answer.status(), 200);
//! # Ok(()) }
//! ```
mod backend;
mod builder;
mod policy;
mod provider;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use self::policy::Policy;
use crate::envoy::{Envoy, Stats};
use crate::folder::Folder;
use crate::http::{RawReply, raw};
use crate::process::eventually;
use crate::{Error, Result};

pub use self::backend::Backend;
pub use self::builder::{Builder, Ports};
pub use self::provider::{Idp, Location};

/// How long a change of the policy may take to reach Envoy.
const RELOAD: Duration = Duration::from_secs(30);

/// A running stack. Its parts end when it is dropped, the gateway first; its logs stay in its
/// folder.
#[derive(Debug)]
pub struct Stack {
    envoy: Envoy,
    backend: Backend,
    idps: Vec<(String, Idp)>,
    policy: Policy,
    plugin: PathBuf,
    discovery: PathBuf,
    client: reqwest::Client,
    folder: Folder,
}

impl Stack {
    /// A stack to be started. Its logs go to `target/stacks/<name>`.
    pub fn named(name: &str) -> Builder {
        Builder::new(name)
    }

    /// The URL of `path` at the gateway.
    pub fn url(&self, path: &str) -> String {
        self.envoy.url() + path
    }

    /// A request to the gateway.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A `GET` to the gateway.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A `POST` to the gateway.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A `PUT` to the gateway.
    pub fn put(&self, path: &str) -> RequestBuilder {
        self.request(Method::PUT, path)
    }

    /// A request to the service itself, past the gateway.
    pub fn past_the_gateway(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.backend.url() + path)
    }

    /// Sends bytes to the gateway as they are, on a connection of their own, and reads until it is
    /// closed.
    ///
    /// # Errors
    /// No connection, or no end.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> Result<RawReply> {
        raw(SocketAddr::from(([127, 0, 0, 1], self.envoy.port())), request.as_ref()).await
    }

    /// A token of a demo user or service, as a client gets it from the first development provider.
    ///
    /// # Errors
    /// As [`Idp::login`]; the stack has no development provider.
    pub async fn token(&self, name: &str) -> Result<String> {
        self.first_idp()?.login(name).await
    }

    /// The first development provider.
    ///
    /// # Panics
    /// The stack trusts another provider instead.
    pub fn idp(&self) -> &Idp {
        self.first_idp().expect("a development provider")
    }

    /// The development provider that was added under this name.
    ///
    /// # Panics
    /// None was.
    pub fn idp_named(&self, name: &str) -> &Idp {
        let found = self.idps.iter().find(|(known, _)| known == name);
        &found.expect("a provider of that name").1
    }

    /// The gateway.
    pub fn envoy(&self) -> &Envoy {
        &self.envoy
    }

    /// The gateway, to end or restart it.
    pub fn envoy_mut(&mut self) -> &mut Envoy {
        &mut self.envoy
    }

    /// The service.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The service, to end or restart it.
    pub fn backend_mut(&mut self) -> &mut Backend {
        &mut self.backend
    }

    /// Where the stack's configuration, logs and database are.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The policy document that the gateway was given last.
    pub fn policy(&self) -> &Value {
        &self.policy.0
    }

    /// Envoy's counters and gauges, as they are now.
    ///
    /// # Errors
    /// The admin interface does not answer.
    pub async fn stats(&self) -> Result<Stats> {
        self.envoy.stats().await
    }

    /// How many requests the gateway has sent to the service.
    ///
    /// # Errors
    /// The admin interface does not answer.
    pub async fn requests_passed(&self) -> Result<u64> {
        Ok(self.stats().await?.get("cluster.backend.upstream_rq_total"))
    }

    /// Gives the running gateway a changed policy, and waits until it has taken it.
    ///
    /// # Errors
    /// The gateway refused it, and goes on with the old one; or it does not say.
    pub async fn change_policy(&mut self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut policy = self.policy.clone();
        change(&mut policy.0);
        let before = self.updates().await?;
        policy.publish(&self.plugin, &self.discovery)?;
        let taken = eventually("the new policy", RELOAD, async || {
            let now = self.updates().await.ok()?;
            (now != before).then_some(now.rejected == before.rejected)
        });
        if !taken.await? {
            return Err(self.refused());
        }
        self.policy = policy;
        Ok(())
    }

    /// Waits until one of the parts ends by itself, and says which.
    pub async fn part_that_ends(&mut self) -> Error {
        loop {
            let idps = self.idps.iter_mut().map(|(_, idp)| idp.process_mut());
            let mut parts =
                [self.envoy.process_mut(), self.backend.process_mut()].into_iter().chain(idps);
            if let Some(error) = parts.find_map(|part| part.alive().err()) {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn first_idp(&self) -> Result<&Idp> {
        let none = || Error::Form("this stack has no development provider".to_owned());
        self.idps.first().map(|(_, idp)| idp).ok_or_else(none)
    }

    /// Waits until the filter answers: Envoy's own 500 is what a listener says whose filter has no
    /// configuration.
    async fn answers(&mut self) -> Result<()> {
        if self.updates().await?.rejected > 0 {
            return Err(self.refused());
        }
        let request = self.get("/");
        let answered = async || {
            let answer = request.try_clone()?.send().await.ok()?;
            (answer.status() != 500).then_some(())
        };
        self.envoy.process_mut().ready(RELOAD, async || answered().await.is_some()).await
    }

    /// What became of the filter's configurations so far.
    async fn updates(&self) -> Result<Updates> {
        let stats = self.envoy.stats().await?;
        let count = |name: &str| {
            stats.get(&format!("extension_config_discovery.http_filter.portcullis.update_{name}"))
        };
        Ok(Updates { taken: count("success"), rejected: count("rejected") })
    }

    fn refused(&self) -> Error {
        Error::Form(format!("the gateway refused the policy{}", self.envoy.process().log().tail()))
    }
}

/// How many configurations of the filter Envoy has taken and refused.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Updates {
    taken: u64,
    rejected: u64,
}
