//! The provider itself, which the endpoints show and the controls change.
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::directory::Account;
use crate::faults::Scripts;
use crate::keys::{KeyKind, KeyRing, SigningKey};
use crate::{Misuse, StartError, claims};

/// Shared by all endpoints.
pub(crate) struct Provider {
    issuer: String,
    path: String,
    keys: Mutex<KeyRing>,
    scripts: Mutex<Scripts>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// A provider with new keys.
    ///
    /// # Errors
    /// `issuer` is not an http or https URL without query.
    pub(crate) fn new(issuer: String) -> Result<Self, StartError> {
        let path = issuer_path(&issuer).ok_or_else(|| StartError::Issuer(issuer.clone()))?;
        Ok(Self {
            issuer,
            path,
            keys: Mutex::new(KeyRing::generate()),
            scripts: Mutex::new(Scripts::new()),
        })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The path under which this issuer's endpoints are; empty if it has none.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn jwks_uri(&self) -> String {
        format!("{}/jwks", self.base())
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/token", self.base())
    }

    pub(crate) fn discovery_uri(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.base())
    }

    /// The issuer as other addresses are built on it: without a final slash (`OpenID` Connect
    /// Discovery 4.1).
    fn base(&self) -> &str {
        self.issuer.trim_end_matches('/')
    }

    /// `OpenID` Connect Discovery 3. There is nothing to browse to, hence no
    /// `authorization_endpoint`.
    pub(crate) fn discovery(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": self.jwks_uri(),
            "token_endpoint": self.token_endpoint(),
            "grant_types_supported": ["password", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
        })
    }

    pub(crate) fn jwks(&self) -> Value {
        self.keys().jwks()
    }

    /// A new key signs from now on for the kind of `alg`; the old one stays published, unless the
    /// new one takes its id. Answers the new key's id.
    pub(crate) fn rotate(&self, alg: Algorithm, same_kid: bool) -> Result<String, Misuse> {
        let kind = KeyKind::of(alg).ok_or(Misuse::NoKeyFor(alg))?;
        let mut key = SigningKey::generate(kind);
        let mut keys = self.keys();
        if same_kid {
            key = key.under_kid(keys.current(kind).kid());
        }
        let new = key.kid().to_owned();
        keys.rotate(key);
        Ok(new)
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        locked(&self.keys)
    }

    pub(crate) fn scripts(&self) -> MutexGuard<'_, Scripts> {
        locked(&self.scripts)
    }

    /// The claims of an honest token for `account`.
    pub(crate) fn claims(
        &self,
        account: Account,
        scope: &str,
        lifetime: i64,
    ) -> serde_json::Map<String, Value> {
        claims::access_token(&self.issuer, account, scope, lifetime)
    }
}

/// Nothing here panics half way through a change, so what a poisoned lock holds is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn issuer_path(issuer: &str) -> Option<String> {
    let uri: axum::http::Uri = issuer.parse().ok()?;
    let web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    (web && !issuer.contains(['?', '#'])).then(|| uri.path().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_web_address_and_its_path_leads_the_endpoints() {
        for (issuer, path) in [
            ("http://127.0.0.1:8090", Some("")),
            ("https://idp.example/", Some("")),
            ("https://idp.example/realms/shop", Some("/realms/shop")),
            ("https://idp.example/realms/shop/", Some("/realms/shop")),
            ("https://idp.example/?realm=shop", None),
            ("https://idp.example/#shop", None),
            ("ftp://idp.example", None),
            ("idp.example", None),
            ("", None),
        ] {
            assert_eq!(issuer_path(issuer).as_deref(), path, "{issuer:?}");
        }
    }
}
