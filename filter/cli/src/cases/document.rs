//! The table as written.

use std::collections::BTreeMap;
use std::fmt;

use portcullis_engine::reason::Reason;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A file of cases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// The time that all cases are decided at, unless they say their own; the present by default.
    #[serde(default)]
    pub at: Option<String>,
    /// Callers by name. `anyone` has no token, and `authenticated` a good one without roles.
    #[serde(default)]
    pub callers: BTreeMap<String, Caller>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// A caller with a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// Whose token it is; the first provider of the service that can yield the roles by default.
    #[serde(default)]
    pub provider: Option<String>,
    /// The roles, as the role table calls them.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What the token says besides; what a good token says is filled in.
    #[serde(default)]
    pub claims: serde_json::Map<String, Value>,
}

/// One line of the table. Several requests, or several callers, are several cases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Method and URL, as `GET /orders/7`.
    pub request: Some1<String>,
    /// Who asks.
    #[serde(rename = "as")]
    pub who: Some1<Who>,
    /// What must come of it.
    pub expect: Expect,
    /// Headers more.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The time that it is decided at.
    #[serde(default)]
    pub at: Option<String>,
}

/// A caller by name, or on the spot.
#[derive(Clone, Debug)]
pub enum Who {
    /// By name.
    Named(String),
    /// On the spot.
    Caller(Box<Caller>),
}

/// One or several.
#[derive(Clone, Debug)]
pub struct Some1<T>(pub Vec<T>);

/// What must come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It goes on.
    Allow,
    /// It ends, for whatever reason.
    Refuse,
    /// It ends for this reason.
    Reason(Reason),
    /// It goes on, but only because of the shadow mode.
    Shadow(Reason),
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Shadow { shadow: String },
        }
        let reason = |id: &str| Reason::ALL.iter().copied().find(|reason| reason.id() == id);
        let unknown =
            |id: &str| D::Error::custom(format_args!("`{id}` is neither `allow`, `refuse` nor a reason"));
        match Written::deserialize(deserializer) {
            Ok(Written::Word(word)) => match word.as_str() {
                "allow" => Ok(Self::Allow),
                "refuse" => Ok(Self::Refuse),
                id => reason(id).map(Self::Reason).ok_or_else(|| unknown(id)),
            },
            Ok(Written::Shadow { shadow }) => {
                reason(&shadow).map(Self::Shadow).ok_or_else(|| unknown(&shadow))
            }
            Err(_) => Err(D::Error::custom(
                "`expect` is `allow`, `refuse`, the id of a reason, or `{ shadow: REASON }`",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self::Named(name)),
            other => Caller::deserialize(other)
                .map(|caller| Self::Caller(Box::new(caller)))
                .map_err(D::Error::custom),
        }
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Some1<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let many = match Value::deserialize(deserializer)? {
            Value::Array(items) => items,
            one => vec![one],
        };
        let items = many.into_iter().map(|item| T::deserialize(item).map_err(D::Error::custom));
        items.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Refuse => f.write_str("refuse"),
            Self::Reason(reason) => write!(f, "refuse, {reason}"),
            Self::Shadow(reason) => write!(f, "allow in shadow, {reason}"),
        }
    }
}

impl Serialize for Expect {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
