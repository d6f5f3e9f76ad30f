//! The kinds of request of the cost table, as calls.
use std::sync::Arc;

use anyhow::Result;
use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::{HOT, again, calls, once, spread};
use crate::gateway::Variant;
use crate::load::Call;
use crate::plan::{Part, Plan, Schedule};
use crate::rules::{Provider, Row};
use crate::tokens::{Algorithm, Claims, Tokens};

/// The kinds of request.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Cold(Algorithm),
    Hot,
    Mixed,
    Refused(Refusal),
}

/// Why a request is refused.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    BadSignature,
    NoToken,
    WrongRole,
    Undeclared,
}

impl Kind {
    /// `None`: not of the cost table.
    pub(super) fn of(part: Part) -> Option<Self> {
        Some(match part {
            Part::ColdRs256 => Self::Cold(Algorithm::Rs256),
            Part::ColdEs256 => Self::Cold(Algorithm::Es256),
            Part::ColdEddsa => Self::Cold(Algorithm::EdDsa),
            Part::ColdPs256 => Self::Cold(Algorithm::Ps256),
            Part::Hot => Self::Hot,
            Part::Mixed => Self::Mixed,
            Part::BadSignature => Self::Refused(Refusal::BadSignature),
            Part::NoToken => Self::Refused(Refusal::NoToken),
            Part::WrongRole => Self::Refused(Refusal::WrongRole),
            Part::Undeclared => Self::Refused(Refusal::Undeclared),
            Part::Amplification
            | Part::Counts
            | Part::Sizes
            | Part::Rows
            | Part::Providers
            | Part::Memory
            | Part::Start
            | Part::Fetches => return None,
        })
    }

    /// Whether the figure says something of this variant: the first that it concerns is what the
    /// others are above.
    pub(super) fn concerns(self, variant: Variant) -> bool {
        match (self, variant) {
            // it knows a good signature from a bad one, and a request with a token from one without
            (
                Self::Cold(Algorithm::Rs256 | Algorithm::Es256)
                | Self::Refused(Refusal::BadSignature | Refusal::NoToken),
                Variant::Least,
            ) => true,
            (_, Variant::Least) => false,
            (Self::Refused(_), _) => variant == Variant::Refusing || variant.checks(),
            _ => variant != Variant::Refusing,
        }
    }
}

/// The requests of one kind.
pub(super) struct Traffic {
    pub(super) schedule: Schedule,
    calls: Arc<[Call]>,
}

impl Traffic {
    pub(super) fn of(kind: Kind, provider: &Provider, table: &[Row], plan: &Plan) -> Result<Self> {
        let (cold, hot) = (plan.cold, plan.hot);
        let good = |set| Claims::good(set, provider);
        let tokens =
            |algorithm, claims: &Claims, count| Tokens::of(provider.key(algorithm), claims, count);
        let rs256 = Algorithm::Rs256;
        let made = |schedule: Schedule, expect, token: &dyn Fn(usize) -> Option<HeaderValue>| {
            Ok(Self { schedule, calls: calls(table, schedule.total(), expect, spread, token)? })
        };
        match kind {
            Kind::Cold(algorithm) => {
                let judged = matches!(algorithm, Algorithm::Rs256 | Algorithm::Es256);
                let schedule = if judged { plan.cold_judged } else { cold.unpaced() };
                let tokens = tokens(algorithm, &good("cold"), schedule.total())?;
                made(schedule, StatusCode::OK, &once(&tokens))
            }
            Kind::Hot => made(hot, StatusCode::OK, &again(&tokens(rs256, &good("hot"), HOT)?)),
            Kind::Mixed => {
                let hot_ones = tokens(rs256, &good("hot"), HOT)?;
                let cold_ones = tokens(rs256, &good("mixed"), hot.total().div_ceil(100))?;
                let token = |number: usize| match number % 100 {
                    99 => once(&cold_ones)(number / 100),
                    _ => again(&hot_ones)(number),
                };
                made(hot, StatusCode::OK, &token)
            }
            Kind::Refused(Refusal::BadSignature) => {
                let bad = tokens(rs256, &good("cold"), cold.total())?.with_signatures_exchanged();
                made(cold.unpaced(), StatusCode::UNAUTHORIZED, &once(&bad))
            }
            Kind::Refused(Refusal::NoToken) => {
                made(hot.unpaced(), StatusCode::UNAUTHORIZED, &|_| None)
            }
            Kind::Refused(Refusal::WrongRole) => {
                let guests = tokens(rs256, &Claims { role: "guest", ..good("guests") }, HOT)?;
                made(hot.unpaced(), StatusCode::FORBIDDEN, &again(&guests))
            }
            Kind::Refused(Refusal::Undeclared) => {
                let tokens = tokens(rs256, &good("hot"), HOT)?;
                let row = Row { template: "/undeclared".to_owned(), ..table[0].clone() };
                let schedule = hot.unpaced();
                let calls =
                    calls(&[row], schedule.total(), StatusCode::FORBIDDEN, spread, again(&tokens))?;
                Ok(Self { schedule, calls })
            }
        }
    }

    /// The same requests, with the answer that this variant gives.
    pub(super) fn to(&self, variant: Variant) -> Arc<[Call]> {
        match variant {
            Variant::Refusing => {
                let expect = StatusCode::FORBIDDEN;
                self.calls.iter().map(|call| Call { expect, ..call.clone() }).collect()
            }
            _ => Arc::clone(&self.calls),
        }
    }
}
