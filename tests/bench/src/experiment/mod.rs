//! The experiments: which gateways get which requests.
mod costs;
mod proof;
mod sweeps;

use std::sync::Arc;

use anyhow::Result;
use hyper::header::HeaderValue;
use hyper::StatusCode;
use rand::rngs::StdRng;

use crate::gateway::{Gateway, Modules, Variant};
use crate::load::Call;
use crate::plan::{Plan, Schedule};
use crate::progress::Steps;
use crate::report::Experiment;
use crate::rounds::{self, Cell, Settings};
use crate::rules::{Row, Rules};
use crate::tokens::Tokens;
use crate::upstream::Upstream;

pub(crate) use self::costs::costs;
pub(crate) use self::sweeps::{providers, rows, sizes};

/// What all experiments share.
pub(crate) struct Ground {
    pub(crate) plan: Plan,
    pub(crate) modules: Modules,
    pub(crate) upstream: Upstream,
    pub(crate) random: StdRng,
}

impl Ground {
    /// Starts one gateway a variant, and sees to it that each does what it is to be measured at.
    async fn start(&self, variants: &[Variant], rules: Rules<'_>, workers: u32) -> Result<Vec<Gateway>> {
        let mut gateways = Vec::new();
        for &variant in variants {
            let gateway = Gateway::start(variant, rules, workers, self.upstream.port(), &self.modules).await?;
            proof::of(&gateway, rules, &self.upstream).await?;
            gateways.push(gateway);
        }
        Ok(gateways)
    }

    /// Runs one experiment.
    async fn measure(&mut self, setup: Setup<'_>) -> Result<Experiment> {
        let Setup { name, varies, workers, schedule, cells } = setup;
        let title = if workers == 1 { name.clone() } else { format!("{name}, {workers} workers") };
        let steps = Steps::new(&title, rounds::steps(cells.len(), schedule));
        let connections = self.plan.connections * usize::try_from(workers)?;
        let settings = Settings { schedule, connections, rate: self.plan.rate };
        let cells = rounds::run(&cells, settings, &mut self.random, &steps).await?;
        Ok(Experiment { name, varies, workers, requests: schedule.requests, cells })
    }
}

/// One experiment, ready to run.
struct Setup<'a> {
    name: String,
    varies: Option<&'static str>,
    workers: u32,
    schedule: Schedule,
    cells: Vec<Cell<'a>>,
}

/// `count` calls, spread over all rows; `token` tells the token of each.
fn calls<'t>(
    table: &[Row],
    count: usize,
    expect: StatusCode,
    token: impl Fn(usize) -> Option<&'t HeaderValue>,
) -> Result<Arc<[Call]>> {
    let row = |row: &Row| Ok((row.method.clone(), row.path().parse()?));
    let rows = table.iter().map(row).collect::<Result<Vec<_>>>()?;
    let call = |number: usize| {
        let (method, path) = rows[spread(number) % rows.len()].clone();
        Call { method, path, authorization: token(number).cloned(), expect }
    };
    Ok((0..count).map(call).collect())
}

/// Takes the rows in an order without a pattern, the same in every run.
fn spread(number: usize) -> usize {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// Cycles through a few tokens.
fn again(tokens: &Tokens) -> impl Fn(usize) -> Option<&HeaderValue> {
    |number| tokens.0.get(number % tokens.0.len())
}

/// Takes each token once.
fn once(tokens: &Tokens) -> impl Fn(usize) -> Option<&HeaderValue> {
    |number| tokens.0.get(number)
}
