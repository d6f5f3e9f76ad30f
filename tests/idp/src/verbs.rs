//! What a test does to a provider of its own process. [`Control`](crate::Control) has the same
//! verbs over HTTP.
use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::faults::{Caching, Counts, Endpoint, Fault};
use crate::keys::KeyInfo;
use crate::mint::{Mint, sign};
use crate::{DevIdp, Misuse};

/// A verb that makes no sense, such as a key that there is not, panics with the [`Misuse`]: the
/// mistake is the test's.
#[allow(clippy::missing_panics_doc, reason = "said once, above")]
impl DevIdp {
    /// Orders a token of that user or service.
    pub fn token(&self, user: &str) -> Mint<'_, Self> {
        Mint::new(self, Some(user))
    }

    /// Orders a token of nobody, with no claims but those that are set.
    pub fn blank_token(&self) -> Mint<'_, Self> {
        Mint::new(self, None)
    }

    /// The keys that there are, withdrawn ones too, oldest first.
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.provider().keys().list()
    }

    /// The JWKS as it is served without faults.
    pub fn jwks(&self) -> Value {
        self.provider().jwks()
    }

    /// The `OpenID` document as it is served without faults.
    pub fn discovery(&self) -> Value {
        self.provider().discovery()
    }

    /// A new key signs from now on for `alg` and its kin; the old one stays published. Answers the
    /// new key's id.
    #[track_caller]
    pub fn rotate(&self, alg: Algorithm) -> String {
        sensible(self.provider().rotate(alg, false))
    }

    /// A new key signs from now on and takes the place of the old one in the JWKS, under the same
    /// id, which it answers.
    #[track_caller]
    pub fn rotate_under_same_kid(&self, alg: Algorithm) -> String {
        sensible(self.provider().rotate(alg, true))
    }

    /// Takes a key out of the JWKS. It signs on if it is the current one.
    #[track_caller]
    pub fn withdraw(&self, kid: &str) {
        sensible(self.provider().keys().withdraw(kid));
    }

    /// Takes every key but the current ones out of the JWKS, and tells which.
    pub fn withdraw_old(&self) -> Vec<String> {
        self.provider().keys().withdraw_old()
    }

    /// Every request to `endpoint` meets `fault` from now on.
    #[track_caller]
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        sensible(self.provider().scripts().fault(endpoint, fault, None));
    }

    /// The next `times` requests to `endpoint` meet `fault`, and no later one.
    #[track_caller]
    pub fn fault_times(&self, endpoint: Endpoint, fault: Fault, times: u32) {
        sensible(self.provider().scripts().fault(endpoint, fault, Some(times)));
    }

    /// Ends the fault of `endpoint`.
    pub fn heal(&self, endpoint: Endpoint) {
        self.provider().scripts().heal(endpoint);
    }

    /// What the answers of `endpoint` say of their freshness from now on.
    #[track_caller]
    pub fn caching(&self, endpoint: Endpoint, caching: Caching) {
        sensible(self.provider().scripts().caching(endpoint, caching));
    }

    /// Closes the port: old connections end, new ones are refused by the kernel, as with a provider
    /// whose process is gone.
    pub async fn refuse_connections(&self) {
        self.controls().door.set_open(false).await;
    }

    /// Opens the port again, with all keys as they were.
    pub async fn accept_connections(&self) {
        self.controls().door.set_open(true).await;
    }

    /// How often each endpoint was asked, and when.
    pub fn counts(&self) -> Counts {
        self.provider().scripts().counts()
    }

    /// Opens the port, ends all faults and caching, and counts from zero. Keys stay as they are.
    pub async fn reset(&self) {
        self.controls().reset().await;
    }
}

impl Mint<'_, DevIdp> {
    /// The token, in compact form.
    ///
    /// # Panics
    /// The order makes no sense: an unknown user or key, or a key that the algorithm does not fit.
    #[track_caller]
    pub fn sign(self) -> String {
        sensible(sign(self.provider.provider(), &self.spec))
    }
}

#[track_caller]
fn sensible<T>(outcome: Result<T, Misuse>) -> T {
    outcome.unwrap_or_else(|misuse| panic!("{misuse}"))
}
