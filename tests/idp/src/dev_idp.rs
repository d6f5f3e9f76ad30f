//! A provider in this process: started on a free port, gone when dropped.
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::door::Door;
use crate::keys::KeyInfo;
use crate::mint::{Mint, sign};
use crate::provider::Provider;

/// How to start a provider. The default is right for tests: a free port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// Its issuer, an http or https URL; `http://` and the bound address if there is none. Its path leads all endpoints.
    pub issuer: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into(), issuer: None }
    }
}

/// Why a provider did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is taken, or the address is not of this machine.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for a free port")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
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
    /// Its `OpenID` document. Built on the issuer, as the two after it: reachable only if the issuer is.
    pub discovery_uri: String,
    /// Its keys.
    pub jwks_uri: String,
    /// Its token endpoint.
    pub token_endpoint: String,
    /// Said at every start.
    pub warning: String,
}

/// A running provider. It lives on the runtime that started it, and ends when dropped.
#[derive(Debug)]
pub struct DevIdp {
    provider: Arc<Provider>,
    address: SocketAddr,
    door: Door,
    _servers: JoinSet<io::Result<()>>,
}

impl DevIdp {
    /// Starts a provider with new keys, which takes up to a second of CPU.
    ///
    /// # Errors
    /// The address is taken, or the issuer is no URL.
    ///
    /// # Panics
    /// The system gives no randomness.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (listener, address) = bind(config.listen).await?;
        let issuer = config.issuer.unwrap_or_else(|| format!("http://{address}"));
        let provider =
            tokio::task::spawn_blocking(|| Provider::new(issuer)).await.expect("keys can be made")?;
        let provider = Arc::new(provider);
        let (door, serving) = Door::new(listener, crate::http::router(Arc::clone(&provider)));
        let mut servers = JoinSet::new();
        servers.spawn(serving);
        Ok(Self { provider, address, door, _servers: servers })
    }

    /// Where it is.
    pub fn ready(&self) -> Ready {
        Ready {
            address: self.address,
            issuer: self.issuer().to_owned(),
            discovery_uri: self.provider.discovery_uri(),
            jwks_uri: self.provider.jwks_uri(),
            token_endpoint: self.provider.token_endpoint(),
            warning: crate::WARNING.to_owned(),
        }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    /// Where its keys are.
    pub fn jwks_uri(&self) -> String {
        self.provider.jwks_uri()
    }

    /// The keys that there are, withdrawn ones too, oldest first.
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.provider.keys().list()
    }

    /// The JWKS as it is served without faults.
    pub fn jwks(&self) -> Value {
        self.provider.jwks()
    }

    /// A new key signs from now on for `alg` and its kin; the old one stays published. Answers the new key's id.
    ///
    /// # Panics
    /// `alg` is a symmetric one.
    #[track_caller]
    pub fn rotate(&self, alg: Algorithm) -> String {
        self.provider.rotate(alg, false).unwrap_or_else(|misuse| panic!("{misuse}"))
    }

    /// A new key signs from now on and takes the place of the old one in the JWKS, under the same id, which it answers.
    ///
    /// # Panics
    /// `alg` is a symmetric one.
    #[track_caller]
    pub fn rotate_under_same_kid(&self, alg: Algorithm) -> String {
        self.provider.rotate(alg, true).unwrap_or_else(|misuse| panic!("{misuse}"))
    }

    /// Takes a key out of the JWKS. It signs on if it is the current one.
    ///
    /// # Panics
    /// There is no such key.
    #[track_caller]
    pub fn withdraw(&self, kid: &str) {
        self.provider.keys().withdraw(kid).unwrap_or_else(|misuse| panic!("{misuse}"));
    }

    /// Takes every key but the current ones out of the JWKS, and tells which.
    pub fn withdraw_old(&self) -> Vec<String> {
        self.provider.keys().withdraw_old()
    }

    /// Closes the port: old connections end, new ones are refused by the kernel, as with a provider whose process is gone.
    pub async fn refuse_connections(&self) {
        self.door.set_open(false).await;
    }

    /// Opens the port again, with all keys as they were.
    pub async fn accept_connections(&self) {
        self.door.set_open(true).await;
    }

    /// Orders a token of that user or service.
    pub fn token(&self, user: &str) -> Mint<'_, Self> {
        Mint::new(self, Some(user))
    }

    /// Orders a token of nobody, with no claims but those that are set.
    pub fn blank_token(&self) -> Mint<'_, Self> {
        Mint::new(self, None)
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl Mint<'_, DevIdp> {
    /// The token, in compact form.
    ///
    /// # Panics
    /// The order makes no sense: an unknown user or key, or a key that the algorithm does not fit.
    #[track_caller]
    pub fn sign(self) -> String {
        sign(&self.provider.provider, &self.spec).unwrap_or_else(|misuse| panic!("{misuse}"))
    }
}
