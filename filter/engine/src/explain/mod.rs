//! What a decision saw, told level by level: for people, and as data. It is made of the verdict's
//! own [`DecisionTrace`], so an explanation cannot differ from the decision. Nothing in it is a
//! credential: neither the token nor the signed assertion.

use portcullis_principal::SigningKey;
use serde::Serialize;
use serde_json::Value;

use crate::authn::key_store::PendingKeys;
use crate::authorizer::{Decision, DecisionTrace, Permit, Verdict};
use crate::authz::path::CanonicalPath;
use crate::authz::roles::Requirement;
use crate::clock::Clocks;
use crate::handoff::Assertions;
use crate::header_strip::SHADOW_HEADER;
use crate::jose::token::decode_base64url;
use crate::model::{KeySource, Policy, Row};
use crate::reason::Reason;
use crate::reply::Level;
use crate::request::Request;
use crate::request::TokenSource;

mod display;

/// What became of a request, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The three questions, in their order.
    pub steps: [Step; 3],
    /// The end.
    pub outcome: Outcome,
    /// What the service gets, if the request goes on.
    pub handoff: Option<Handoff>,
}

/// One question, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The question.
    pub level: &'static str,
    /// The answer.
    pub answer: Answer,
    /// What it was made from, a sentence a line.
    pub because: Vec<String>,
}

/// The answer to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The next question is asked.
    Passed,
    /// The request would end here.
    Refused,
    /// It cannot be answered without keys.
    Waits,
    /// It was not asked.
    NotAsked,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Outcome {
    /// It goes on.
    Allow,
    /// It goes on, although it would be refused: only because of the shadow mode.
    AllowInShadow(Refusal),
    /// It ends.
    Refuse(Refusal),
    /// It waits for keys.
    Wait {
        /// Whose.
        provider: String,
        /// Where they come from.
        keys: String,
    },
}

/// Why it ends, and what the client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The reason's id.
    pub reason: &'static str,
    /// When it is given.
    pub when: &'static str,
    /// The standard that asks for it.
    pub rule: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `WWW-Authenticate`, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

/// What the service gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Handoff {
    /// Headers that are written, the assertion's value left out.
    pub written: Vec<(String, String)>,
    /// The claims of the signed assertion, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Value>,
    /// Headers of the request that are taken off.
    pub removed: Vec<String>,
}

/// Explains a verdict on a request. `key` signs the assertion whose claims are shown; any key will
/// do.
pub fn explain(
    policy: &Policy,
    request: &Request<'_>,
    verdict: &Verdict,
    key: Option<&SigningKey>,
    now: Clocks,
) -> Explanation {
    let waits = match verdict.decision {
        Decision::Wait(_, missing) => Some(missing),
        Decision::Allow(_) | Decision::Refuse(_) => None,
    };
    let teller = ExplanationBuilder { policy, request, trace: &verdict.trace, waits };
    let handoff = match &verdict.decision {
        Decision::Allow(permit) => Some(teller.handoff(permit, key, now)),
        Decision::Refuse(_) | Decision::Wait(..) => None,
    };
    Explanation {
        steps: [teller.request(), teller.authentication(), teller.role_table()],
        outcome: teller.outcome(&verdict.decision),
        handoff,
    }
}

/// Tells the steps of one verdict.
pub(super) struct ExplanationBuilder<'a> {
    pub(super) policy: &'a Policy,
    pub(super) request: &'a Request<'a>,
    pub(super) trace: &'a DecisionTrace,
    /// What keys it waits for, if it waits.
    pub(super) waits: Option<PendingKeys>,
}

