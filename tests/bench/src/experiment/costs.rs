//! The cost table: what each kind of request costs each variant.
use std::sync::Arc;

use anyhow::Result;
use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::{Ground, Setup, again, calls, once};
use crate::gateway::Variant;
use crate::load::Call;
use crate::plan::{Part, Plan, Schedule};
use crate::report::Experiment;
use crate::rounds::Cell;
use crate::rules::{self, Provider, Row, Rules};
use crate::tokens::{Algorithm, Claims, Tokens};

const VARIANTS: [Variant; 7] = [
    Variant::Bare,
    Variant::Refusing,
    Variant::Native,
    Variant::NativeCached,
    Variant::Noop,
    Variant::Headers,
    Variant::Assertion,
];

/// So many tokens are hot.
const HOT: usize = 100;

/// What the parts of the table do, in their order: those that are wanted.
pub(crate) async fn costs(ground: &mut Ground, workers: u32) -> Result<Vec<Experiment>> {
    let parts: Vec<_> = ground.plan.parts.iter().copied().filter(|part| kind(*part).is_some()).collect();
    let mut experiments = Vec::new();
    if parts.is_empty() {
        return Ok(experiments);
    }
    let provider = [Provider::new(0, &Algorithm::ALL)];
    let table = rules::table(10);
    let gateways = ground.start(&VARIANTS, Rules { providers: &provider, table: &table }, workers).await?;
    for part in parts {
        let Some(kind) = kind(part) else { continue };
        let traffic = Traffic::of(kind, &provider[0], &table, &ground.plan)?;
        let taking_part = gateways.iter().filter(|gateway| kind.concerns(gateway.variant));
        let cell = |gateway| Cell { gateway, parameter: None, calls: traffic.to(gateway.variant), base: 0 };
        let setup = Setup {
            name: part.name(),
            varies: None,
            workers,
            schedule: traffic.schedule,
            cells: taking_part.map(cell).collect(),
        };
        experiments.push(ground.measure(setup).await?);
    }
    Ok(experiments)
}

/// The kinds of request.
#[derive(Clone, Copy)]
enum Kind {
    Cold(Algorithm),
    Hot,
    Mixed,
    Refused(Refusal),
}

#[derive(Clone, Copy)]
enum Refusal {
    BadSignature,
    NoToken,
    WrongRole,
    Undeclared,
}

/// `None`: not of this table.
fn kind(part: Part) -> Option<Kind> {
    Some(match part {
        Part::ColdRs256 => Kind::Cold(Algorithm::Rs256),
        Part::ColdEs256 => Kind::Cold(Algorithm::Es256),
        Part::ColdEddsa => Kind::Cold(Algorithm::EdDsa),
        Part::ColdPs256 => Kind::Cold(Algorithm::Ps256),
        Part::Hot => Kind::Hot,
        Part::Mixed => Kind::Mixed,
        Part::BadSignature => Kind::Refused(Refusal::BadSignature),
        Part::NoToken => Kind::Refused(Refusal::NoToken),
        Part::WrongRole => Kind::Refused(Refusal::WrongRole),
        Part::Undeclared => Kind::Refused(Refusal::Undeclared),
        Part::Sizes | Part::Rows | Part::Providers | Part::Memory | Part::Start | Part::Fetches => return None,
    })
}

impl Kind {
    /// Whether the figure says something of this variant: the first that it concerns is what the others are above.
    fn concerns(self, variant: Variant) -> bool {
        match self {
            Self::Refused(_) => variant == Variant::Refusing || variant.checks(),
            _ => variant != Variant::Refusing,
        }
    }
}

/// The requests of one kind.
struct Traffic {
    schedule: Schedule,
    calls: Arc<[Call]>,
}

impl Traffic {
    fn of(kind: Kind, provider: &Provider, table: &[Row], plan: &Plan) -> Result<Self> {
        let (cold, hot) = (plan.cold, plan.hot);
        let good = |set| Claims::good(set, provider);
        let tokens = |algorithm, claims: &Claims, count| Tokens::of(provider.key(algorithm), claims, count);
        let rs256 = Algorithm::Rs256;
        let made = |schedule: Schedule, expect, token: &dyn Fn(usize) -> Option<HeaderValue>| {
            Ok(Self { schedule, calls: calls(table, schedule.total(), expect, token)? })
        };
        match kind {
            Kind::Cold(algorithm) => {
                let latency = matches!(algorithm, Algorithm::Rs256 | Algorithm::Es256);
                let schedule = if latency { cold } else { cold.unpaced() };
                let tokens = tokens(algorithm, &good("cold"), cold.total())?;
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
                let schedule = cold.unpaced();
                let bad = tokens(rs256, &good("cold"), cold.total())?.with_signatures_exchanged();
                made(schedule, StatusCode::UNAUTHORIZED, &once(&bad))
            }
            Kind::Refused(Refusal::NoToken) => made(hot.unpaced(), StatusCode::UNAUTHORIZED, &|_| None),
            Kind::Refused(Refusal::WrongRole) => {
                let guests = tokens(rs256, &Claims { role: "guest", ..good("guests") }, HOT)?;
                made(hot.unpaced(), StatusCode::FORBIDDEN, &again(&guests))
            }
            Kind::Refused(Refusal::Undeclared) => {
                let tokens = tokens(rs256, &good("hot"), HOT)?;
                let row = Row { template: "/undeclared".to_owned(), ..table[0].clone() };
                let schedule = hot.unpaced();
                let calls = calls(&[row], schedule.total(), StatusCode::FORBIDDEN, again(&tokens))?;
                Ok(Self { schedule, calls })
            }
        }
    }

    /// The same requests, with the answer that this variant gives.
    fn to(&self, variant: Variant) -> Arc<[Call]> {
        match variant {
            Variant::Refusing => {
                let expect = StatusCode::FORBIDDEN;
                self.calls.iter().map(|call| Call { expect, ..call.clone() }).collect()
            }
            _ => Arc::clone(&self.calls),
        }
    }
}
