//! Findings as workflow commands, which GitHub shows beside the line.

use std::fmt::Write as _;

use crate::diagnostics::{Finding, Severity};

/// One command on one line.
pub(super) fn annotation(finding: &Finding) -> String {
    let command = match finding.severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut properties = Vec::new();
    if let Some(mark) = &finding.mark {
        let [(line, column), (end_line, end_column)] = mark.lines();
        properties.push(format!("file={}", property(&mark.source.name)));
        properties.push(format!("line={line}"));
        properties.push(format!("col={column}"));
        properties.push(format!("endLine={end_line}"));
        properties.push(format!("endColumn={end_column}"));
    }
    properties.push(format!("title={}", property(finding.rule)));
    let mut text = finding.message.clone();
    for (mark, item) in &finding.list {
        let at = mark.as_ref().map(|mark| format!("{}:{}: ", mark.source.name, mark.lines()[0].0));
        let _ = write!(text, "\n{}{item}", at.unwrap_or_default());
    }
    if let Some(other) = &finding.other {
        let _ = write!(text, "\nsee {}:{}", other.source.name, other.lines()[0].0);
    }
    if let Some(help) = &finding.help {
        let _ = write!(text, "\nhelp: {help}");
    }
    format!("::{command} {}::{}\n", properties.join(","), escaped(&text))
}

/// The text of a command.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
