//! A provider in this process: started on a free port, gone when dropped.
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::door::Door;
use crate::http::Controls;
use crate::provider::Provider;

/// How to start a provider. The default is right for tests: a free port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// Its issuer, an http or https URL; `http://` and the bound address if there is none. Its path
    /// leads all endpoints.
    pub issuer: Option<String>,
    /// Where its controls listen, on a loopback address; none if they are used from this process
    /// only.
    pub control: Option<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into(), issuer: None, control: None }
    }
}

/// Why a provider did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is taken, or the address is not of this machine.
    #[error(
        "cannot listen on {address}: {source}; choose another address, or port 0 for a free port"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever reaches the controls gets any token: only this machine may.
    #[error("the controls listen on a loopback address only, such as 127.0.0.1, not on {0}")]
    ControlNotLoopback(SocketAddr),
    /// The issuer is no issuer.
    #[error("the issuer `{0}` must be an http or https URL without query or fragment")]
    Issuer(String),
}

/// Where a started provider is: the line that `dev-idp` prints.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Its `OpenID` document. Built on the issuer, as the two after it: reachable only if the
    /// issuer is.
    pub discovery_uri: String,
    /// Its keys.
    pub jwks_uri: String,
    /// Its token endpoint.
    pub token_endpoint: String,
    /// Its controls, for [`Control::at`](crate::Control::at), if they listen.
    pub control: Option<String>,
    /// Said at every start.
    pub warning: String,
}

/// A running provider. It lives on the runtime that started it, and ends when dropped.
#[derive(Debug)]
pub struct DevIdp {
    controls: Controls,
    address: SocketAddr,
    control: Option<SocketAddr>,
    _servers: JoinSet<io::Result<()>>,
}

impl DevIdp {
    /// Starts a provider with new keys, which takes up to a second of CPU.
    ///
    /// # Errors
    /// An address is taken, the controls are not on a loopback address, or the issuer is no URL.
    ///
    /// # Panics
    /// The system gives no randomness.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (listener, address) = bind(config.listen).await?;
        let control = match config.control {
            Some(wanted) if !wanted.ip().is_loopback() => {
                return Err(StartError::ControlNotLoopback(wanted));
            }
            Some(wanted) => Some(bind(wanted).await?),
            None => None,
        };
        let issuer = config.issuer.unwrap_or_else(|| format!("http://{address}"));
        let made = tokio::task::spawn_blocking(|| Provider::new(issuer)).await;
        let provider = Arc::new(made.expect("keys can be made")?);

        let (door, serving) = Door::new(listener, crate::http::router(Arc::clone(&provider)));
        let controls = Controls { provider, door };
        let mut servers = JoinSet::new();
        servers.spawn(serving);
        let control = control.map(|(listener, address)| {
            servers.spawn(axum::serve(listener, controls.clone().router()).into_future());
            address
        });
        Ok(Self { controls, address, control, _servers: servers })
    }

    /// Where it is.
    pub fn ready(&self) -> Ready {
        Ready {
            address: self.address,
            issuer: self.issuer().to_owned(),
            discovery_uri: self.provider().discovery_uri(),
            jwks_uri: self.provider().jwks_uri(),
            token_endpoint: self.provider().token_endpoint(),
            control: self.control.map(|address| format!("http://{address}")),
            warning: crate::WARNING.to_owned(),
        }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        self.provider().issuer()
    }

    /// Where its keys are.
    pub fn jwks_uri(&self) -> String {
        self.provider().jwks_uri()
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.controls.provider
    }

    pub(crate) fn controls(&self) -> &Controls {
        &self.controls
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
