//! What the policy allows by name, with a reason; and allowances that allow nothing.

use std::borrow::Cow;
use std::rc::Rc;

use portcullis_engine::policy::document::AllowDocument;
use similar::get_close_matches;

use super::{Inputs, Inspected, Inspection, Needs, RULES, Rule};
use crate::diagnostics::{Finding, Severity};
use crate::policy::Loaded;

pub(super) const UNKNOWN: Rule = Rule {
    name: "allow-unknown",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "an allowance of a rule that does not exist",
};
pub(super) const UNUSED: Rule = Rule {
    name: "allow-unused",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "an allowance that allows nothing any more",
};

/// Takes away what is allowed, and says which allowances are of no use.
pub(super) fn settle(mut inspection: Inspection<'_>, inputs: &Inputs) -> Inspected {
    let loaded = inspection.loaded;
    let found = std::mem::take(&mut inspection.findings);
    let total = found.len();
    let mut used = vec![false; loaded.allowed.len()];
    for finding in found {
        let mut allowed = false;
        for ((file, allow), used) in loaded.allowed.iter().zip(&mut used) {
            // a file's allowances are for its own findings, and for those of no policy file
            let foreign = finding.mark.as_ref().is_some_and(|mark| {
                let of = loaded.sources.iter().position(|source| Rc::ptr_eq(source, &mark.source));
                of.is_some_and(|of| of != *file)
            });
            if !foreign && allows(loaded, allow, &finding) {
                *used = true;
                allowed = true;
            }
        }
        if !allowed {
            inspection.findings.push(finding);
        }
    }
    let allowed = total - inspection.findings.len();
    let mut seen = vec![0; loaded.sources.len()];
    for ((file, allow), used) in loaded.allowed.iter().zip(used) {
        let place = format!("lint.allow[{}]", seen[*file]);
        seen[*file] += 1;
        let mark = Some(loaded.sources[*file].mark(&place).0);
        let Some(rule) = RULES.iter().find(|rule| rule.name == allow.rule) else {
            let message = format!("`{}` is no lint rule", allow.rule);
            inspection.add_at(&UNKNOWN, mark, message, nearest(&allow.rule));
            continue;
        };
        let ran = match rule.needs {
            Needs::Policy => true,
            Needs::OpenApi => !inputs.openapi.is_empty(),
            Needs::Envoy => !inputs.envoy.is_empty(),
        };
        if ran && !used {
            let message = format!("`{}` finds nothing here any more", allow.rule);
            inspection.add_at(&UNUSED, mark, message, "remove it: it would hide the next finding");
        }
    }
    inspection.findings.sort_by_key(|finding| {
        let at = finding.mark.as_ref().map(|mark| (mark.source.name.clone(), mark.span.start));
        (std::cmp::Reverse(finding.severity), at)
    });
    Inspected { findings: inspection.findings, allowed, envoy: None }
}

/// Whether it is of the rule, and at the place or inside it.
fn allows(loaded: &Loaded, allow: &AllowDocument, finding: &Finding) -> bool {
    let at = finding.mark.as_ref().map_or("", |mark| mark.place.as_str());
    let inside = |place: &String| {
        let place = by_number(loaded, place);
        at.strip_prefix(&*place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    allow.rule == finding.rule && allow.place.as_ref().is_none_or(inside)
}

/// What may have been meant.
fn nearest(name: &str) -> String {
    const ALL: &str = "`portcullis check --rules` lists all rules";
    let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    match get_close_matches(name, &names, 1, 0.5).first() {
        Some(near) => format!("did you mean `{near}`? {ALL}"),
        None => ALL.to_owned(),
    }
}

/// `services.shop.routes[GET /docs]` is the row of that name: its number changes with every row
/// before it.
fn by_number<'a>(loaded: &Loaded, place: &'a str) -> Cow<'a, str> {
    let row = || {
        let (before, rest) = place.split_once(".routes[")?;
        let (row, rest) = rest.rsplit_once(']')?;
        let service = loaded.document.services.get(before.strip_prefix("services.")?)?;
        let number = service.routes.iter().position(|route| route.endpoint == row)?;
        Some(format!("{before}.routes[{number}]{rest}"))
    };
    row().map_or(Cow::Borrowed(place), Cow::Owned)
}
