//! What a decision saw, told level by level: for people, and as data. It is made of the verdict's own [`Trace`](crate::decide::Trace), so an
//! explanation cannot differ from the decision. Nothing in it is a credential: neither the token nor the signed assertion.

mod tell;
#[cfg(all(test, not(target_family = "wasm")))] // snapshots are files
mod tests;
mod text;

use portcullis_principal::SigningKey;
use serde::Serialize;
use serde_json::Value;

use self::tell::Teller;
use crate::decide::{Decision, Verdict};
use crate::policy::Policy;
use crate::request::Request;
use crate::time::Now;

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

/// Explains a verdict on a request. `key` signs the assertion whose claims are shown; any key will do.
pub fn explain(
    policy: &Policy,
    request: &Request<'_>,
    verdict: &Verdict,
    key: Option<&SigningKey>,
    now: Now,
) -> Explanation {
    let waits = match verdict.decision {
        Decision::Wait(_, missing) => Some(missing),
        Decision::Allow(_) | Decision::Refuse(_) => None,
    };
    let teller = Teller { policy, request, trace: &verdict.trace, waits };
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