impl<'a> ExplanationBuilder<'a> {
    /// The level that refused. What is wrong on our side is found out while the client is looked
    /// at.
    fn refused_at(&self) -> Option<Level> {
        self.trace.reason.map(|reason| match reason.terms().level {
            Level::Internal => Level::Authentication,
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
                    Some(service) => {
                        format!("the host `{host}` belongs to the service `{}`", service.name())
                    }
                    None => format!("no service has the host `{host}`"),
                });
                because.push(match self.row() {
                    Some(row) => {
                        format!("`{method} {path}` is decided by the row `{}`", row_name(row))
                    }
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
            Some(TokenSource::Header { name, .. }) => {
                format!("the token stands in the header `{name}`")
            }
            Some(TokenSource::Cookie { name, .. }) => {
                format!("the token stands in the cookie `{name}`")
            }
        }];
        if let Some(provider) = self.trace.authn.provider.and_then(|id| self.policy.provider(id)) {
            let verb = if self.trace.authn.caller.is_some() { "was" } else { "says that it was" };
            because.push(format!("it {verb} issued by `{}`: {}", provider.name, provider.issuer));
        }
        if let Some(caller) = &self.trace.authn.caller {
            because.push(format!(
                "the caller is `{}`, with {}",
                caller.subject,
                list_of_roles(&caller.roles)
            ));
        }
        let answer = match (self.waits, self.refused_at()) {
            (Some(missing), _) => {
                because.push(match missing {
                    PendingKeys::AllKeys => {
                        "the provider's keys have not been fetched yet".to_owned()
                    }
                    PendingKeys::Kid => "no fetch has looked for the token's key id yet".to_owned(),
                });
                Answer::Waits
            }
            (None, Some(Level::Authentication)) => {
                because.extend(self.when());
                Answer::Refused
            }
            (None, _) => {
                if self.trace.authn.caller.is_none() && self.needs_no_token() {
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
        if self.waits.is_some()
            || matches!(self.refused_at(), Some(Level::Request | Level::Authentication))
        {
            return step(Answer::NotAsked, Vec::new());
        }
        let mut because = Vec::new();
        match self.row() {
            Some(row) => because.push(format!("the row admits {}", self.admits(&row.requirement))),
            None if self.trace.preflight => {
                because.push("a preflight is admitted without roles".to_owned());
            }
            None => {}
        }
        if self.refused_at() != Some(Level::RoleTable) {
            return step(Answer::Passed, because);
        }
        if let (Some(Reason::RoleMissing), Some(caller)) =
            (self.trace.reason, &self.trace.authn.caller)
        {
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
            Requirement::Roles { any, all } if all.is_empty() => {
                format!("any of the roles {}", names(any))
            }
            Requirement::Roles { any, all } if any.is_empty() => {
                format!("all of the roles {}", names(all))
            }
            Requirement::Roles { any, all } => {
                format!("any of the roles {}, together with all of {}", names(any), names(all))
            }
        }
    }

    fn when(&self) -> Option<String> {
        self.trace
            .reason
            .map(|reason| format!("{reason}: {}", reason.when().trim().trim_end_matches('.')))
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

    pub(super) fn handoff(
        &self,
        permit: &Permit,
        key: Option<&SigningKey>,
        now: Clocks,
    ) -> Handoff {
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
        let mut removed: Vec<_> =
            names.filter(|name| permit.removes(policy, name)).cloned().collect();
        if permit.cookies_left(policy, self.request.headers).is_some() {
            removed.push("cookie".to_owned());
        }
        Handoff { written, assertion, removed }
    }
}

/// The payload of a JWS.
fn claims(jws: &str) -> Option<Value> {
    let payload = decode_base64url(jws.split('.').nth(1)?)?;
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

#[cfg(all(test, not(target_family = "wasm")))] // snapshots are files
mod tests {
    use super::*;
    use crate::authorizer::Authorizer;
    use crate::clock::{Monotonic, UnixTime};
    use crate::jose::signature::RUST_CRYPTO;
    use crate::reply::Level;
    use crate::request::Headers;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    use ed25519_dalek::Signer as _;
    use serde_json::{Value, json};
    use std::rc::Rc;

    const NOW: Clocks = Clocks { wall: UnixTime(1_000_000), monotonic: Monotonic(0) };

    fn key() -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[7; 32])
    }

    fn policy(mode: &Value) -> Policy {
        let x = BASE64URL.encode(key().verifying_key().as_bytes());
        let document = json!({
            "providers": { "idp": {
                "issuer": "https://idp.example",
                "audiences": ["orders-api"],
                "jwks": { "inline": { "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "1" }] } },
                "algorithms": ["EdDSA"],
                "roles": [{ "path": ["roles"] }],
            }, "far": {
                "issuer": "https://far.example",
                "audiences": ["orders-api"],
                "jwks": { "uri": "https://far.example/certs", "cluster": "far" },
                "algorithms": ["RS256"],
            } },
            "services": { "shop": { "hosts": ["shop.example"], "mode": mode, "routes": [
                { "match": "GET /orders/{order_id}", "roles": ["customer", "admin"] },
                { "match": "POST /refunds", "roles": ["finance"], "all_roles": ["senior"] },
                { "match": "GET /products", "public": true },
                { "match": "GET /me", "authenticated": true },
            ] } },
        });
        Policy::from_json(document.to_string().as_bytes()).unwrap()
    }

    /// A token with those roles, or one that is no good.
    fn token(issuer: &str, roles: &[&str], expires: u64) -> String {
        let algorithm = if issuer == "https://idp.example" { "EdDSA" } else { "RS256" };
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": "1" });
        let claims = json!({ "iss": issuer, "sub": "alice", "aud": "orders-api", "exp": expires, "roles": roles });
        let signed = [header, claims].map(|part| BASE64URL.encode(part.to_string())).join(".");
        let signature = BASE64URL.encode(key().sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    fn explained(policy: Policy, line: &str, token: Option<&str>) -> Explanation {
        let (method, path) = line.split_once(' ').unwrap();
        let mut headers = vec![
            (":method".to_owned(), method.into()),
            (":path".to_owned(), path.into()),
            (":authority".to_owned(), "shop.example".into()),
            ("x-auth-subject".to_owned(), "mallory".into()),
        ];
        headers.extend(
            token.map(|token| ("authorization".to_owned(), format!("Bearer {token}").into_bytes())),
        );
        let request = Request::new(Headers(&headers));
        let policy = Rc::new(policy);
        let mut authorizer = Authorizer::new(Rc::clone(&policy), RUST_CRYPTO);
        let verdict = authorizer.decide(&request, &(), NOW);
        let key = SigningKey::from_seed_base64url(&BASE64URL.encode([9; 32])).unwrap();
        let explanation = explain(&policy, &request, &verdict, Some(&key), NOW);
        // the same as the decision
        match (&verdict.decision, &explanation.outcome) {
            (Decision::Allow(_), Outcome::Allow | Outcome::AllowInShadow(_))
            | (Decision::Wait(..), Outcome::Wait { .. }) => {}
            (Decision::Refuse(reason), Outcome::Refuse(refusal)) => {
                assert_eq!(reason.id(), refusal.reason);
            }
            other => panic!("{other:?}"),
        }
        let text = serde_json::to_string(&explanation).unwrap() + &explanation.to_string();
        assert!(
            token.is_none_or(|token| !text.contains(token.rsplit('.').next().unwrap())),
            "{text}"
        );
        explanation
    }

    fn enforced(line: &str, token: Option<&str>) -> String {
        explained(policy(&json!("enforce")), line, token).to_string()
    }

    #[test]
    fn every_level_says_what_it_asked_and_what_came_of_it() {
        let good = |roles: &[&str]| Some(token("https://idp.example", roles, 1_000_600));
        let late = Some(token("https://idp.example", &["customer"], 900_000));
        let far = Some(token("https://far.example", &["customer"], 1_000_600));
        let cases = [
            ("GET /orders/7", good(&["customer"])),
            ("GET /orders/7", good(&[])),
            ("GET /orders/7", late),
            ("GET /orders/7", far),
            ("GET /orders/7", None),
            ("GET /orders//7", None),
            ("PUT /orders/7", good(&["customer"])),
            ("POST /refunds", good(&["finance"])),
            ("GET /products", None),
            ("GET /me", good(&["a", "b"])),
        ];
        let told =
            cases.map(|(line, token)| format!("# {line}\n{}", enforced(line, token.as_deref())));
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_request_that_passes_by_the_shadow_mode_alone_says_so() {
        let shadow = json!({ "shadow": { "until": "2027-01-31" } });
        let token = token("https://idp.example", &[], 1_000_600);
        let explanation = explained(policy(&shadow), "GET /orders/7", Some(&token));
        assert_eq!(explanation.steps[2].answer, Answer::Refused);
        insta::assert_snapshot!(explanation.to_string());
        insta::assert_snapshot!(serde_json::to_string_pretty(&explanation).unwrap());
    }

    #[test]
    fn the_step_that_refused_is_that_of_the_reasons_level_and_nothing_is_asked_after_it() {
        for (line, token, level) in [
            ("GET /a//b", None, Level::Request),
            ("GET /orders/7", None, Level::Authentication),
            ("GET /orders/7", Some(token("https://idp.example", &[], 1_000_600)), Level::RoleTable),
        ] {
            let explanation = explained(policy(&json!("enforce")), line, token.as_deref());
            let at =
                explanation.steps.iter().position(|step| step.answer == Answer::Refused).unwrap();
            assert_eq!(explanation.steps[at].level, level.id());
            assert!(explanation.steps[..at].iter().all(|step| step.answer == Answer::Passed));
            assert!(explanation.steps[at + 1..].iter().all(|step| step.answer == Answer::NotAsked));
        }
    }
}
