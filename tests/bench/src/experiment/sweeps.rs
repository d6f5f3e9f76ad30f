//! What happens to the cost when tokens, role tables or the number of providers grow.
use anyhow::Result;
use hyper::StatusCode;

use super::{Ground, Setup, again, calls, once};
use crate::gateway::Variant;
use crate::report::Experiment;
use crate::rounds::Cell;
use crate::rules::{self, Provider, Rules};
use crate::tokens::{Algorithm, Claims, Tokens};

/// So many tokens are hot.
const HOT: usize = 100;

/// Tokens of several sizes, each used once, and then used over and over. ES256, because 512 bytes have no room for an RSA
/// signature and claims.
pub(crate) async fn sizes(ground: &mut Ground) -> Result<Vec<Experiment>> {
    const VARIANTS: [Variant; 5] =
        [Variant::Bare, Variant::Native, Variant::NativeCached, Variant::Headers, Variant::Assertion];
    let provider = [Provider::new(0, &[Algorithm::Es256])];
    let table = rules::table(10);
    let gateways = ground.start(&VARIANTS, Rules { providers: &provider, table: &table }, 1).await?;
    let mut experiments = Vec::new();
    for (name, schedule) in [("sizes-cold", ground.plan.cold.unpaced()), ("sizes-hot", ground.plan.hot.unpaced())] {
        let mut cells = Vec::new();
        for &size in &ground.plan.sizes {
            let claims = Claims { size, ..Claims::good("sizes", &provider[0]) };
            let cold = name == "sizes-cold";
            let count = if cold { schedule.total() } else { HOT };
            let tokens = Tokens::of(provider[0].key(Algorithm::Es256), &claims, count)?;
            let calls = calls(&table, schedule.total(), StatusCode::OK, again(&tokens))?;
            let base = cells.len();
            let cell = |gateway| Cell { gateway, parameter: Some(size), calls: calls.clone(), base };
            cells.extend(gateways.iter().map(cell));
        }
        let setup = Setup { name: name.to_owned(), varies: Some("bytes"), workers: 1, schedule, cells };
        experiments.push(ground.measure(setup).await?);
    }
    Ok(experiments)
}

/// Role tables of several sizes, with hot tokens: all that differs is finding the row.
pub(crate) async fn rows(ground: &mut Ground) -> Result<Experiment> {
    let provider = [Provider::new(0, &[Algorithm::Rs256])];
    let schedule = ground.plan.hot.unpaced();
    let tokens = Tokens::of(provider[0].key(Algorithm::Rs256), &Claims::good("hot", &provider[0]), HOT)?;
    let tables: Vec<_> = ground.plan.rows.iter().map(|rows| rules::table(*rows)).collect();
    let mut gateways = Vec::new();
    let mut asked = Vec::new();
    for (place, table) in tables.iter().enumerate() {
        let variants = [Variant::Bare, Variant::NativeCached, Variant::Headers];
        let variants = if place == 0 { &variants[..] } else { &variants[1..] };
        let started = ground.start(variants, Rules { providers: &provider, table }, 1).await?;
        let calls = calls(table, schedule.total(), StatusCode::OK, again(&tokens))?;
        asked.extend(started.iter().map(|_| (Some(table.len()), calls.clone())));
        gateways.extend(started);
    }
    let cell = |(gateway, (parameter, calls))| Cell { gateway, parameter, calls, base: 0 };
    let cells = gateways.iter().zip(asked).map(cell).collect();
    let setup = Setup { name: "rows".to_owned(), varies: Some("rows"), workers: 1, schedule, cells };
    ground.measure(setup).await
}

/// One provider or many, whose tokens come in turn, each used once: all that differs is finding the provider and its key.
pub(crate) async fn providers(ground: &mut Ground) -> Result<Experiment> {
    let schedule = ground.plan.cold.unpaced();
    let most = ground.plan.providers.iter().copied().max().unwrap_or(0);
    let all: Vec<_> = (0..most).map(|number| Provider::new(number, &[Algorithm::Es256])).collect();
    let table = rules::table(10);
    let mut gateways = Vec::new();
    let mut asked = Vec::new();
    for (place, count) in ground.plan.providers.clone().into_iter().enumerate() {
        let providers = &all[..count];
        let variants = [Variant::Bare, Variant::Native, Variant::Headers];
        let variants = if place == 0 { &variants[..] } else { &variants[1..] };
        let started = ground.start(variants, Rules { providers, table: &table }, 1).await?;
        let signer = |provider| (provider.key(Algorithm::Es256), Claims::good("providers", provider));
        let signers: Vec<_> = providers.iter().map(signer).collect();
        let tokens = Tokens::each_of(&signers, schedule.total())?;
        let calls = calls(&table, schedule.total(), StatusCode::OK, once(&tokens))?;
        asked.extend(started.iter().map(|_| (Some(count), calls.clone())));
        gateways.extend(started);
    }
    let cell = |(gateway, (parameter, calls))| Cell { gateway, parameter, calls, base: 0 };
    let cells = gateways.iter().zip(asked).map(cell).collect();
    let setup = Setup { name: "providers".to_owned(), varies: Some("providers"), workers: 1, schedule, cells };
    ground.measure(setup).await
}
