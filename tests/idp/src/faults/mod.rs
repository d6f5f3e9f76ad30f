//! How the provider can be made to fail, and how often it is asked.
mod counts;
pub(crate) mod keys;
mod script;

use axum::http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::Misuse;
pub use counts::{Counts, Fetches};
pub(crate) use script::Scripts;

/// One of the three places where clients ask the provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The `OpenID` document.
    Discovery,
    /// The key set.
    Jwks,
    /// The token endpoint.
    Token,
}

/// What goes wrong at one endpoint, as it does with real providers. For a port that refuses
/// connections see [`DevIdp::refuse_connections`](crate::DevIdp::refuse_connections).
///
/// As JSON: `"down"`, `{"slow": {"ms": 1500}}`, `"500"`, `"html"`, `"cut"`, `"wrong-content-type"`,
/// `{"oversize": {"bytes": 2097152}}`, `"empty-keys"`, `{"many-keys": {"count": 200}}`,
/// `"broken-key-among-good"`,
/// `{"answer": {"status": 200, "content_type": "application/json", "body": "…"}}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The connection is closed without an answer.
    Down,
    /// The right answer comes late.
    Slow {
        /// How late, in milliseconds.
        ms: u64,
    },
    /// 500 with a body of plain text.
    #[serde(rename = "500")]
    ServerError,
    /// 200 with a page for people, as from a captive portal.
    Html,
    /// The connection ends in the middle of the right answer, short of its `Content-Length`.
    Cut,
    /// The right answer as `text/plain`.
    WrongContentType,
    /// The right answer with a member `padding` of that length beside it.
    Oversize {
        /// Length of the padding.
        bytes: usize,
    },
    /// A key set without keys. At [`Endpoint::Jwks`] only, as the two after it.
    EmptyKeys,
    /// Keys of strangers before the right ones, so that there are so many in all.
    ManyKeys {
        /// How many keys the set has, unless the right ones alone are more.
        count: usize,
    },
    /// Keys that cannot be read or must not be used before the right ones.
    BrokenKeyAmongGood,
    /// This answer instead of the right one.
    Answer(Answer),
}

impl Fault {
    /// Answers 200 with this JSON.
    pub fn json(body: &serde_json::Value) -> Self {
        let content_type = "application/json".to_owned();
        Self::Answer(Answer { status: 200, content_type, body: body.to_string() })
    }

    /// Whether it can happen at `endpoint`.
    fn check(&self, endpoint: Endpoint) -> Result<(), Misuse> {
        match self {
            Self::EmptyKeys | Self::ManyKeys { .. } | Self::BrokenKeyAmongGood
                if endpoint != Endpoint::Jwks =>
            {
                Err(Misuse::NoKeySet)
            }
            Self::Answer(Answer { status, content_type, .. }) => {
                StatusCode::from_u16(*status).map_err(|_| Misuse::NotAStatus(*status))?;
                check_header(content_type)
            }
            _ => Ok(()),
        }
    }
}

/// A whole answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status, from 100 to 999.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// What an endpoint says of how long its answers stay fresh (RFC 9111 5.2 and 5.3): nothing by
/// default.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caching {
    /// `Cache-Control`, such as `max-age=5`.
    pub cache_control: Option<String>,
    /// `Expires`, as an HTTP date or whatever a bad provider writes.
    pub expires: Option<String>,
}

impl Caching {
    fn check(&self) -> Result<(), Misuse> {
        [&self.cache_control, &self.expires]
            .into_iter()
            .flatten()
            .try_for_each(|value| check_header(value))
    }
}

fn check_header(value: &str) -> Result<(), Misuse> {
    HeaderValue::from_str(value).map(drop).map_err(|_| Misuse::NotAHeader(value.to_owned()))
}
