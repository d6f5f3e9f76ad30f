//! From a verdict's trace to sentences.

use portcullis_principal::SigningKey;
use serde_json::Value;

use super::{Answer, Handoff, Outcome, Refusal, Step};
use crate::authn::base64url;
use crate::authn::keyring::Missing;
use crate::authz::path::CanonicalPath;
use crate::authz::requirement::Requirement;
use crate::decide::{Decision, Permit, Trace};
use crate::handoff::Assertions;
use crate::policy::{KeySource, Policy, Row, TokenSource};
use crate::reason::Reason;
use crate::reply::Level;
use crate::request::Request;
use crate::strip::SHADOW_HEADER;
use crate::time::Now;

/// Tells the steps of one verdict.
pub(super) struct Teller<'a> {
    pub(super) policy: &'a Policy,
    pub(super) request: &'a Request<'a>,
    pub(super) trace: &'a Trace,
    /// What keys it waits for, if it waits.
    pub(super) waits: Option<Missing>,
}

impl<'a> Teller<'a> {
    /// The level that refused. What is wrong on our side is found out while the client is looked at.
    fn refused_at(&self) -> Option<Level> {
        self.trace.reason.map(|reason| match reason.terms().level {
            Level::Ours => Level::Authentication,
            level => level,
        })
    }

