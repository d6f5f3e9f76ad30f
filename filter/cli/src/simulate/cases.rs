//! The table as written.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use portcullis_engine::clock::UnixTime;
use portcullis_engine::explain::{Explanation, Outcome, explain};
use portcullis_engine::policy::{Document, Provider};
use portcullis_engine::reason::Reason;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::diagnostics::quoted_role;
use crate::simulate::caller::{Ask, Carried, Stage, fill, of_roles};

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
        let unknown = |id: &str| {
            D::Error::custom(format_args!("`{id}` is neither `allow`, `refuse` nor a reason"))
        };
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

/// One case, decided.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The line of the table.
    pub line: usize,
    /// The request.
    pub request: String,
    /// Who asked.
    pub who: String,
    /// What was expected.
    pub expected: Expect,
    /// What came of it, and why; or why it could not be asked.
    pub came: Result<(Expect, Explanation), String>,
}

impl Decided {
    /// Whether it came as expected.
    pub fn passed(&self) -> bool {
        match (&self.came, self.expected) {
            (Ok((Expect::Reason(_), _)), Expect::Refuse) => true,
            (Ok((came, _)), expected) => *came == expected,
            (Err(_), _) => false,
        }
    }
}

/// Decides every case.
pub fn decide(
    stage: &mut Stage,
    document: &Document,
    cases: &Cases,
    now: UnixTime,
) -> Vec<Decided> {
    let mut decided = Vec::new();
    let mut tokens = HashMap::new();
    for (line, case) in cases.cases.iter().enumerate() {
        for request in &case.request.0 {
            for who in &case.who.0 {
                let time =
                    case.at.as_ref().or(cases.at.as_ref()).map_or(Ok(now), |at| clock::parse(at));
                let came = time.and_then(|time| {
                    let asked = Asked { case, request, caller: named(cases, who)?, time };
                    one(stage, document, &asked, &mut tokens)
                });
                let who = match who {
                    Who::Named(name) => name.clone(),
                    Who::Caller(caller) if caller.roles.is_empty() => {
                        "a caller without roles".to_owned()
                    }
                    Who::Caller(caller) => caller
                        .roles
                        .iter()
                        .map(|role| quoted_role(role))
                        .collect::<Vec<_>>()
                        .join(" & "),
                };
                decided.push(Decided {
                    line,
                    request: request.clone(),
                    who,
                    expected: case.expect,
                    came,
                });
            }
        }
    }
    decided
}

struct Asked<'a> {
    case: &'a Case,
    request: &'a str,
    caller: Option<Caller>,
    time: UnixTime,
}

/// The caller of that name; `None` has no token.
fn named(cases: &Cases, who: &Who) -> Result<Option<Caller>, String> {
    match who {
        Who::Caller(caller) => Ok(Some(Caller::clone(caller))),
        Who::Named(name) => match (cases.callers.get(name), name.as_str()) {
            (Some(caller), _) => Ok(Some(caller.clone())),
            (None, "anyone") => Ok(None),
            (None, "authenticated") => Ok(Some(Caller::default())),
            (None, name) => Err(format!(
                "`{name}` is no caller: name it in `callers`, or write `anyone` or `authenticated`"
            )),
        },
    }
}

fn one(
    stage: &mut Stage,
    document: &Document,
    asked: &Asked<'_>,
    tokens: &mut HashMap<String, String>,
) -> Result<(Expect, Explanation), String> {
    let (method, url) = asked
        .request
        .split_once(' ')
        .ok_or("a request is a method and a URL, as `GET /orders/7`")?;
    let mut ask = Ask::read(method, url.trim(), document)?;
    ask.headers = asked
        .case
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    let policy = stage.policy.clone();
    let mut carried = None;
    if let Some(caller) = &asked.caller {
        let (provider, mut claims) = claims(&policy, &ask, caller)?;
        let service =
            policy.service_of_host(ask.authority.as_bytes()).and_then(|id| policy.service(id));
        fill(provider, service.and_then(|service| service.audiences()), &mut claims, asked.time);
        let key = format!("{} {}", provider.name, serde_json::Value::Object(claims.clone()));
        let token = tokens.entry(key).or_insert_with(|| stage.token(provider, &claims));
        let source =
            policy.source(provider.source).ok_or("the provider's tokens come from nowhere")?;
        carried = Some(Carried { source, token });
    }
    let time = clock::at(asked.time);
    let explanation = stage.decide(&ask, carried, time, |policy, request, verdict, key| {
        explain(policy, request, verdict, Some(key), time)
    });
    let came = match &explanation.outcome {
        Outcome::Allow => Expect::Allow,
        Outcome::AllowInShadow(refusal) => Expect::Shadow(reason(refusal.reason)?),
        Outcome::Refuse(refusal) => Expect::Reason(reason(refusal.reason)?),
        Outcome::Wait { .. } => return Err("it waits for keys".to_owned()),
    };
    Ok((came, explanation))
}

fn reason(id: &str) -> Result<Reason, String> {
    Reason::ALL
        .iter()
        .copied()
        .find(|reason| reason.id() == id)
        .ok_or_else(|| format!("`{id}` is no reason"))
}

/// The caller's provider, and what a token must say for those roles.
fn claims<'p>(
    policy: &'p portcullis_engine::policy::Policy,
    ask: &Ask,
    caller: &Caller,
) -> Result<(&'p Provider, crate::simulate::caller::Claims), String> {
    let all = policy.providers();
    let candidates: Vec<&Provider> = if let Some(name) = &caller.provider {
        let named = all.iter().find(|provider| *provider.name == **name);
        vec![named.ok_or_else(|| format!("the policy has no provider `{name}`"))?]
    } else {
        let service =
            policy.service_of_host(ask.authority.as_bytes()).and_then(|id| policy.service(id));
        match service {
            Some(service) => {
                service.providers().iter().filter_map(|id| policy.provider(*id)).collect()
            }
            None => all.iter().collect(),
        }
    };
    let mut why = "the service accepts nobody's tokens".to_owned();
    for provider in candidates {
        match of_roles(provider, &caller.roles) {
            Ok(mut claims) => {
                // what is said by hand is said last
                claims.extend(caller.claims.clone());
                return Ok((provider, claims));
            }
            Err(error) => why = error,
        }
    }
    Err(why)
}
