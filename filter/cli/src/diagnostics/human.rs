//! Findings for people, as rustc writes them: the line, a mark under the place, and the mend.
//! Always with colours; whoever prints takes them off where there is no terminal.

use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use crate::diagnostics::source::Mark;
use crate::diagnostics::{Finding, Severity};

/// Columns; also what is not printed on a terminal is read on one.
const WIDTH: usize = 110;

/// Bytes of a line that nobody reads as one, as a document has that a program wrote.
const LONG: usize = 2000;

/// Lines between two places that are shown in one piece.
const NEAR: usize = 6;

/// One finding.
pub(super) fn finding(finding: &Finding) -> String {
    let mut text = format!(
        "{}: {}\n",
        styled(finding.severity, &format!("{}[{}]", finding.severity.word(), finding.rule)),
        finding.message
    );
    // a list of lines says more than the line before it
    let listed = finding.severity == Severity::Note && !finding.list.is_empty();
    let marks = finding.mark.iter().filter(|_| !listed).chain(&finding.other);
    for piece in pieces(marks) {
        text.push_str(&drawn(finding.severity, &piece));
    }
    if let Some(help) = &finding.help {
        let _ = writeln!(text, "  {}: {help}", styled(Severity::Note, "help"));
    }
    for (mark, item) in &finding.list {
        let at = mark.as_ref().map(|mark| format!("{}:{}: ", mark.source.name, mark.lines()[0].0));
        let _ = writeln!(text, "  {}{item}", at.unwrap_or_default());
    }
    text
}

/// Marks that are shown together: those near each other in one file.
fn pieces<'a>(marks: impl Iterator<Item = &'a Mark>) -> Vec<Vec<&'a Mark>> {
    let mut pieces: Vec<Vec<&Mark>> = Vec::new();
    for mark in marks {
        let near = |other: &&Mark| {
            let lines = [mark, other].map(|mark| mark.lines()[0].0);
            mark.source.name == other.source.name && lines[0].abs_diff(lines[1]) <= NEAR
        };
        match pieces.last_mut().filter(|piece| piece.iter().any(near)) {
            Some(piece) => piece.push(mark),
            None => pieces.push(vec![mark]),
        }
    }
    pieces
}

/// Lines of a file, with the marks under their places.
fn drawn(severity: Severity, marks: &[&Mark]) -> String {
    let Some(first) = marks.first() else { return String::new() };
    if marks.iter().any(|mark| is_long(mark)) {
        let place = |mark: &&Mark| {
            format!("  {}:{}: {}\n", mark.source.name, mark.lines()[0].0, mark.place)
        };
        return marks.iter().map(place).collect();
    }
    let shown = Shown {
        severity,
        source: NamedSource::new(&first.source.name, first.source.text.clone()),
        labels: marks.iter().map(|mark| label(mark)).collect(),
    };
    let mut drawn = String::new();
    // writing to a String cannot fail
    let _ = GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
        .with_width(WIDTH)
        .with_links(false)
        .with_context_lines(1)
        .render_report(&mut drawn, &shown);
    // the first lines are the message, which stands above already
    drawn.split_once('\n').map_or("", |(_, rest)| rest.trim_start_matches('\n')).to_owned()
}

/// Whether a line of a mark, or the one before or after it, is too long to be drawn.
fn is_long(mark: &Mark) -> bool {
    let text = |range: Range<usize>| mark.source.text.get(range).unwrap_or_default();
    let Range { start, end } = mark.span;
    let (before, within, after) =
        (text(0..start), text(start..end), text(end..mark.source.text.len()));
    let near =
        before.rsplit('\n').take(2).chain(within.split('\n')).chain(after.split('\n').take(2));
    near.into_iter().any(|part| part.len() > LONG)
}

/// A word in the colour of a severity.
pub fn styled(severity: Severity, text: &str) -> String {
    let colour = match severity {
        Severity::Note => 36,
        Severity::Warning => 33,
        Severity::Error => 31,
    };
    format!("\u{1b}[1;{colour}m{text}\u{1b}[0m")
}

/// What miette draws.
#[derive(Debug)]
struct Shown {
    severity: Severity,
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
}

fn label(mark: &Mark) -> LabeledSpan {
    let text = if mark.place.is_empty() { "here" } else { &mark.place };
    LabeledSpan::new(Some(text.to_owned()), mark.span.start, mark.span.len())
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("finding")
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
