//! Steps of an interpreter that the module takes for a request without a good token: the same
//! number on every machine, so a test can bound it. Envoy's work for the module's calls is not
//! counted, nor is a signature that Envoy verifies.
use anyhow::{Context as _, Result};
use hyper::header::HeaderValue;
use portcullis_finish::Sandbox;

use crate::load::Call;
use crate::unauthenticated::{Growth, World};

/// The module with the policy of the amplification table.
pub struct Counter {
    world: World,
    sandbox: Sandbox,
}

impl Counter {
    /// Of the plugin that was built to ship.
    ///
    /// # Errors
    /// It has not been built, or does not take the policy.
    pub fn new() -> Result<Self> {
        let module = std::fs::read(harness::artifacts::plugin()?).context("read the plugin")?;
        let world = World::new();
        let sandbox = Sandbox::new(&module, &world.policy(0).to_string())?;
        Ok(Self { world, sandbox })
    }

    /// Each way in which a request can grow, and the steps at three sizes, each twice the one
    /// before.
    ///
    /// # Errors
    /// The module does not survive one.
    pub fn growth(&mut self) -> Result<Vec<(&'static str, Vec<u64>)>> {
        let ways = Growth::all();
        ways.into_iter()
            .map(|Growth { name, smallest, make }| {
                let sizes = [1, 2, 4].map(|times| smallest * times);
                let counted = sizes.into_iter().map(|size| {
                    let kind = make(&self.world, size)?;
                    self.count(kind.calls.first().context("there is no request")?)
                });
                Ok((name, counted.collect::<Result<_>>()?))
            })
            .collect()
    }

    fn count(&mut self, call: &Call) -> Result<u64> {
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned);
        let mut headers = vec![
            (":authority".to_owned(), text(&call.host)?),
            (":path".to_owned(), call.path.to_string()),
            (":method".to_owned(), call.method.to_string()),
            (":scheme".to_owned(), "http".to_owned()),
            ("x-forwarded-proto".to_owned(), "http".to_owned()),
            ("x-request-id".to_owned(), "6f0c0f5e-4d5e-4f6c-9a43-2a4f4c4b8f6e".to_owned()),
        ];
        for (name, value) in call.headers.iter().flat_map(|headers| headers.iter()) {
            headers.push((name.to_string(), text(value)?));
        }
        if let Some(token) = &call.authorization {
            headers.push(("authorization".to_owned(), text(token)?));
        }
        Ok(self.sandbox.steps(headers)?)
    }
}
