//! The Envoys under test: one process each, from the shipped configuration, that differ in their
//! filters only.
mod native;
mod sandboxed;
mod variant;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use harness::envoy::{Config, Envoy, Settings, Stats};
use harness::folder::Folder;
use harness::ports::Port;
use serde_json::{Value, json};

use crate::callgrind::{self, Counter};
use crate::cpu::Account;
use crate::modules::Modules;
use crate::rules::Rules;

use self::sandboxed::minimal;
pub(crate) use self::sandboxed::{filter, policy};
pub use self::variant::Variant;

/// Header of a request that the bare refusal answers with 400, after which Envoy closes the
/// connection.
pub(crate) const CLOSING: &str = "x-bad-request";

/// What is around a gateway.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Threads that serve requests.
    pub(crate) workers: u32,
    /// Port of the service behind it.
    pub(crate) upstream: u16,
    /// Port of the provider that keys are fetched from.
    pub(crate) provider: Option<u16>,
    /// Whether its instructions can be counted, which makes it very slow.
    pub(crate) counted: bool,
}

/// A process that answers requests, and the account of its CPU time.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) variant: Variant,
    pub(crate) port: u16,
    pub(crate) cpu: Account,
}

/// A running Envoy.
pub(crate) struct Gateway {
    pub(crate) variant: Variant,
    pub(crate) cpu: Account,
    /// From the start of the process until it said that it is ready.
    pub(crate) start: Duration,
    envoy: Envoy,
    folder: Folder,
}

impl Gateway {
    /// Starts one that enforces `rules`.
    pub(crate) async fn start(
        variant: Variant,
        rules: Rules<'_>,
        place: Place,
        modules: &Modules,
    ) -> Result<Self> {
        let sandboxed = |file, configuration: &Value| vec![filter(file, configuration)];
        let filters = match variant {
            Variant::Bare | Variant::Refusing => Vec::new(),
            Variant::Native => native::filters(rules, false),
            Variant::NativeCached => native::filters(rules, true),
            Variant::Noop => vec![minimal(&modules.minimal, &[])],
            Variant::Least => vec![minimal(&modules.minimal, rules.providers)],
            Variant::Headers | Variant::Assertion => {
                sandboxed(&modules.portcullis, &policy(rules, variant == Variant::Assertion))
            }
        };
        Self::with_filters(variant, filters, place).await
    }

    /// Starts one with these filters before the router.
    pub(crate) async fn with_filters(
        variant: Variant,
        filters: Vec<Value>,
        place: Place,
    ) -> Result<Self> {
        let folder = Folder::empty("bench")?;
        let config = config(variant, filters, place)?;
        let under = if place.counted { callgrind::under(folder.path())? } else { Vec::new() };
        let settings = Settings {
            gateway: Port::free()?,
            admin: Port::free()?,
            concurrency: place.workers,
            env: vec![(sandboxed::KEY_ENV.to_owned(), harness::keys::secret())],
            log_levels: String::new(),
            under,
            folder: folder.path().to_owned(),
        };
        let begin = Instant::now();
        let envoy = Envoy::start(config, settings)
            .await
            .with_context(|| format!("start {}", variant.name()))?;
        let start = begin.elapsed();
        let cpu = Account::of(envoy.process().pid())?;
        Ok(Self { variant, cpu, start, envoy, folder })
    }

    pub(crate) fn port(&self) -> u16 {
        self.envoy.port()
    }

    /// What it is as a process.
    pub(crate) fn server(&self) -> Server {
        Server { variant: self.variant, port: self.port(), cpu: self.cpu }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.envoy.process().pid()
    }

    /// Counts its instructions, if it was started so.
    pub(crate) fn counter(&self) -> Counter {
        Counter::of(self.pid(), self.folder.path())
    }

    /// Envoy's counters and gauges.
    pub(crate) async fn stats(&self) -> Result<Stats> {
        Ok(self.envoy.stats().await?)
    }
}

/// The shipped configuration without its access log, whose writing is nobody's filter.
fn config(variant: Variant, mut filters: Vec<Value>, place: Place) -> Result<Config> {
    let mut config = Config::shipped()?;
    let router =
        config.http_filters()?.pop().context("the shipped configuration has no filters")?;
    filters.push(router);
    *config.http_filters()? = filters;
    config.cluster("backend", place.upstream)?;
    if let Some(port) = place.provider {
        config.cluster("idp", port)?;
    }
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = config
        .document()
        .pointer_mut(manager)
        .context("the shipped configuration has no listener")?;
    manager["access_log"] = json!([]);
    if variant == Variant::Refusing {
        let closing = json!([{ "name": CLOSING, "present_match": true }]);
        manager["route_config"]["virtual_hosts"][0]["routes"] = json!([
            { "match": { "prefix": "/", "headers": closing }, "direct_response": { "status": 400 } },
            { "match": { "prefix": "/" }, "direct_response": { "status": 403 } },
        ]);
    }
    Ok(config)
}