    fn row(&self) -> Option<&'a Row> {
        self.trace.row.and_then(|id| self.policy.row(id)).map(|(_, row)| row)
    }

    fn needs_no_token(&self) -> bool {
        self.trace.preflight || self.row().is_some_and(|row| row.requirement.is_public())
    }

    /// Can the request be read in one way only, and which row is it?
    pub(super) fn request(&self) -> Step {
        let mut because = Vec::new();
        let target = String::from_utf8_lossy(self.request.target);
        let method = self.request.method;
        match CanonicalPath::parse(self.request.target) {
            Err(error) => because.push(format!("`{target}` could be read in two ways: {error}")),
            Ok(path) => {
                let path = path.as_str();
                let host = String::from_utf8_lossy(self.request.authority);
                because.push(match self.trace.service.and_then(|id| self.policy.service(id)) {
                    Some(service) => format!("the host `{host}` belongs to the service `{}`", service.name()),
                    None => format!("no service has the host `{host}`"),
                });
                because.push(match self.row() {
                    Some(row) => format!("`{method} {path}` is decided by the row `{}`", row_name(row)),
                    None if self.trace.preflight => {
                        "it is a CORS preflight for an endpoint that has a row".to_owned()
                    }
                    None if self.trace.path_known => {
                        format!("`{path}` has rows, but none for `{method}`")
                    }
                    None => format!("no row matches `{method} {path}`"),
                });
            }
        }
        let refused = self.refused_at() == Some(Level::Request);
        if refused && self.trace.reason != Some(Reason::PathAmbiguous) {
            because.extend(self.when());
        }
        Step {
            level: Level::Request.id(),
            answer: if refused { Answer::Refused } else { Answer::Passed },
            because,
        }
    }

    /// Level 1.
    pub(super) fn authentication(&self) -> Step {
        let step = |answer, because| Step { level: Level::Authentication.id(), answer, because };
        if self.refused_at() == Some(Level::Request) {
            return step(Answer::NotAsked, Vec::new());
        }
        let mut because = vec![match self.trace.source.and_then(|id| self.policy.source(id)) {
            None => "the request carries no token".to_owned(),
            Some(TokenSource::Bearer) => "the token stands in `Authorization: Bearer`".to_owned(),
            Some(TokenSource::Header { name, .. }) => format!("the token stands in the header `{name}`"),
            Some(TokenSource::Cookie { name, .. }) => format!("the token stands in the cookie `{name}`"),
        }];
        if let Some(provider) = self.trace.provider.and_then(|id| self.policy.provider(id)) {
            let verb = if self.trace.caller.is_some() { "was" } else { "says that it was" };
            because.push(format!("it {verb} issued by `{}`: {}", provider.name, provider.issuer));
        }
        if let Some(caller) = &self.trace.caller {
            because.push(format!(
                "the caller is `{}`, with {}",
                caller.subject,
                list_of_roles(&caller.roles)
            ));
        }
        let answer = match (self.waits, self.refused_at()) {
            (Some(missing), _) => {
                because.push(match missing {
                    Missing::AllKeys => "the provider's keys have not been fetched yet".to_owned(),
                    Missing::Kid => "no fetch has looked for the token's key id yet".to_owned(),
                });
                Answer::Waits
            }
            (None, Some(Level::Authentication)) => {
                because.extend(self.when());
                Answer::Refused
            }
            (None, _) => {
                if self.trace.caller.is_none() && self.needs_no_token() {
                    because.push("the endpoint needs none".to_owned());
                }
                Answer::Passed
            }
        };
        step(answer, because)
    }

    /// Level 2.
    pub(super) fn role_table(&self) -> Step {
        let step = |answer, because| Step { level: Level::RoleTable.id(), answer, because };
        if self.waits.is_some() || matches!(self.refused_at(), Some(Level::Request | Level::Authentication)) {
            return step(Answer::NotAsked, Vec::new());
        }
        let mut because = Vec::new();
        match self.row() {
            Some(row) => because.push(format!("the row admits {}", self.admits(&row.requirement))),
            None if self.trace.preflight => because.push("a preflight is admitted without roles".to_owned()),
            None => {}
        }
        if self.refused_at() != Some(Level::RoleTable) {
            return step(Answer::Passed, because);
        }
        if let (Some(Reason::RoleMissing), Some(caller)) = (self.trace.reason, &self.trace.caller) {
            because.push(format!("the caller has {}", list_of_roles(&caller.roles)));
        }
        because.extend(self.when());
        step(Answer::Refused, because)
    }

    fn admits(&self, requirement: &Requirement) -> String {
        let names = |ids: &[_]| {
            let names = ids.iter().map(|id| format!("`{}`", self.policy.role_names().name(*id)));
            names.collect::<Vec<_>>().join(", ")
        };
        match requirement {
            Requirement::Public => "anyone, without a token".to_owned(),
            Requirement::Authenticated => "every caller with a good token".to_owned(),
            Requirement::Roles { any, all } if all.is_empty() => format!("any of the roles {}", names(any)),
            Requirement::Roles { any, all } if any.is_empty() => format!("all of the roles {}", names(all)),
            Requirement::Roles { any, all } => {
                format!("any of the roles {}, together with all of {}", names(any), names(all))
            }
        }
    }

    fn when(&self) -> Option<String> {
        self.trace.reason.map(|reason| format!("{reason}: {}", reason.when().trim().trim_end_matches('.')))
    }

    pub(super) fn outcome(&self, decision: &Decision) -> Outcome {
        match decision {
            Decision::Allow(permit) => match permit.shadow() {
                Some(reason) => Outcome::AllowInShadow(self.refusal(reason)),
                None => Outcome::Allow,
            },
            Decision::Refuse(reason) => Outcome::Refuse(self.refusal(*reason)),
            Decision::Wait(id, _) => {
                let provider = self.policy.provider(*id);
                Outcome::Wait {
                    provider: provider.map_or_else(String::new, |it| it.name.to_string()),
                    keys: match provider.map(|it| &it.keys) {
                        Some(KeySource::Uri(at) | KeySource::Discovery(at)) => at.uri.to_string(),
                        Some(KeySource::Inline(_)) | None => String::new(),
                    },
                }
            }
        }
    }

    fn refusal(&self, reason: Reason) -> Refusal {
        let service = self.trace.service.and_then(|id| self.policy.service(id));
        let realm = service.map_or("portcullis", |service| service.name());
        let terms = reason.terms();
        Refusal {
            reason: reason.id(),
            when: reason.when().trim(),
            rule: terms.rule,
            status: terms.status,
            challenge: terms.challenge.header(realm),
        }
    }

    pub(super) fn handoff(&self, permit: &Permit, key: Option<&SigningKey>, now: Now) -> Handoff {
        let policy = self.policy;
        let assertion_header = &*policy.identity().assertion.header;
        let written = permit
            .headers(policy, (&mut Assertions::new(0), key), self.request.method, now)
            .unwrap_or_default();
        let assertion = written.iter().find(|(name, _)| *name == assertion_header);
        let assertion = assertion.and_then(|(_, jws)| claims(jws));
        let mut written: Vec<_> = written
            .iter()
            .filter(|(name, _)| *name != assertion_header)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if let Some(reason) = permit.shadow() {
            written.push((SHADOW_HEADER.to_owned(), reason.id().to_owned()));
        }
        let names = self.request.headers.0.iter().map(|(name, _)| name);
        let mut removed: Vec<_> = names.filter(|name| permit.removes(policy, name)).cloned().collect();
        if permit.cookies_left(policy, self.request.headers).is_some() {
            removed.push("cookie".to_owned());
        }
        Handoff { written, assertion, removed }
    }
}

/// The payload of a JWS.
fn claims(jws: &str) -> Option<Value> {
    let payload = base64url::decode(jws.split('.').nth(1)?)?;
    serde_json::from_slice(&payload).ok()
}

fn row_name(row: &Row) -> String {
    format!("{} {}", row.method, row.template)
}

fn list_of_roles(roles: &[String]) -> String {
    let names = roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ");
    match roles.len() {
        0 => "no role".to_owned(),
        1 => format!("the role {names}"),
        _ => format!("the roles {names}"),
    }
}
