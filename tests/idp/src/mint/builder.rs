//! The way tests order tokens: `idp.token("alice").expires_in(-60).without("aud").sign()`.
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{Signature, TokenSpec};
use crate::claims::now;

/// A token being ordered from `P`: a [`DevIdp`](crate::DevIdp) of this process or a
/// [`Control`](crate::Control) of another. `sign` ends it; of a `Control` it is asynchronous and
/// may fail.
#[derive(Clone, Debug)]
#[must_use = "a token comes from `sign`"]
pub struct Mint<'a, P> {
    pub(crate) provider: &'a P,
    pub(crate) spec: TokenSpec,
}

impl<'a, P> Mint<'a, P> {
    pub(crate) fn new(provider: &'a P, user: Option<&str>) -> Self {
        Self { provider, spec: TokenSpec { user: user.map(str::to_owned), ..TokenSpec::default() } }
    }

    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.spec.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.spec.without.push(name.to_owned());
        self
    }

    /// Sets the roles, where Keycloak has them: `realm_access.roles`.
    pub fn roles<'r>(self, roles: impl IntoIterator<Item = &'r str>) -> Self {
        let roles: Vec<_> = roles.into_iter().collect();
        self.claim("realm_access", json!({ "roles": roles }))
    }

    /// Sets `exp`, in seconds from now; below zero the token has ended.
    pub fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", now() + seconds)
    }

    /// Sets `nbf`, in seconds from now.
    pub fn valid_in(self, seconds: i64) -> Self {
        self.claim("nbf", now() + seconds)
    }

    /// Sets `iat`, in seconds from now; below zero the token is that old.
    pub fn issued_in(self, seconds: i64) -> Self {
        self.claim("iat", now() + seconds)
    }

    /// Signs this payload instead of the claims. It need not be JSON.
    pub fn raw_payload(mut self, payload: impl Into<String>) -> Self {
        self.spec.raw_payload = Some(payload.into());
        self
    }

    /// Sets a header parameter. `alg` set here is only said: [`Mint::alg`] chooses the signature.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.spec.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a header parameter out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.spec.without_header.push(name.to_owned());
        self
    }

    /// Signs with this header instead of one made from parameters. It need not be JSON.
    pub fn raw_header(mut self, header: impl Into<String>) -> Self {
        self.spec.raw_header = Some(header.into());
        self
    }

    /// Signs with this algorithm; RS256 if none is chosen.
    pub fn alg(mut self, alg: Algorithm) -> Self {
        self.spec.alg = Some(alg);
        self
    }

    /// Signs with this key, even if it is withdrawn.
    pub fn key(mut self, kid: impl Into<String>) -> Self {
        self.spec.kid = Some(kid.into());
        self
    }

    /// Signs in this way.
    pub fn signature(mut self, signature: Signature) -> Self {
        self.spec.signature = signature;
        self
    }
}
