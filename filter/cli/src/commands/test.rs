//! `test`: a table of cases, decided; and the golden table of roles and endpoints.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use portcullis_engine::clock::UnixTime;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use crate::diagnostics::exit::{Answer, CliError, ExitStatus};
use crate::diagnostics::source::Source;
use crate::diagnostics::{Finding, Format, Severity, styled};
use crate::diff::matrix::matrix;
use crate::policy::Loaded;
use crate::simulate::caller::Stage;
use crate::simulate::cases::{Cases, Decided, decide};
use crate::{clock, diagnostics};

/// What `test` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
A table of cases is YAML. A caller is named, or written on the spot by its roles; `anyone` has no token. What is expected is
`allow`, `refuse`, the id of a reason, or `{ shadow: REASON }`:
  callers:
    alice: { roles: [customer] }
  cases:
    - { request: GET /orders/7,           as: alice,              expect: allow }
    - { request: [GET /me, GET /orders],  as: anyone,             expect: token-missing }
    - { request: POST /products,          as: { roles: [auditor] }, expect: role-missing }

Examples:
  portcullis test envoy/policy.yaml cases.yaml
  portcullis test envoy/policy.yaml --matrix envoy/matrix/shop.txt --current")]
pub struct Arguments {
    /// The policy: a file, or a folder
    policy: PathBuf,
    /// Tables of cases
    #[arg(required_unless_present = "matrix")]
    cases: Vec<PathBuf>,
    /// Write the table of roles and endpoints
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Do not write the table: say no if the file is not current
    #[arg(long, requires = "matrix")]
    current: bool,
    /// As if it were that time
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<UnixTime>,
}

/// Tests.
///
/// # Errors
/// Why there is no answer.
pub fn run(arguments: &Arguments, format: Format) -> Result<Answer, CliError> {
    let loaded = Loaded::read_one(&arguments.policy)?;
    let mut findings = Vec::new();
    let mut passed = 0;
    let mut stage = Stage::with_own_keys(&loaded.document)?;
    for path in &arguments.cases {
        for file in Source::files(path)? {
            let source = Source::read(&file)?;
            let cases: Cases = source.parse("cases")?;
            let now = arguments.at.unwrap_or_else(clock::now);
            for decided in decide(&mut stage, &loaded.document, &cases, now) {
                if decided.passed() {
                    passed += 1;
                } else {
                    findings.push(failed(&source, &decided));
                }
            }
        }
    }
    let mut outdated = None;
    if let Some(file) = &arguments.matrix {
        let table = matrix(&loaded.document, &loaded.policy);
        outdated = if arguments.current { differs(file, &table)? } else { written(file, &table)? };
    }
    let exit = if findings.is_empty() && outdated.is_none() {
        ExitStatus::Success
    } else {
        ExitStatus::CheckFailed
    };
    let failures = findings.len();
    findings.extend(outdated);
    let text = match format {
        Format::Json => {
            let document = json!({ "passed": passed, "failed": failures, "findings": diagnostics::data(&findings) });
            format!("{document:#}\n")
        }
        Format::Github => diagnostics::findings(&findings, format),
        Format::Human => {
            let mut text = diagnostics::findings(&findings, format);
            if !text.is_empty() {
                text.push('\n');
            }
            if !arguments.cases.is_empty() {
                let word = format!("{failures} failed");
                let word = if failures > 0 { styled(Severity::Error, &word) } else { word };
                let _ = writeln!(text, "{passed} passed, {word}");
            }
            if let (Some(file), true) = (&arguments.matrix, exit == ExitStatus::Success) {
                let done = if arguments.current { "is current" } else { "is written" };
                let _ = writeln!(text, "{} {done}", file.display());
            }
            text
        }
    };
    Ok(Answer { text, exit })
}

fn failed(source: &Rc<Source>, decided: &Decided) -> Finding {
    let Decided { line, request, who, expected, came } = decided;
    let mark = Some(source.mark(&format!("cases[{line}]")).0);
    let asked = format!("`{request}` as `{who}`");
    match came {
        Err(why) => Finding {
            mark,
            ..Finding::new(Severity::Error, "case", format!("{asked} cannot be asked: {why}"))
        },
        Ok((came, explanation)) => {
            let mut list = vec![
                (None, format!("- expected: {expected}")),
                (None, format!("+ decided:  {came}")),
            ];
            let because = explanation.steps.iter().flat_map(|step| &step.because);
            list.extend(because.map(|line| (None, format!("  {line}"))));
            Finding {
                mark,
                list,
                ..Finding::new(
                    Severity::Error,
                    "case",
                    format!("{asked} was not decided as expected"),
                )
            }
        }
    }
}

fn written(file: &Path, table: &str) -> Result<Option<Finding>, CliError> {
    let done = std::fs::write(file, table);
    done.map(|()| None)
        .map_err(|error| CliError::run(format!("`{}` cannot be written: {error}", file.display())))
}

/// What a golden file does not say, or says no more.
fn differs(file: &Path, table: &str) -> Result<Option<Finding>, CliError> {
    let source = Source::read(file)?;
    if source.text == table {
        return Ok(None);
    }
    let diff = TextDiff::from_lines(source.text.as_str(), table);
    let lines = diff.iter_all_changes().filter_map(|change| {
        let sign = match change.tag() {
            ChangeTag::Equal => return None,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        Some((None, format!("{sign} {}", change.value().trim_end())))
    });
    let message = format!("`{}` is not what the policy says any more", file.display());
    Ok(Some(Finding {
        help: Some(
            "write it again without `--current`, and let a reviewer read its diff".to_owned(),
        ),
        list: lines.collect(),
        ..Finding::new(Severity::Error, "matrix", message)
    }))
}
