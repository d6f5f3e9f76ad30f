//! The gateway's side: people, and the assertions that it mints for them. Tests have no other way
//! to get a principal, either.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use portcullis_principal::{
    Assertion, AssertionVerifier, Endpoint, Principal, PrincipalId, SigningKey,
};

pub const PROVIDER: &str = "https://idp.example/realms/shop";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| key(7));

/// A key of the gateway. The default key has seed 7.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed_base64url(&BASE64URL.encode([seed; 32])).unwrap()
}

pub fn public_jwks() -> String {
    KEY.public_jwks().to_string()
}

pub fn verifier() -> AssertionVerifier {
    AssertionVerifier::from_jwks(&public_jwks(), "portcullis", "shop").unwrap()
}

/// A person with a token.
#[derive(Clone, Debug)]
pub struct Person {
    pub issuer: String,
    pub subject: String,
    pub roles: Vec<String>,
}

impl Person {
    pub fn new(subject: &str, roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Self { issuer: PROVIDER.to_owned(), subject: subject.to_owned(), roles }
    }

    pub fn customer(subject: &str) -> Self {
        Self::new(subject, &["customer"])
    }

    pub fn seller(subject: &str) -> Self {
        Self::new(subject, &["seller"])
    }

    pub fn admin(subject: &str) -> Self {
        Self::new(subject, &["admin"])
    }

    /// The same subject at another issuer: another person.
    pub fn of(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    pub fn id(&self) -> PrincipalId {
        PrincipalId::new(&*self.issuer, &*self.subject)
    }

    pub fn assertion(&self, method: &str, row: &str) -> String {
        self.assertion_for(method, row, "shop", unix_time())
    }

    pub fn assertion_for(&self, method: &str, row: &str, audience: &str, issued_at: u64) -> String {
        self.minted(&KEY, method, row, audience, issued_at)
    }

    /// Mints an assertion with this key.
    pub fn assertion_by(&self, key: &SigningKey, method: &str, row: &str) -> String {
        self.minted(key, method, row, "shop", unix_time())
    }

    fn minted(
        &self,
        key: &SigningKey,
        method: &str,
        row: &str,
        audience: &str,
        issued_at: u64,
    ) -> String {
        let assertion = Assertion {
            issuer: "portcullis",
            audience,
            issued_at,
            expires_at: issued_at + 60,
            subject: &self.subject,
            subject_issuer: &self.issuer,
            roles: &self.roles,
            token_id: None,
            method,
            row,
        };
        assertion.mint(key).unwrap()
    }

    /// Returns the principal of a minted and verified assertion, for tests without HTTP.
    pub fn principal(&self) -> Principal {
        let now = unix_time();
        let assertion = self.assertion("GET", "/");
        verifier().verify(&assertion, Endpoint { method: "GET", route: "/" }, now).unwrap()
    }
}

pub fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
