//! What a token shall say and how it shall be signed, as `POST /control/mint` reads it.
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An account's honest token, and what is changed about it before it is signed. Without an account,
/// no claim is there but those of `claims`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenSpec {
    /// The user or service whose claims it starts from.
    pub user: Option<String>,
    /// How long it lasts, in seconds; below zero it has ended already.
    pub lifetime: Option<i64>,
    /// Claims that are set, over the account's.
    pub claims: Map<String, Value>,
    /// Claims that are left out.
    pub without: Vec<String>,
    /// The payload instead of all claims, as text that need not be JSON.
    pub raw_payload: Option<String>,
    /// Header parameters that are set, over `alg`, `typ` and `kid`.
    pub header: Map<String, Value>,
    /// Header parameters that are left out.
    pub without_header: Vec<String>,
    /// The header instead of all parameters, as text that need not be JSON.
    pub raw_header: Option<String>,
    /// The algorithm that signs; RS256, or that of the key named.
    pub alg: Option<Algorithm>,
    /// The key that signs, even if it is withdrawn; the current one of the algorithm's kind if none
    /// is named.
    pub kid: Option<String>,
    /// Honest, or wrong in one of several ways.
    pub signature: Signature,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// With the key that the header names.
    #[default]
    Honest,
    /// Not at all: `alg` is `none`, the third part is empty (RFC 7518 3.6).
    None,
    /// Honestly, and the payload then replaced by one that makes its subject an admin.
    ChangedPayload,
    /// Honestly, and one bit of the signature then turned.
    ChangedSignature,
    /// With HS256, the secret being the PEM text of the public key (RFC 8725 2.1).
    PublicKeyAsSecret,
    /// With a key of the right kind that nobody knows, under the id of the one that the header
    /// names.
    Stranger,
}
