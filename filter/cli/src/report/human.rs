//! Findings for people, as rustc writes them: the line, a mark under the place, and the mend. Always with colours; whoever
//! prints takes them off where there is no terminal.

use std::fmt;
use std::fmt::Write as _;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::{Finding, Severity};
use crate::source::Mark;

/// Columns; also what is not printed on a terminal is read on one.
const WIDTH: usize = 110;

/// One finding.
pub(super) fn finding(finding: &Finding) -> String {
    let shown = Shown::of(finding);
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
        .with_width(WIDTH)
        .with_links(false)
        .with_context_lines(1)
        .with_break_words(false);
    let mut text = format!(
        "{}: {}\n",
        styled(finding.severity, &format!("{}[{}]", finding.severity.word(), finding.rule)),
        finding.message
    );
    // a list of lines says more than the line before it
    let listed = finding.severity == Severity::Note && !finding.list.is_empty();
    if shown.main.is_some() && !listed {
        let mut drawn = String::new();
        // writing to a String cannot fail
        let _ = handler.render_report(&mut drawn, &shown);
        // the header says the message once more
        text.push_str(drawn.split_once('\n').map_or("", |(_, rest)| rest.trim_start_matches('\n')));
    } else if let Some(help) = &finding.help {
        let _ = writeln!(text, "  help: {help}");
    }
    for (mark, item) in &finding.list {
        let at = mark.as_ref().map(|mark| format!("{}:{}: ", mark.source.name, mark.lines()[0].0));
        let _ = writeln!(text, "  {}{item}", at.unwrap_or_default());
    }
    text
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

/// A finding as miette draws it.
#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    main: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    related: Vec<Elsewhere>,
}

/// The other place, in another file.
#[derive(Debug)]
struct Elsewhere {
    source: NamedSource<String>,
    label: LabeledSpan,
}

impl<'a> Shown<'a> {
    fn of(finding: &'a Finding) -> Self {
        let main = finding.mark.as_ref().map(source);
        let mut labels: Vec<_> = finding.mark.as_ref().map(|mark| label(mark, "here")).into_iter().collect();
        let mut related = Vec::new();
        if let Some(other) = &finding.other {
            if finding.mark.as_ref().is_some_and(|mark| mark.source.name == other.source.name) {
                labels.push(label(other, "and here"));
            } else {
                related.push(Elsewhere { source: source(other), label: label(other, "and here") });
            }
        }
        Self { finding, main, labels, related }
    }
}

fn source(mark: &Mark) -> NamedSource<String> {
    NamedSource::new(&mark.source.name, mark.source.text.clone())
}

fn label(mark: &Mark, word: &str) -> LabeledSpan {
    let text = if mark.place.is_empty() { word.to_owned() } else { mark.place.clone() };
    LabeledSpan::new(Some(text), mark.span.start, mark.span.len())
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("finding")
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.finding.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.main.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        let related = self.related.iter().map(|elsewhere| elsewhere as &dyn Diagnostic);
        (!self.related.is_empty()).then(|| Box::new(related) as Box<dyn Iterator<Item = _>>)
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other place")
    }
}

impl std::error::Error for Elsewhere {}

impl Diagnostic for Elsewhere {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}
