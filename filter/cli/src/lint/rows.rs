//! Rows that no request reaches, and rows that everybody reaches.

use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::policy::{Found, Row, Service};

use super::{Inspection, Needs, Rule};
use crate::diagnostics::Severity;
use crate::diff::sample_path::{Fresh, deeper};

pub(super) const UNREACHABLE: Rule = Rule {
    name: "row-unreachable",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "a row that no request reaches: others are always more specific",
};
pub(super) const PUBLIC: Rule = Rule {
    name: "public-rows",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "the rows that anyone may call, listed",
};

pub(super) fn look(inspection: &mut Inspection<'_>) {
    for service in inspection.services() {
        unreachable(inspection, service);
        public(inspection, service);
    }
}

fn unreachable(inspection: &mut Inspection<'_>, service: &Service) {
    let fresh = Fresh::of([service]);
    let depth = service.rows().iter().map(|row| row.template.segments().count()).max().unwrap_or(0);
    for (index, row) in service.rows().iter().enumerate() {
        // whatever does not end in a rest is reached by a path of its own
        let Some(paths) = deeper(&row.template, &fresh, depth) else { continue };
        let decides = |path: &String| found(service, &row.method, path).map(|found| found.id);
        let deciding: Vec<_> = paths.iter().map(decides).collect();
        if deciding.iter().all(|decides| *decides != Some(row.id)) {
            let place = format!("services.{}.routes[{index}].match", service.name());
            let message = format!("no request reaches `{} {}`", row.method, row.template);
            let help = "remove it, or one of the more specific rows that take all of its paths";
            let other = deciding.into_iter().flatten().next();
            let other = other.and_then(|id| service.rows().iter().position(|row| row.id == id));
            let other = other.and_then(|index| {
                inspection
                    .loaded
                    .mark(&format!("services.{}.routes[{index}].match", service.name()))
            });
            inspection.add(&UNREACHABLE, &place, message, help).other = other;
        }
    }
}

fn found<'p>(service: &'p Service, method: &str, path: &str) -> Option<&'p Row> {
    match service.find(method, CanonicalPath::parse(path.as_bytes()).ok()?) {
        Found::Row(row) => Some(row),
        Found::PathKnown | Found::Nothing => None,
    }
}

fn public(inspection: &mut Inspection<'_>, service: &Service) {
    let rows = service.rows().iter().enumerate().filter(|(_, row)| row.requirement.is_public());
    let list: Vec<_> = rows
        .map(|(index, row)| {
            let place = format!("services.{}.routes[{index}]", service.name());
            (inspection.loaded.mark(&place), format!("{} {}", row.method, row.template))
        })
        .collect();
    if !list.is_empty() {
        let count = list.len();
        let rows = if count == 1 { "row of" } else { "rows of" };
        let message =
            format!("anyone may call {count} {rows} `{}`, without a token", service.name());
        let place = format!("services.{}.routes", service.name());
        let finding = inspection.add(&PUBLIC, &place, message, "");
        finding.list = list;
    }
}
