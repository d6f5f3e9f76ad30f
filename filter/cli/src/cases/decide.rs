//! The table decided.

use std::collections::HashMap;

use portcullis_engine::clock::UnixTime;
use portcullis_engine::explain::{Explanation, Outcome, explain};
use portcullis_engine::policy::{Document, Provider};
use portcullis_engine::reason::Reason;

use super::document::{Caller, Case, Cases, Expect, Who};
use crate::access::told;
use crate::caller::{Ask, Carried, Stage, fill, of_roles};
use crate::clock;

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
pub fn decide(stage: &mut Stage, document: &Document, cases: &Cases, now: UnixTime) -> Vec<Decided> {
    let mut decided = Vec::new();
    let mut tokens = HashMap::new();
    for (line, case) in cases.cases.iter().enumerate() {
        for request in &case.request.0 {
            for who in &case.who.0 {
                let time = case.at.as_ref().or(cases.at.as_ref()).map_or(Ok(now), |at| clock::parse(at));
                let came = time.and_then(|time| {
                    let asked = Asked { case, request, caller: named(cases, who)?, time };
                    one(stage, document, &asked, &mut tokens)
                });
                let who = match who {
                    Who::Named(name) => name.clone(),
                    Who::Caller(caller) if caller.roles.is_empty() => "a caller without roles".to_owned(),
                    Who::Caller(caller) => {
                        caller.roles.iter().map(|role| told(role)).collect::<Vec<_>>().join(" & ")
                    }
                };
                decided.push(Decided { line, request: request.clone(), who, expected: case.expect, came });
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
    let (method, url) =
        asked.request.split_once(' ').ok_or("a request is a method and a URL, as `GET /orders/7`")?;
    let mut ask = Ask::read(method, url.trim(), document)?;
    ask.headers =
        asked.case.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let policy = stage.policy.clone();
    let mut carried = None;
    if let Some(caller) = &asked.caller {
        let (provider, mut claims) = claims(&policy, &ask, caller)?;
        let service = policy.service_of_host(ask.authority.as_bytes()).and_then(|id| policy.service(id));
        fill(provider, service.and_then(|service| service.audiences()), &mut claims, asked.time);
        let key = format!("{} {}", provider.name, serde_json::Value::Object(claims.clone()));
        let token = tokens.entry(key).or_insert_with(|| stage.token(provider, &claims));
        let source = policy.source(provider.source).ok_or("the provider's tokens come from nowhere")?;
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
    Reason::ALL.iter().copied().find(|reason| reason.id() == id).ok_or_else(|| format!("`{id}` is no reason"))
}

/// The caller's provider, and what a token must say for those roles.
fn claims<'p>(
    policy: &'p portcullis_engine::policy::Policy,
    ask: &Ask,
    caller: &Caller,
) -> Result<(&'p Provider, crate::caller::Claims), String> {
    let all = policy.providers();
    let candidates: Vec<&Provider> = if let Some(name) = &caller.provider {
        let named = all.iter().find(|provider| *provider.name == **name);
        vec![named.ok_or_else(|| format!("the policy has no provider `{name}`"))?]
    } else {
        let service = policy.service_of_host(ask.authority.as_bytes()).and_then(|id| policy.service(id));
        match service {
            Some(service) => service.providers().iter().filter_map(|id| policy.provider(*id)).collect(),
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
