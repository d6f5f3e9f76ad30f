//! Policies from files: read, merged, compiled; and the way back from a place to a line.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use portcullis_engine::policy::document::AllowDocument;
use portcullis_engine::policy::{Document, Policy, PolicyError, PolicyErrors, merge};

use crate::diagnostics::exit::CliError;
use crate::diagnostics::source::{Mark, Source};
use crate::diagnostics::{Finding, Severity};

/// The rule's name of what keeps a policy from loading.
const RULE: &str = "policy";

/// A policy that loads, and the files that say it.
#[derive(Debug)]
pub struct Loaded {
    /// The files, in the order that they were named in.
    pub sources: Vec<Rc<Source>>,
    /// What they say together.
    pub document: Document,
    /// What it means.
    pub policy: Rc<Policy>,
    /// What each file allows, by the file's place among `sources`.
    pub allowed: Vec<(usize, AllowDocument)>,
}

impl Loaded {
    /// Reads, merges and compiles files; a folder stands for its files.
    ///
    /// # Errors
    /// A file cannot be read, or the policy does not load.
    pub fn read(paths: &[PathBuf]) -> Result<Self, CliError> {
        let mut sources = Vec::new();
        for path in paths {
            for file in Source::files(path)? {
                sources.push(Source::read(&file)?);
            }
        }
        Self::of(sources)
    }

    /// Reads, merges and compiles one file, or the files of a folder.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_one(path: &Path) -> Result<Self, CliError> {
        Self::read(&[path.to_owned()])
    }

    /// Merges and compiles texts.
    ///
    /// # Errors
    /// The policy does not load.
    pub fn of(sources: Vec<Rc<Source>>) -> Result<Self, CliError> {
        let mut documents = Vec::new();
        let mut findings = Vec::new();
        for source in &sources {
            match document(source) {
                Ok(document) => documents.push((source.name.clone(), document)),
                Err(found) => findings.extend(found),
            }
        }
        if !findings.is_empty() {
            return Err(CliError::Policy(findings));
        }
        let allowed = documents.iter().enumerate().flat_map(|(index, (_, document))| {
            document.lint.allow.iter().map(move |allow| (index, allow.clone()))
        });
        let allowed = allowed.collect();
        let refused = |errors: PolicyErrors| CliError::Policy(told(&sources, &errors));
        let (document, policy) = if let [(_, only)] = documents.as_slice() {
            // as the gateway reads it
            (only.clone(), Policy::compile(only).map_err(refused)?)
        } else {
            let merged = merge(documents).map_err(refused)?;
            (merged.document().clone(), merged.compile().map_err(refused)?)
        };
        Ok(Self { sources, document, policy: Rc::new(policy), allowed })
    }

    /// Where a place is written, or the nearest that is: a name belongs to one file.
    pub fn mark(&self, place: &str) -> Option<Mark> {
        mark(&self.sources, place)
    }
}

fn document(source: &Rc<Source>) -> Result<Document, Vec<Finding>> {
    let value = source.value(RULE).map_err(|finding| vec![*finding])?;
    let errors = Document::from_json(value.to_string().as_bytes());
    errors.map_err(|errors| told(std::slice::from_ref(source), &errors))
}

fn told(sources: &[Rc<Source>], errors: &PolicyErrors) -> Vec<Finding> {
    errors.iter().map(|error| finding(sources, error)).collect()
}

fn finding(sources: &[Rc<Source>], error: &PolicyError) -> Finding {
    let PolicyError { place, message, help, other } = error;
    let mut mark = in_file(sources, place);
    if message.starts_with("unknown field") {
        // what is unknown is its name
        mark = mark.map(|mark| mark.source.mark_name(&mark.place));
    }
    Finding {
        help: Some(help.clone()),
        mark,
        other: other.as_ref().and_then(|other| in_file(sources, other)),
        ..Finding::new(Severity::Error, RULE, message)
    }
}

/// The mark of a place that may begin with its file's name.
fn in_file(sources: &[Rc<Source>], place: &str) -> Option<Mark> {
    let named = sources.iter().find_map(|source| {
        Some((source, place.strip_prefix(source.name.as_str())?.strip_prefix(':')?.trim_start()))
    });
    match named {
        Some((source, place)) => Some(source.mark(place).0),
        None => mark(sources, place),
    }
}

fn mark(sources: &[Rc<Source>], place: &str) -> Option<Mark> {
    let marks = sources.iter().map(|source| source.mark(place));
    // of several files, the first that knows most of it
    marks.rev().max_by_key(|(_, matched)| *matched).map(|(mark, _)| mark)
}
