//! What `check` looks for: rules by name, each allowable in the policy with a written reason. One
//! concept a file.

mod allowed;
mod audiences;
pub mod envoy;
mod headers;
pub mod openapi;
mod providers;
mod roles;
mod rows;
mod shadow;

use std::rc::Rc;

use portcullis_engine::clock::UnixTime;
use portcullis_engine::policy::{Provider, Service};

pub(crate) use crate::diagnostics::listed;
use crate::diagnostics::source::{Mark, Source};
use crate::diagnostics::{Finding, Severity};
use crate::policy::Loaded;
use openapi::Contract;

/// A lint rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// In kebab case, for `lint.allow`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it looks at.
    pub needs: Needs,
    /// What it finds.
    pub finds: &'static str,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The policy alone.
    Policy,
    /// An OpenAPI document.
    OpenApi,
    /// An Envoy configuration.
    Envoy,
}

/// Every rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[
    &rows::UNREACHABLE,
    &rows::PUBLIC,
    &roles::UNYIELDABLE,
    &roles::BYPASS,
    &roles::BYPASS_UNGUARDED,
    &roles::SCOPES_OPEN,
    &headers::UNVERIFIED,
    &providers::HTTP_KEYS,
    &providers::LEEWAY,
    &providers::STALENESS,
    &providers::TOKEN_TYPES,
    &providers::BINDING_IGNORED,
    &providers::PSS_KEYS,
    &providers::SCOPE_FALLBACK,
    &audiences::SHARED,
    &shadow::RUNNING,
    &shadow::ENDING,
    &shadow::ENDED,
    &allowed::UNKNOWN,
    &allowed::UNUSED,
    &openapi::UNDECLARED,
    &openapi::IDLE,
    &envoy::MISSING,
    &envoy::DISABLED,
    &envoy::FAIL_OPEN,
    &envoy::REWRITE,
    &envoy::REDIRECT,
    &envoy::LATER_FILTER,
    &envoy::IDENTITY,
    &envoy::CHOICE,
    &envoy::SHARED_VM,
    &envoy::KEYS_CLUSTER,
    &envoy::KEYS_UNVALIDATED,
    &envoy::ROUTES_ELSEWHERE,
];

/// What is looked at besides the policy.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// What services offer.
    pub openapi: Vec<Contract>,
    /// What Envoy is told.
    pub envoy: Vec<Rc<Source>>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// To be told.
    pub findings: Vec<Finding>,
    /// How many are allowed by the policy.
    pub allowed: usize,
    /// How much of Envoy's configuration was looked at; `None` without one.
    pub envoy: Option<envoy::LookedAt>,
}

/// Looks at a policy as of `now`.
///
/// # Errors
/// An Envoy configuration is not YAML, or has no listener, route or cluster.
pub fn inspect(loaded: &Loaded, inputs: &Inputs, now: UnixTime) -> Result<Inspected, Box<Finding>> {
    let mut inspection = Inspection { loaded, now, findings: Vec::new() };
    rows::look(&mut inspection);
    roles::look(&mut inspection);
    headers::look(&mut inspection);
    providers::look(&mut inspection);
    audiences::look(&mut inspection);
    shadow::look(&mut inspection);
    for contract in &inputs.openapi {
        openapi::look(&mut inspection, contract);
    }
    let envoy = envoy::look(&mut inspection, &inputs.envoy)?;
    Ok(Inspected { envoy, ..allowed::settle(inspection, inputs) })
}

/// A policy under inspection.
struct Inspection<'a> {
    loaded: &'a Loaded,
    now: UnixTime,
    findings: Vec<Finding>,
}

impl<'a> Inspection<'a> {
    /// Notes a finding at a place of the policy.
    fn add(
        &mut self,
        rule: &Rule,
        place: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Finding {
        let mark = self.loaded.mark(place);
        self.add_at(rule, mark, message, help)
    }

    /// Notes a finding anywhere.
    fn add_at(
        &mut self,
        rule: &Rule,
        mark: impl Into<Option<Mark>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Finding {
        let mark = mark.into();
        let help = Some(help.into()).filter(|help| !help.is_empty());
        let finding = Finding { help, mark, ..Finding::new(rule.severity, rule.name, message) };
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    fn services(&self) -> &'a [Service] {
        self.loaded.policy.services()
    }

    fn providers(&self) -> &'a [Provider] {
        self.loaded.policy.providers()
    }
}

/// A span of time, as a policy says it.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}
