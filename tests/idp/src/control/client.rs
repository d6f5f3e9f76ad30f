//! The controls of a provider in another process: the verbs of [`DevIdp`](crate::DevIdp), over
//! HTTP.
use jsonwebtoken::Algorithm;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::words::{
    Connections, Minted, Rotate, Rotated, SetCaching, SetFault, Withdraw, Withdrawn,
};
use crate::{Caching, Counts, Endpoint, Fault, KeyInfo, Mint};

/// The controls of a `dev-idp` that was started with `--control`, and what `curl` sends for the
/// same (JSON; a mistake is 400 or 422, in words):
///
/// | path | body | answer |
/// |---|---|---|
/// | `GET /control/keys` | | a list of [`KeyInfo`] |
/// | `GET /control/counts` | | [`Counts`] |
/// | `POST /control/rotate` | `{"alg": "RS256", "same_kid": false}` | `{"kid": "…"}` of the new key |
/// | `POST /control/withdraw` | `{"kid": "…"}` or `"old"` | `{"withdrawn": ["…"]}` |
/// | `POST /control/mint` | a [`TokenSpec`](crate::TokenSpec): `{"user": "alice", "lifetime": -60, "without": ["aud"]}` | `{"token": "…"}` |
/// | `POST /control/fault` | `{"endpoint": "jwks", "fault": "down", "times": 3}`; see [`Fault`]; without one the fault ends | |
/// | `POST /control/caching` | `{"endpoint": "jwks", "caching": {"cache_control": "max-age=5", "expires": "…"}}` | |
/// | `POST /control/connections` | `{"accept": false}` | |
/// | `POST /control/reset` | `null` | |
#[derive(Clone, Debug)]
pub struct Control {
    url: String,
    http: reqwest::Client,
}

/// Why a control did nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The provider is gone, or was started without `--control`, or this is not its control
    /// address.
    #[error(
        "the provider's controls do not answer: is this the address `control` of its first line?"
    )]
    Unreachable(#[from] reqwest::Error),
    /// What was asked makes no sense: a [`Misuse`](crate::Misuse), in words.
    #[error("the provider does not do this: {0}")]
    Refused(String),
}

type Result<T> = std::result::Result<T, ControlError>;

/// Every verb fails if the controls do not answer or what is asked makes no sense.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl Control {
    /// The controls at `url`, as [`Ready::control`](crate::Ready::control) says it.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), http: reqwest::Client::new() }
    }

    /// Orders a token of that user or service.
    pub fn token(&self, user: &str) -> Mint<'_, Self> {
        Mint::new(self, Some(user))
    }

    /// Orders a token of nobody, with no claims but those that are set.
    pub fn blank_token(&self) -> Mint<'_, Self> {
        Mint::new(self, None)
    }

    /// The keys that there are, withdrawn ones too, oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyInfo>> {
        self.get("keys").await
    }

    /// A new key signs from now on for `alg` and its kin; the old one stays published. Answers the
    /// new key's id.
    pub async fn rotate(&self, alg: Algorithm) -> Result<String> {
        let Rotated { kid } = self.post("rotate", &Rotate { alg, same_kid: false }).await?;
        Ok(kid)
    }

    /// A new key signs from now on and takes the place of the old one in the JWKS, under the same
    /// id, which it answers.
    pub async fn rotate_under_same_kid(&self, alg: Algorithm) -> Result<String> {
        let Rotated { kid } = self.post("rotate", &Rotate { alg, same_kid: true }).await?;
        Ok(kid)
    }

    /// Takes a key out of the JWKS. It signs on if it is the current one.
    pub async fn withdraw(&self, kid: &str) -> Result<()> {
        let Withdrawn { .. } = self.post("withdraw", &Withdraw::Kid(kid.to_owned())).await?;
        Ok(())
    }

    /// Takes every key but the current ones out of the JWKS, and tells which.
    pub async fn withdraw_old(&self) -> Result<Vec<String>> {
        let Withdrawn { withdrawn } = self.post("withdraw", &Withdraw::Old).await?;
        Ok(withdrawn)
    }

    /// Every request to `endpoint` meets `fault` from now on.
    pub async fn fault(&self, endpoint: Endpoint, fault: Fault) -> Result<()> {
        self.post("fault", &SetFault { endpoint, fault: Some(fault), times: None }).await
    }

    /// The next `times` requests to `endpoint` meet `fault`, and no later one.
    pub async fn fault_times(&self, endpoint: Endpoint, fault: Fault, times: u32) -> Result<()> {
        self.post("fault", &SetFault { endpoint, fault: Some(fault), times: Some(times) }).await
    }

    /// Ends the fault of `endpoint`.
    pub async fn heal(&self, endpoint: Endpoint) -> Result<()> {
        self.post("fault", &SetFault { endpoint, fault: None, times: None }).await
    }

    /// What the answers of `endpoint` say of their freshness from now on.
    pub async fn caching(&self, endpoint: Endpoint, caching: Caching) -> Result<()> {
        self.post("caching", &SetCaching { endpoint, caching }).await
    }

    /// Closes the port: old connections end, new ones are refused by the kernel. The controls stay.
    pub async fn refuse_connections(&self) -> Result<()> {
        self.post("connections", &Connections { accept: false }).await
    }

    /// Opens the port again, with all keys as they were.
    pub async fn accept_connections(&self) -> Result<()> {
        self.post("connections", &Connections { accept: true }).await
    }

    /// How often each endpoint was asked, and when.
    pub async fn counts(&self) -> Result<Counts> {
        self.get("counts").await
    }

    /// Opens the port, ends all faults and caching, and counts from zero. Keys stay as they are.
    pub async fn reset(&self) -> Result<()> {
        self.post("reset", &()).await
    }

    async fn get<T: DeserializeOwned>(&self, verb: &str) -> Result<T> {
        self.answer(self.http.get(self.verb(verb))).await
    }

    async fn post<T: DeserializeOwned>(&self, verb: &str, body: &impl Serialize) -> Result<T> {
        self.answer(self.http.post(self.verb(verb)).json(body)).await
    }

    fn verb(&self, verb: &str) -> String {
        format!("{}/control/{verb}", self.url)
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T> {
        let response = request.send().await?;
        if response.status().is_success() {
            return Ok(response.json().await?);
        }
        Err(ControlError::Refused(response.text().await?))
    }
}

impl Mint<'_, Control> {
    /// The token, in compact form.
    ///
    /// # Errors
    /// The controls do not answer, or the order makes no sense.
    pub async fn sign(self) -> Result<String> {
        let Minted { token } = self.provider.post("mint", &self.spec).await?;
        Ok(token)
    }
}
