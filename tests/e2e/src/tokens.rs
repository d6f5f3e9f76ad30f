//! Where honest tokens come from: the suites are written once, for every provider that gives them.
use async_trait::async_trait;
use harness::keycloak::Keycloak;
use harness::stack::Idp;

/// A provider that knows the demo users and services.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// An access token as a client of `who` gets it.
    async fn token(&self, who: &str) -> harness::Result<String>;
}

#[async_trait]
impl Tokens for Idp {
    async fn token(&self, who: &str) -> harness::Result<String> {
        self.login(who).await
    }
}

#[async_trait]
impl Tokens for Keycloak {
    async fn token(&self, who: &str) -> harness::Result<String> {
        Self::token(self, who).await
    }
}
