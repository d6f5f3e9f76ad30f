//! What people and machines are told of a finding: one finding, three ways to write it.

use std::borrow::Cow;

use clap::ValueEnum;

pub use crate::diagnostics::human::styled;

use crate::diagnostics::source::Mark;

pub mod exit;
mod github;
mod human;
mod json;
pub mod source;
mod yaml_tree;

/// How to say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, with the line and a mark under the place
    #[default]
    Human,
    /// For programs
    Json,
    /// For GitHub: annotations, and Markdown where a reviewer reads it
    Github,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Should be mended, or allowed with a reason.
    Warning,
    /// Is wrong.
    Error,
}

/// Something to be told, and where it is.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule that found it, in kebab case.
    pub rule: &'static str,
    /// What it is: lower case, no full stop, input in backticks.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Where it is.
    pub mark: Option<Mark>,
    /// The other place, where two contradict each other.
    pub other: Option<Mark>,
    /// More places of the same, listed with a word each.
    pub list: Vec<(Option<Mark>, String)>,
}

impl Severity {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    /// A finding without a place.
    pub fn new(severity: Severity, rule: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity, rule, message, help: None, mark: None, other: None, list: Vec::new() }
    }
}

/// All findings, in a format.
pub fn findings(findings: &[Finding], format: Format) -> String {
    match format {
        Format::Human => findings.iter().map(human::finding).collect::<Vec<_>>().join("\n"),
        Format::Json => json::document(findings),
        Format::Github => findings.iter().map(github::annotation).collect(),
    }
}

/// Why a run could not be, in a format.
pub fn run_error(message: &str, help: Option<&str>, format: Format) -> String {
    let finding =
        Finding { help: help.map(str::to_owned), ..Finding::new(Severity::Error, "run", message) };
    match format {
        Format::Human => {
            let help = help.map(|help| format!("  help: {help}\n")).unwrap_or_default();
            format!("{}: {message}\n{help}", styled(Severity::Error, "error"))
        }
        Format::Json | Format::Github => findings(&[finding], format),
    }
}

/// What is wrong with the arguments is told by repeating them, and one that stands where none
/// belongs may be a token: whatever looks like a JWT (RFC 7519: a JSON object in base64url, then a
/// dot) is left out.
pub fn without_tokens(text: &str) -> String {
    const BEGINS: &str = "eyJ";
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGINS) {
        let (before, from) = rest.split_at(at);
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        told.push_str(before);
        told.push_str(if word.contains('.') { "(a token)" } else { word });
        rest = after;
    }
    told + rest
}

/// The data of findings, to be part of a document.
pub fn data(findings: &[Finding]) -> serde_json::Value {
    findings.iter().map(json::finding).collect()
}

/// Names in backticks, one after the other.
pub(crate) fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A role among others on a line: in quotes where it could be read as several, or as another word
/// that stands there.
pub fn quoted_role(role: &str) -> Cow<'_, str> {
    const WORDS: [&str; 4] = ["anyone", "authenticated", "public", "in"];
    let plain =
        |c: char| !c.is_whitespace() && !matches!(c, '&' | '|' | ',' | '(' | ')' | '"' | '→');
    if !role.is_empty() && role.chars().all(plain) && !WORDS.contains(&role) {
        Cow::Borrowed(role)
    } else {
        Cow::Owned(format!("{role:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{quoted_role, without_tokens};

    #[test]
    fn what_looks_like_a_token_is_left_out_of_what_is_said_about_arguments() {
        for (text, told) in [
            ("unexpected argument 'eyJhbGciOiJub25lIn0.e30.'", "unexpected argument '(a token)'"),
            (
                "\u{1b}[33meyJh.eyJi.x-_9\u{1b}[0m, eyJh.eyJi.c",
                "\u{1b}[33m(a token)\u{1b}[0m, (a token)",
            ),
            ("`Bearer eyJh.e30.é", "`Bearer (a token)é"),
            ("a file eyJ and keyJson", "a file eyJ and keyJson"),
            ("", ""),
        ] {
            assert_eq!(without_tokens(text), told);
        }
    }

    #[test]
    fn a_role_that_could_be_read_as_several_or_as_another_word_is_in_quotes() {
        for role in
            ["customer", "scope:orders.read", "/projects/1", "käufer", "partner-admin", "a&#x", "*"]
        {
            let quoted = quoted_role(role).starts_with('"');
            assert_eq!(quoted, role.contains('&'), "{role}");
        }
        for role in [
            "a & b",
            "a | b",
            "a, b",
            "a  b",
            "a b",
            " a",
            "a (of idp)",
            "a,b",
            "anyone",
            "public",
            "",
        ] {
            assert_eq!(quoted_role(role), format!("\"{role}\""));
        }
        assert_eq!(quoted_role("a\" & \"b"), r#""a\" & \"b""#);
    }
}
