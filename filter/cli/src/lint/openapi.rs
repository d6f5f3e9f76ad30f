//! The role table against what the service says that it offers: every operation has a row, every
//! row an operation.

use std::rc::Rc;

use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::authz::route_template::{Segment, Template};
use portcullis_engine::policy::{Found, Row, RowId, Service};
use serde_json::Value;

use super::{Inspection, Needs, Rule, listed};
use crate::diagnostics::Severity;
use crate::diagnostics::exit::CliError;
use crate::diagnostics::source::Source;
use crate::diff::sample_path::Fresh;

pub(super) const UNDECLARED: Rule = Rule {
    name: "operation-undeclared",
    severity: Severity::Error,
    needs: Needs::OpenApi,
    finds: "an operation of the OpenAPI document that has no row: it is refused to everybody",
};
pub(super) const IDLE: Rule = Rule {
    name: "row-without-operation",
    severity: Severity::Warning,
    needs: Needs::OpenApi,
    finds: "a row that no operation of the OpenAPI document has a use for",
};

/// OpenAPI 3.1, Path Item Object. TRACE cannot have a row.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "query"];

/// What one service offers, by its OpenAPI document.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The service's name in the policy.
    pub service: String,
    source: Rc<Source>,
    operations: Vec<Operation>,
}

#[derive(Clone, Debug)]
struct Operation {
    method: String,
    /// The path template, what stands before all paths included.
    path: String,
    place: String,
}

impl Contract {
    /// Reads a service's document.
    ///
    /// # Errors
    /// It is no OpenAPI document.
    pub fn of(service: &str, source: Rc<Source>) -> Result<Self, CliError> {
        let document = source.value("openapi")?;
        let Some(paths) = document["paths"].as_object() else {
            let message = format!("`{}` is no OpenAPI document: it has no `paths`", source.name);
            return Err(CliError::run(message));
        };
        let base = base(&document);
        let mut operations = Vec::new();
        for (path, item) in paths {
            for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
                operations.push(Operation {
                    method: method.to_ascii_uppercase(),
                    path: format!("{base}{path}"),
                    place: format!("paths.{path}.{method}"),
                });
            }
        }
        Ok(Self { service: service.to_owned(), source, operations })
    }
}

/// The path of the first server, which stands before every path.
fn base(document: &Value) -> String {
    let url = document["servers"][0]["url"].as_str().unwrap_or_default();
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| rest.get(at..).unwrap_or_default()),
        None => url,
    };
    let path = path.trim_end_matches('/');
    if path.starts_with('/') && !path.contains('{') { path.to_owned() } else { String::new() }
}

pub(super) fn look(inspection: &mut Inspection<'_>, contract: &Contract) {
    let services = inspection.services();
    let Some(service) = services.iter().find(|service| service.name() == contract.service) else {
        return;
    };
    let fresh = Fresh::of([service]);
    let mut used: Vec<RowId> = Vec::new();
    for operation in &contract.operations {
        let path = sample(&operation.path, &fresh);
        match CanonicalPath::parse(path.as_bytes())
            .map(|path| service.find(&operation.method, path))
        {
            Ok(Found::Row(row)) => used.push(row.id),
            found => {
                undeclared(inspection, contract, operation, matches!(found, Ok(Found::PathKnown)));
            }
        }
    }
    for (index, row) in service.rows().iter().enumerate() {
        let refines = contract.operations.iter().any(|operation| fits(row, operation));
        if !refines && !used.contains(&row.id) {
            let place = format!("services.{}.routes[{index}].match", service.name());
            let message = format!(
                "`{} {}` is no operation of `{}`",
                row.method, row.template, contract.source.name
            );
            let help = near(row, service, contract);
            inspection.add(&IDLE, &place, message, help);
        }
    }
}

fn undeclared(
    inspection: &mut Inspection<'_>,
    contract: &Contract,
    operation: &Operation,
    path_known: bool,
) {
    let Operation { method, path, place } = operation;
    let mark = Some(contract.source.mark(place).0);
    let known = if path_known { ", though its path has one for another method" } else { "" };
    let message = format!("`{method} {path}` has no row in `services.{}`{known}", contract.service);
    let help = format!("say who may call it: `- {{ match: \"{method} {path}\", roles: […] }}`");
    inspection.add_at(&UNDECLARED, mark, message, help);
}

/// What may have been meant.
fn near(row: &Row, service: &Service, contract: &Contract) -> String {
    let same = |operation: &&Operation| {
        sample(&operation.path, &Fresh::of([service])) == sample_of(&row.template, service)
    };
    let methods: Vec<_> =
        contract.operations.iter().filter(same).map(|operation| &operation.method).collect();
    if methods.is_empty() {
        "remove it, mend its path, or add the operation to the document".to_owned()
    } else {
        format!("that path has {} there: mend the method, or remove the row", listed(methods))
    }
}

fn sample_of(template: &Template, service: &Service) -> String {
    crate::diff::sample_path::path(template, &Fresh::of([service]))
}

/// A path of an operation; a parameter may be a part of a segment here.
fn sample(path: &str, fresh: &Fresh) -> String {
    let mut sample = String::new();
    let mut rest = path;
    while let Some((before, (_, after))) =
        rest.split_once('{').and_then(|(a, b)| Some((a, b.split_once('}')?)))
    {
        sample.push_str(before);
        sample.push_str(fresh.as_str());
        rest = after;
    }
    sample + rest
}

/// Whether the row's paths are among the operation's: a row may be narrower than an operation.
fn fits(row: &Row, operation: &Operation) -> bool {
    let method =
        *row.method == *operation.method || &*row.method == "HEAD" && operation.method == "GET";
    let mut of_operation = operation.path.trim_start_matches('/').split('/');
    let mut of_row = row.template.segments();
    let segments = std::iter::from_fn(|| match (of_row.next(), of_operation.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    method
        && segments.into_iter().all(|pair| match pair {
            (Some(Segment::Literal(literal)), Some(other)) => {
                literal == other || other.contains('{') && !literal.is_empty()
            }
            (Some(Segment::Parameter(_) | Segment::Rest(_)), Some(other)) => other.contains('{'),
            _ => false,
        })
}
