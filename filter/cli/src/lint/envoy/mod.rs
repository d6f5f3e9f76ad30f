//! What in an Envoy configuration makes the filter's decisions void. Files are walked wherever they
//! hold what matters: a bootstrap, a listener or extension resource, a configuration dump.

mod clusters;
mod filters;
mod routes;
mod survey;
mod vm;

use std::rc::Rc;

use serde_json::Value;

use super::{Inspection, Needs, Rule, listed};
use crate::diagnostics::source::{Mark, Source};
use crate::diagnostics::{Finding, Severity};
use survey::{At, Survey};

const fn rule(name: &'static str, severity: Severity, finds: &'static str) -> Rule {
    Rule { name, severity, needs: Needs::Envoy, finds }
}

pub(super) const MISSING: Rule = rule(
    "envoy-filter-missing",
    Severity::Error,
    "a listener that reaches the services past the filter",
);
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
pub(super) const LATER_FILTER: Rule = rule(
    "envoy-later-filter",
    Severity::Warning,
    "a filter after ours that can change the path or the host",
);
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
pub(super) const KEYS_CLUSTER: Rule = rule(
    "envoy-keys-cluster",
    Severity::Error,
    "keys that come through a cluster that does not exist",
);
pub(super) const KEYS_UNVALIDATED: Rule = rule(
    "envoy-keys-unvalidated",
    Severity::Error,
    "https keys through a cluster that does not verify the certificate",
);
pub(super) const ROUTES_ELSEWHERE: Rule = rule(
    "envoy-routes-elsewhere",
    Severity::Note,
    "routes that come from a file that was not named",
);

/// How much of Envoy's configuration was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedAt {
    /// Listeners, each once.
    pub listeners: usize,
    /// Routes of all virtual hosts.
    pub routes: usize,
    /// Clusters, each once.
    pub clusters: usize,
}

/// Looks at Envoy's configuration. Returns how much there was; `None` without one.
///
/// # Errors
/// A file is not YAML or not an Envoy configuration, or no file has a listener, a route or a
/// cluster.
pub(super) fn look(
    inspection: &mut Inspection<'_>,
    sources: &[Rc<Source>],
) -> Result<Option<LookedAt>, Box<Finding>> {
    if sources.is_empty() {
        return Ok(None);
    }
    let files = sources.iter().map(|source| Ok((Rc::clone(source), source.value("envoy")?)));
    let files: Vec<_> = files.collect::<Result<_, Box<Finding>>>()?;
    let survey = Survey::of(&files, &inspection.loaded.policy);
    if let Some(foreign) = survey.foreign.first() {
        return Err(nothing_to_check(foreign));
    }
    let looked_at = survey.looked_at();
    if let (LookedAt { listeners: 0, routes: 0, clusters: 0 }, [(source, value), ..]) =
        (looked_at, &*files)
    {
        return Err(nothing_to_check(&At { source, place: String::new(), value }));
    }
    filters::look(inspection, &survey);
    routes::look(inspection, &survey);
    vm::look(inspection, &survey);
    clusters::look(inspection, &survey);
    Ok(Some(looked_at))
}

/// A check that looks at nothing finds nothing, which must not pass for a good configuration.
fn nothing_to_check(file: &At<'_>) -> Box<Finding> {
    let fields = file.value.as_object().map(|fields| fields.keys().take(5)).into_iter().flatten();
    let fields: Vec<_> = fields.map(|name| name.chars().take(40).collect::<String>()).collect();
    let found = match (&*fields, file.value) {
        ([], Value::Object(_) | Value::Null) => "it is empty".to_owned(),
        ([], _) => "it is not a map".to_owned(),
        (fields, _) => format!("its fields are {}", listed(fields)),
    };
    let message = format!(
        "`{}` has 0 listeners, 0 routes and 0 clusters, and at least one is expected in an Envoy configuration: {found}",
        file.source.name
    );
    let help = "name the file that Envoy starts with, a file of its listeners, routes or clusters, or what its admin interface \
                answers to `/config_dump`";
    // the beginning of the file: all of it is meant
    let mark = Some(Mark { span: 0..0, ..file.mark("") });
    Box::new(Finding {
        help: Some(help.to_owned()),
        mark,
        ..Finding::new(Severity::Error, "envoy", message)
    })
}
