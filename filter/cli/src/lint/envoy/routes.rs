//! Routes: what switches the filter off for some of them, and what they change after the decision.

use portcullis_engine::header_strip::same_name;
use serde_json::Value;

use super::super::Inspection;
use super::survey::{At, Survey, ours};
use super::{CHOICE, DISABLED, IDENTITY, REDIRECT, REWRITE, ROUTES_ELSEWHERE};

/// Members of a route's action that change what the service sees.
const REWRITES: [(&str, &str); 9] = [
    ("prefix_rewrite", "path"),
    ("regex_rewrite", "path"),
    ("path_rewrite", "path"),
    ("path_rewrite_policy", "path"),
    ("host_rewrite_literal", "host"),
    ("host_rewrite_header", "host"),
    ("host_rewrite_path_regex", "host"),
    ("host_rewrite", "host"),
    ("auto_host_rewrite", "host"),
];
/// Members that follow a redirect of the service, without asking the filters again.
const REDIRECTS: [&str; 2] = ["internal_redirect_policy", "internal_redirect_action"];

pub(super) fn look(inspection: &mut Inspection<'_>, survey: &Survey<'_>) {
    overrides(inspection, survey);
    for action in &survey.actions {
        rewrites(inspection, action);
        let weighted =
            action.field("weighted_clusters").and_then(|weighted| weighted.field("clusters"));
        for part in weighted.iter().flat_map(At::items) {
            rewrites(inspection, &part);
        }
    }
    for manager in &survey.managers {
        let options = manager.field("path_normalization_options");
        if let Some(own) = options.and_then(|options| options.field("http_filter_transformation")) {
            let message = "filters see another path than the service";
            let help =
                "let both be the same: the filter refuses what could be read in two ways by itself";
            inspection.add_at(&REWRITE, own.mark(""), message, help);
        }
        if manager.field("rds").is_some() && !survey.has_routes && ours(manager).next().is_some() {
            let message = "the routes come from elsewhere, and were not looked at";
            let help = "name a file with them too: `--envoy` may be said more than once";
            inspection.add_at(&ROUTES_ELSEWHERE, manager.mark(".rds"), message, help);
        }
    }
    identity(inspection, survey);
    choices(inspection, survey);
}

/// `typed_per_filter_config` that switches one of our filters off.
fn overrides(inspection: &mut Inspection<'_>, survey: &Survey<'_>) {
    let own = survey.managers.iter().flat_map(ours);
    let mut names: Vec<_> = own.filter_map(|(_, filter)| filter.value["name"].as_str()).collect();
    names.push("portcullis");
    for (at, name) in
        survey.overrides.iter().flat_map(|at| names.iter().map(move |name| (at, *name)))
    {
        let off = at.field(name).filter(|of| of.value["disabled"] == Value::Bool(true));
        if let Some(off) = off {
            let message = "the filter is off here: every request passes undecided";
            let help = "remove it, and make the rows public in the policy: a token that is sent is still verified";
            let already = inspection.findings.iter().any(|known| {
                known
                    .mark
                    .as_ref()
                    .is_some_and(|mark| mark.place == format!("{}.disabled", off.place))
            });
            if !already {
                inspection.add_at(&DISABLED, off.mark(".disabled"), message, help);
            }
        }
    }
}

fn rewrites(inspection: &mut Inspection<'_>, action: &At<'_>) {
    for (member, what) in REWRITES {
        let set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        if action.value.get(member).is_some_and(set) {
            let message =
                format!("the service gets another {what} than the one that was decided on");
            let help = format!(
                "let the {what} be, and write the rows for what the service sees; or allow it with a reason"
            );
            inspection.add_at(&REWRITE, action.mark(&format!(".{member}")), message, help);
        }
    }
    for member in REDIRECTS {
        if action.value.get(member).is_some_and(|value| value != "PASS_THROUGH_INTERNAL_REDIRECT") {
            let message =
                "Envoy follows the service's redirects by itself, to where nobody has decided";
            let help = "remove it: clients follow redirects, and are decided again";
            inspection.add_at(&REDIRECT, action.mark(&format!(".{member}")), message, help);
        }
    }
}

/// What the service takes for the gateway's word is written by the filter alone.
fn identity(inspection: &mut Inspection<'_>, survey: &Survey<'_>) {
    let identity = inspection.loaded.policy.identity();
    let written = [
        &*identity.subject_header,
        &*identity.roles_header,
        &*identity.issuer_header,
        &*identity.assertion.header,
    ];
    for addition in survey.additions.iter().flat_map(At::items) {
        let key = addition.value["header"]["key"].as_str().unwrap_or_default();
        if written.iter().any(|written| same_name(written, key)) {
            let message =
                format!("Envoy writes `{key}`, which says who the caller is, after the filter did");
            let help = "remove it, or give the identity header another name in the policy";
            inspection.add_at(&IDENTITY, addition.mark(".header.key"), message, help);
        }
    }
}

/// Envoy chooses the route again when the filter has changed the headers, so `clusters` has judged
/// another route than the one that is taken.
fn choices(inspection: &mut Inspection<'_>, survey: &Survey<'_>) {
    let policy = &inspection.loaded.policy;
    for matcher in
        survey.matches.iter().filter_map(|it| it.field("headers")).flat_map(|it| it.items())
    {
        let name = matcher.value["name"].as_str().unwrap_or_default().to_ascii_lowercase();
        if policy.changes_header(&name) {
            let message = format!(
                "this is chosen by `{name}`, which the filter changes: Envoy chooses again after the decision"
            );
            let help = "choose by the path or the host, which stay as they are";
            inspection.add_at(&CHOICE, matcher.mark(".name"), message, help);
        }
    }
}
