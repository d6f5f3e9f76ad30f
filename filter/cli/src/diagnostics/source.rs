//! Files that people write: YAML or JSON, read so that every finding can show its line.

use std::io;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Error;

use crate::diagnostics::exit::CliError;
use crate::diagnostics::yaml_tree::Node;
use crate::diagnostics::{Finding, Severity};

/// A file, and where everything stands in it.
#[derive(Debug)]
pub struct Source {
    /// Its name, as it was said.
    pub name: String,
    /// Its text.
    pub text: String,
    root: Option<Rc<Node>>,
}

/// Some bytes of a file, to be shown.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The file.
    pub source: Rc<Source>,
    /// The place by its names, as `services.shop.routes[3]`; may be empty.
    pub place: String,
    /// The bytes.
    pub span: Range<usize>,
}

impl Source {
    /// A text under a name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Rc<Self> {
        let text = text.into();
        let root = Node::parse(&text);
        Rc::new(Self { name: name.into(), text, root })
    }

    /// Reads a file; `-` is the standard input.
    ///
    /// # Errors
    /// It cannot be read, or is not UTF-8.
    pub fn read(path: &Path) -> Result<Rc<Self>, CliError> {
        let name = path.display().to_string();
        let text = Self::text(path)
            .map_err(|error| CliError::run(format!("`{name}` cannot be read: {error}")))?;
        Ok(Self::new(name, text))
    }

    /// The text of a file; `-` is the standard input.
    ///
    /// # Errors
    /// It cannot be read, or is not UTF-8.
    pub fn text(path: &Path) -> io::Result<String> {
        if path != Path::new("-") {
            return std::fs::read_to_string(path);
        }
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        Ok(text)
    }

    /// The files that a path stands for: itself, or those of a folder that are YAML or JSON, by
    /// name.
    ///
    /// # Errors
    /// The folder cannot be read, or holds none.
    pub fn files(path: &Path) -> Result<Vec<PathBuf>, CliError> {
        if !path.is_dir() {
            return Ok(vec![path.to_owned()]);
        }
        let failed = |error| CliError::run(format!("`{}` cannot be read: {error}", path.display()));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let extension = file.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("yaml" | "yml" | "json")) && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            let message =
                format!("`{}` has no file that ends in .yaml, .yml or .json", path.display());
            return Err(CliError::run(message));
        }
        Ok(files)
    }

    /// What it says.
    ///
    /// # Errors
    /// It is no YAML, or not of that shape; with the line.
    pub fn parse<T: DeserializeOwned>(
        self: &Rc<Self>,
        rule: &'static str,
    ) -> Result<T, Box<Finding>> {
        // YAML 1.2: `no` and `on` are names like any other
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(&self.text, options).map_err(|error| {
            let error = error.without_snippet();
            let at = error.location().map_or(0..0, |at| self.bytes(at.line(), at.column()));
            let (message, help) = told(error);
            let mark = Mark { source: Rc::clone(self), place: String::new(), span: at };
            let help = Some(help.to_owned());
            Box::new(Finding {
                help,
                mark: Some(mark),
                ..Finding::new(Severity::Error, rule, message)
            })
        })
    }

    /// What it says, as JSON.
    ///
    /// # Errors
    /// It is no YAML; with the line.
    pub fn value(self: &Rc<Self>, rule: &'static str) -> Result<Value, Box<Finding>> {
        self.parse(rule)
    }

    /// Where a place is written, or the nearest that is; and how much of it was found.
    pub fn mark(self: &Rc<Self>, place: &str) -> (Mark, usize) {
        let found = self.root.as_ref().map(|root| root.find(place));
        let (span, matched) = found.map_or((0..0, 0), |found| (found.mark, found.matched));
        (Mark { source: Rc::clone(self), place: place.to_owned(), span }, matched)
    }

    /// Where the name of a place is written.
    pub fn mark_name(self: &Rc<Self>, place: &str) -> Mark {
        let (mark, _) = self.mark(place);
        let name = self.root.as_ref().and_then(|root| root.find(place).name);
        Mark { span: name.unwrap_or_else(|| mark.span.clone()), ..mark }
    }

    /// The rest of the line from a position on; both count from 1, the column in characters.
    fn bytes(&self, line: u64, column: u64) -> Range<usize> {
        let nth = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(0);
        let start = self.text.split_inclusive('\n').take(nth(line)).map(str::len).sum::<usize>();
        let rest = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let offset = rest.char_indices().nth(nth(column)).map_or(rest.len(), |(at, _)| at);
        start + offset..start + rest.trim_end().len().max(offset)
    }
}

impl Mark {
    /// Line and column of the first byte and of the one after the last; all count from 1, columns
    /// in characters.
    pub fn lines(&self) -> [(usize, usize); 2] {
        [self.span.start, self.span.end].map(|at| {
            let before = self.source.text.get(..at).unwrap_or(&self.source.text);
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            (
                before.matches('\n').count() + 1,
                before.get(start..).unwrap_or_default().chars().count() + 1,
            )
        })
    }
}

/// What is wrong, and how to mend it.
pub(super) fn told(error: &Error) -> (String, &'static str) {
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map_or_else(|| "a name".to_owned(), |key| format!("`{key}`"));
            (format!("{key} is written twice"), "keep one of the two")
        }
        Error::MultipleDocuments { .. } => {
            ("it holds several YAML documents".to_owned(), "write each into a file of its own")
        }
        Error::SerdeUnknownField { field, expected, .. } => {
            let expected = super::listed(expected);
            (
                format!("unknown field `{field}`, expected one of {expected}"),
                "mend its name, or remove it",
            )
        }
        Error::SerdeMissingField { field, .. } => (format!("missing field `{field}`"), "add it"),
        Error::Message { msg, .. } => (msg.clone(), "write what is expected there"),
        other => {
            let line = other.to_string();
            let line = line.lines().next().unwrap_or_default();
            let cut = line.find(" at line ").map_or(line, |at| line.get(..at).unwrap_or(line));
            let said = cut.trim_start_matches("error: ").trim_end_matches([',', ':', '.']);
            (format!("it is no YAML: {said}"), "mend the line, or one before it")
        }
    }
}
