//! Time from start to ready.
use anyhow::Result;
use rand::seq::SliceRandom as _;

use super::Ground;
use crate::gateway::{Gateway, Variant};
use crate::progress::Steps;
use crate::report::Start;
use crate::rules::{self, Provider, Rules};
use crate::summary::Summary;
use crate::tokens::Algorithm;

const VARIANTS: [Variant; 4] =
    [Variant::Bare, Variant::NativeCached, Variant::Noop, Variant::Assertion];

/// Starts each variant several times, interleaved like rounds.
pub(crate) async fn starts(ground: &mut Ground) -> Result<Vec<Start>> {
    let provider = [Provider::new(0, &[Algorithm::Rs256])];
    let table = rules::table(10);
    let rules = Rules { providers: &provider, table: &table };
    let steps = Steps::new("start", VARIANTS.len() * ground.plan.starts);
    let mut order: Vec<usize> = (0..VARIANTS.len()).collect();
    let mut measured = VARIANTS.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..ground.plan.starts {
        order.shuffle(&mut ground.random);
        for &place in &order {
            let gateway =
                Gateway::start(VARIANTS[place], rules, ground.place(1), &ground.modules).await?;
            let (ready, cpu) = &mut measured[place];
            ready.push(gateway.start.as_secs_f64() * 1e3);
            cpu.push(gateway.cpu.read()?.as_secs_f64() * 1e3);
            steps.done();
        }
    }
    let start = |(variant, (ready, cpu)): (_, (Vec<f64>, Vec<f64>))| Start {
        variant,
        ready_ms: Summary::of(&ready),
        cpu_ms: Summary::of(&cpu),
    };
    Ok(VARIANTS.into_iter().zip(measured).map(start).collect())
}
