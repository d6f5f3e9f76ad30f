//! The Envoys under test: one process each, from the shipped configuration, that differ in their filters only.
mod native;
mod sandboxed;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use harness::envoy::{Config, Envoy, Settings};
use harness::folder::Folder;
use harness::ports::Port;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cpu::Account;
use crate::rules::Rules;

/// What stands between the client and the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Envoy without a filter: what every figure is above.
    Bare,
    /// Envoy that refuses everything by itself, without a filter: what refusals are above.
    Refusing,
    /// `jwt_authn` and `rbac`.
    Native,
    /// `jwt_authn` with its JWT cache, and `rbac`.
    NativeCached,
    /// A WebAssembly filter that does nothing.
    Noop,
    /// Portcullis with plain identity headers only.
    Headers,
    /// Portcullis as shipped: with the signed assertion too.
    Assertion,
}

impl Variant {
    /// As the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare proxy",
            Self::Refusing => "bare refusal",
            Self::Native => "jwt_authn + rbac",
            Self::NativeCached => "jwt_authn cached + rbac",
            Self::Noop => "no-op Wasm filter",
            Self::Headers => "Portcullis, headers",
            Self::Assertion => "Portcullis, assertion",
        }
    }

    /// Whether it checks anything.
    pub(crate) fn checks(self) -> bool {
        !matches!(self, Self::Bare | Self::Refusing | Self::Noop)
    }
}

/// The WebAssembly files of the sandboxed variants.
#[derive(Clone, Debug)]
pub(crate) struct Modules {
    pub(crate) portcullis: PathBuf,
    pub(crate) noop: PathBuf,
}

/// A running Envoy.
pub(crate) struct Gateway {
    pub(crate) variant: Variant,
    pub(crate) cpu: Account,
    /// From the start of the process until it said that it is ready.
    pub(crate) start: Duration,
    envoy: Envoy,
    _folder: Folder,
}

impl Gateway {
    /// Starts one with so many workers, before the service on the port `upstream`.
    pub(crate) async fn start(
        variant: Variant,
        rules: Rules<'_>,
        workers: u32,
        upstream: u16,
        modules: &Modules,
    ) -> Result<Self> {
        Self::start_with(variant, filters(variant, rules, modules), workers, upstream).await
    }

    async fn start_with(variant: Variant, filters: Vec<Value>, workers: u32, upstream: u16) -> Result<Self> {
        let folder = Folder::empty("bench")?;
        let config = config(variant, filters, upstream)?;
        let settings = Settings {
            gateway: Port::free()?,
            admin: Port::free()?,
            concurrency: workers,
            env: vec![(sandboxed::KEY_ENV.to_owned(), harness::keys::secret())],
            log_levels: String::new(),
            folder: folder.path().to_owned(),
        };
        let begin = Instant::now();
        let envoy = Envoy::start(config, settings).await.with_context(|| format!("start {}", variant.name()))?;
        let start = begin.elapsed();
        let cpu = Account::of(envoy.process().pid())?;
        Ok(Self { variant, cpu, start, envoy, _folder: folder })
    }

    pub(crate) fn port(&self) -> u16 {
        self.envoy.port()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.envoy.process().pid()
    }
}

fn filters(variant: Variant, rules: Rules<'_>, modules: &Modules) -> Vec<Value> {
    let portcullis = |policy: &Value| vec![sandboxed::filter(&modules.portcullis, policy)];
    match variant {
        Variant::Bare | Variant::Refusing => Vec::new(),
        Variant::Native => native::filters(rules, false),
        Variant::NativeCached => native::filters(rules, true),
        Variant::Noop => vec![sandboxed::filter(&modules.noop, &json!({}))],
        Variant::Headers => portcullis(&sandboxed::policy(rules)),
        Variant::Assertion => portcullis(&sandboxed::policy(rules)),
    }
}

/// The shipped configuration without its access log, whose writing is nobody's filter.
fn config(variant: Variant, mut filters: Vec<Value>, upstream: u16) -> Result<Config> {
    let mut config = Config::shipped()?;
    let router = config.http_filters()?.pop().context("the shipped configuration has no filters")?;
    filters.push(router);
    *config.http_filters()? = filters;
    config.cluster("backend", upstream)?;
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = config.document().pointer_mut(manager).context("the shipped configuration has no listener")?;
    manager["access_log"] = json!([]);
    if variant == Variant::Refusing {
        let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0];
        *route = json!({ "match": { "prefix": "/" }, "direct_response": { "status": 403 } });
    }
    Ok(config)
}

/// How large the file of a WebAssembly module is, in bytes.
pub(crate) fn size(module: &Path) -> Result<u64> {
    Ok(std::fs::metadata(module).with_context(|| format!("look at {}", module.display()))?.len())
}
