//! Who somebody is.

use std::fmt;

/// The identity that is stored and compared: a subject is unique within its issuer only (OpenID
/// Connect Core 5.7), so it is always the two together.
///
/// It is a name, not a proof: anybody may write one down. The proof is [`Principal`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalId {
    issuer: String,
    subject: String,
}

impl PrincipalId {
    /// Names `subject` of `issuer`.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), subject: subject.into() }
    }

    /// The provider that vouches for the subject: the `iss` of its tokens, byte for byte.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The subject within that issuer.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.subject, self.issuer)
    }
}

/// The authenticated caller of this very request. It comes only out of
/// [`AssertionVerifier::verify`](crate::AssertionVerifier::verify), so whoever holds one has
/// verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    id: PrincipalId,
    roles: Vec<String>,
    token_id: Option<String>,
}

impl Principal {
    pub(crate) fn verified(id: PrincipalId, roles: Vec<String>, token_id: Option<String>) -> Self {
        Self { id, roles, token_id }
    }

    /// What to store and compare.
    pub fn id(&self) -> &PrincipalId {
        &self.id
    }

    /// The provider that vouches for the subject, not the gateway.
    pub fn issuer(&self) -> &str {
        self.id.issuer()
    }

    /// The subject within that issuer.
    pub fn subject(&self) -> &str {
        self.id.subject()
    }

    /// The plain list that the gateway's policy made of the token's claims.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The `jti` of the client's token, if it had one.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }
}
