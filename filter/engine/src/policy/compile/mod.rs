//! From the document to the policy. Every mistake is collected, each with its place, so that a
//! person sees all at once; one concept a file.

mod identity;
mod jwks;
pub(super) mod limits;
mod providers;
mod roles;
mod services;

use crate::header_strip::HeaderRules;
use crate::model::Mode;
use crate::model::Policy;
use crate::policy::document::Document;
use crate::policy::error::{Errors, Place, PolicyErrors};
use crate::policy::hash::hash;
use crate::policy::merge::Origins;

impl Policy {
    /// Checks a document and makes it fast to ask.
    ///
    /// # Errors
    /// Every mistake that was found, not only the first.
    pub fn compile(document: &Document) -> Result<Self, PolicyErrors> {
        compile(document, &Origins::default())
    }
}

/// Compiles a document whose parts come from the files that `origins` knows.
pub(super) fn compile(document: &Document, origins: &Origins) -> Result<Policy, PolicyErrors> {
    let mut errors = Errors::default();
    let resolved = document.resolved_providers();
    let headers = identity::compile(document, origins, &mut errors);
    let providers = providers::compile(&resolved, &headers.reserved, origins, &mut errors);
    let header_lists = identity::compile_header_rules(
        document,
        &headers,
        &providers.sources,
        origins,
        &mut errors,
    );
    let mode = document.mode.map_or(Mode::Enforce, Mode::from);
    let services = services::compile(document, &providers, mode, origins, &mut errors);
    let bounds = limits::compile(document, origins, &mut errors);
    let problem_base = limits::problem_base(document, origins, &mut errors);
    limits::check_lint(&Place::document(None), &document.lint, &mut errors);
    errors.none_or(())?;
    Ok(Policy {
        providers: providers.list.into(),
        issuers: providers.issuers,
        services: services.list.into(),
        hosts: services.hosts,
        header_rules: HeaderRules::new(header_lists, &providers.sources),
        sources: providers.sources.into(),
        identity: headers.identity,
        limits: bounds.limits,
        waiting: bounds.waiting,
        cache: bounds.cache,
        problem_base,
        mode,
        role_names: services.role_names,
        access_log: document.access_log,
        hash: hash(document, &resolved),
    })
}

/// The document's own place for a top-level field.
fn document_of<'a>(origins: &'a Origins, field: &str) -> Place<'a> {
    Place::document(origins.field(field))
}
