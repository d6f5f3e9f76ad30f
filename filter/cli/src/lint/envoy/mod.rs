//! What in an Envoy configuration makes the filter's decisions void. Files are walked wherever they hold what matters: a
//! bootstrap, a listener or extension resource, a configuration dump.

mod clusters;
mod filters;
mod routes;
mod survey;
mod vm;

use std::rc::Rc;

use super::{Inspection, Needs, Rule};
use crate::report::{Finding, Severity};
use crate::source::Source;
use survey::Survey;

const fn rule(name: &'static str, severity: Severity, finds: &'static str) -> Rule {
    Rule { name, severity, needs: Needs::Envoy, finds }
}

pub(super) const MISSING: Rule =
    rule("envoy-filter-missing", Severity::Error, "a listener that reaches the services past the filter");
pub(super) const DISABLED: Rule = rule(
    "envoy-filter-disabled",
    Severity::Error,
    "a route, or a matcher, for which the filter is switched off",
);
pub(super) const FAIL_OPEN: Rule =
    rule("envoy-fail-open", Severity::Error, "requests that pass while the filter cannot decide");
pub(super) const REWRITE: Rule =
    rule("envoy-rewrite", Severity::Error, "a path or a host that is changed after the decision");
pub(super) const REDIRECT: Rule = rule(
    "envoy-internal-redirect",
    Severity::Error,
    "a response that sends the request elsewhere, without a decision",
);
pub(super) const LATER_FILTER: Rule =
    rule("envoy-later-filter", Severity::Warning, "a filter after ours that can change the path or the host");
pub(super) const IDENTITY: Rule =
    rule("envoy-identity-header", Severity::Error, "an identity header that Envoy writes itself");
pub(super) const CHOICE: Rule = rule(
    "envoy-route-by-header",
    Severity::Error,
    "a route that is chosen by a header which the filter writes or takes off",
);
pub(super) const SHARED_VM: Rule = rule(
    "envoy-vm-shared",
    Severity::Error,
    "another plugin with the filter's `vm_id`: it can write into the shared keys",
);
pub(super) const KEYS_CLUSTER: Rule =
    rule("envoy-keys-cluster", Severity::Error, "keys that come through a cluster that does not exist");
pub(super) const KEYS_UNVALIDATED: Rule = rule(
    "envoy-keys-unvalidated",
    Severity::Error,
    "https keys through a cluster that does not verify the certificate",
);
pub(super) const ROUTES_ELSEWHERE: Rule =
    rule("envoy-routes-elsewhere", Severity::Note, "routes that come from a file that was not named");

pub(super) fn look(inspection: &mut Inspection<'_>, sources: &[Rc<Source>]) -> Result<(), Box<Finding>> {
    if sources.is_empty() {
        return Ok(());
    }
    let files = sources.iter().map(|source| Ok((Rc::clone(source), source.value("envoy")?)));
    let files: Vec<_> = files.collect::<Result<_, Box<Finding>>>()?;
    let survey = Survey::of(&files, &inspection.loaded.policy);
    filters::look(inspection, &survey);
    routes::look(inspection, &survey);
    vm::look(inspection, &survey);
    clusters::look(inspection, &survey);
    Ok(())
}
