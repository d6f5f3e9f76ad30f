//! The experiments: which gateways get which requests.
mod amplification;
mod costs;
mod counts;
mod fetches;
mod memory;
mod proof;
mod start;
mod sweeps;
mod traffic;

use std::sync::Arc;

use anyhow::Result;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use rand::rngs::StdRng;

use crate::gateway::{Gateway, Place, Variant};
use crate::load::Call;
use crate::modules::Modules;
use crate::plan::{Plan, Schedule};
use crate::progress::Steps;
use crate::report::Experiment;
use crate::rounds::{self, Cell, Settings};
use crate::rules::{Row, Rules};
use crate::tokens::Tokens;
use crate::upstream::Upstream;

pub(crate) use self::amplification::amplification;
pub(crate) use self::costs::costs;
pub(crate) use self::counts::counts;
pub(crate) use self::fetches::fetches;
pub(crate) use self::memory::memory;
pub(crate) use self::start::starts;
pub(crate) use self::sweeps::{providers, rows, sizes};

/// So many tokens are hot.
const HOT: usize = 100;

/// What all experiments share.
pub(crate) struct Ground {
    pub(crate) plan: Plan,
    pub(crate) modules: Modules,
    pub(crate) upstream: Upstream,
    pub(crate) random: StdRng,
}

impl Ground {
    /// Starts one gateway a variant, and sees to it that each does what it is to be measured at.
    async fn start(
        &self,
        variants: &[Variant],
        rules: Rules<'_>,
        workers: u32,
    ) -> Result<Vec<Gateway>> {
        let mut gateways = Vec::new();
        for &variant in variants {
            let gateway =
                Gateway::start(variant, rules, self.place(workers), &self.modules).await?;
            proof::of(&gateway, rules, &self.upstream).await?;
            gateways.push(gateway);
        }
        Ok(gateways)
    }

    fn place(&self, workers: u32) -> Place {
        Place { workers, upstream: self.upstream.port(), provider: None, counted: false }
    }

    /// Runs one experiment.
    async fn measure(&mut self, setup: Setup) -> Result<Experiment> {
        let Setup { name, varies, workers, schedule, cells } = setup;
        let steps = Steps::new(&title(&name, workers), rounds::steps(cells.len(), schedule, 1));
        let settings = self.settings(schedule, workers)?;
        let measured =
            rounds::run(&cells, settings, 0..schedule.rounds, &mut self.random, &steps).await?;
        let cells = rounds::figures(&measured);
        Ok(Experiment { name, varies, workers, requests: schedule.requests, cells })
    }

    fn settings(&self, schedule: Schedule, workers: u32) -> Result<Settings> {
        let connections = self.plan.connections * usize::try_from(workers)?;
        Ok(Settings { schedule, connections, rate: self.plan.rate })
    }
}

/// What the progress is called.
fn title(name: &str, workers: u32) -> String {
    if workers == 1 { name.to_owned() } else { format!("{name}, {workers} workers") }
}

/// One experiment, ready to run.
struct Setup {
    name: String,
    varies: Option<&'static str>,
    workers: u32,
    schedule: Schedule,
    cells: Vec<Cell>,
}

/// `count` calls; `row` tells the row of each, and `token` its token.
fn calls(
    table: &[Row],
    count: usize,
    expect: StatusCode,
    row: impl Fn(usize) -> usize,
    token: impl Fn(usize) -> Option<HeaderValue>,
) -> Result<Arc<[Call]>> {
    let endpoint = |row: &Row| {
        Ok((HeaderValue::try_from(&row.host)?, row.method.clone(), row.path().parse()?))
    };
    let endpoints = table.iter().map(endpoint).collect::<Result<Vec<_>>>()?;
    let call = |number: usize| {
        let (host, method, path) = endpoints[row(number) % endpoints.len()].clone();
        Call { host, method, path, authorization: token(number), headers: None, expect }
    };
    Ok((0..count).map(call).collect())
}

/// Takes the rows in an order without a pattern, the same in every run (the finalizer of
/// `SplitMix64`).
fn spread(number: usize) -> usize {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // as many bits as every `usize` has
    (mixed >> 33) as usize
}

/// Takes every row once, and then again, in an order in which neighbours are far apart: 7,919 is
/// prime to every power of ten.
fn in_turn(number: usize) -> usize {
    number.wrapping_mul(7919)
}

/// Cycles through a few tokens.
fn again(tokens: &Tokens) -> impl Fn(usize) -> Option<HeaderValue> {
    |number| tokens.0.get(number % tokens.0.len()).cloned()
}

/// Takes each token once.
fn once(tokens: &Tokens) -> impl Fn(usize) -> Option<HeaderValue> {
    |number| tokens.0.get(number).cloned()
}
