//! `check`: does the policy load, and what is likely to be wrong with it?

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use portcullis_engine::clock::UnixTime;
use serde_json::json;

use crate::diagnostics::exit::{Answer, CliError, ExitStatus};
use crate::diagnostics::source::Source;
use crate::diagnostics::{Format, Severity, styled};
use crate::lint::envoy::LookedAt;
use crate::lint::openapi::Contract;
use crate::lint::{Inputs, Inspected, RULES, inspect};
use crate::policy::Loaded;
use crate::{clock, diagnostics};

/// What `check` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Errors and warnings are a no (exit code 2); notes are not. What is known and wanted is allowed in the policy, with a reason:
  lint: { allow: [{ rule: http-keys, in: providers.keycloak, reason: inside the cluster's network }] }

Example:
  portcullis check teams/*.yaml --openapi shop=backend/openapi.json --envoy envoy/envoy.yaml")]
pub struct Arguments {
    /// The policy; several files are merged
    #[arg(required_unless_present = "rules")]
    policy: Vec<PathBuf>,
    /// An OpenAPI document of a service: every operation needs a row, and every row an operation
    #[arg(long, value_name = "SERVICE=FILE", value_parser = pair)]
    openapi: Vec<(String, PathBuf)>,
    /// A configuration of Envoy: looks for what makes the filter's decisions void
    #[arg(long, value_name = "FILE")]
    envoy: Vec<PathBuf>,
    /// As if it were that time
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<UnixTime>,
    /// List the rules, and do nothing else
    #[arg(long)]
    rules: bool,
}

fn pair(text: &str) -> Result<(String, PathBuf), String> {
    let pair = text.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
    let (name, file) = pair
        .ok_or_else(|| format!("`{text}` is not a service and a file, as `shop=openapi.json`"))?;
    Ok((name.to_owned(), file.into()))
}

/// Checks.
///
/// # Errors
/// An Envoy configuration cannot be checked.
pub fn run(arguments: &Arguments, format: Format) -> Result<Answer, CliError> {
    if arguments.rules {
        return Ok(Answer::fine(rules(format)));
    }
    let loaded = match Loaded::read(&arguments.policy) {
        Ok(loaded) => loaded,
        // that it does not load is the answer here
        Err(CliError::Policy(findings)) => {
            return Ok(Answer {
                text: diagnostics::findings(&findings, format),
                exit: ExitStatus::InvalidPolicy,
            });
        }
        Err(other) => return Err(other),
    };
    let mut inputs = Inputs::default();
    for (service, file) in &arguments.openapi {
        if !loaded.document.services.contains_key(service) {
            let known = loaded
                .document
                .services
                .keys()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ");
            return Err(CliError::helped(
                format!("the policy has no service `{service}`"),
                format!("write one of {known}"),
            ));
        }
        inputs.openapi.push(Contract::of(service, Source::read(file)?)?);
    }
    for path in &arguments.envoy {
        for file in Source::files(path)? {
            inputs.envoy.push(Source::read(&file)?);
        }
    }
    answer(&loaded, &inputs, arguments.at.unwrap_or_else(clock::now), format)
}

/// Checks what has been read.
///
/// # Errors
/// An Envoy configuration cannot be checked.
pub fn answer(
    loaded: &Loaded,
    inputs: &Inputs,
    now: UnixTime,
    format: Format,
) -> Result<Answer, CliError> {
    let inspected = inspect(loaded, inputs, now)?;
    let fine = inspected.findings.iter().all(|finding| finding.severity == Severity::Note);
    let text = match format {
        Format::Human => human(loaded, &inspected),
        Format::Github => diagnostics::findings(&inspected.findings, format),
        Format::Json => json(loaded, &inspected),
    };
    Ok(Answer { text, exit: if fine { ExitStatus::Success } else { ExitStatus::CheckFailed } })
}

fn count(inspected: &Inspected, severity: Severity) -> usize {
    inspected.findings.iter().filter(|finding| finding.severity == severity).count()
}

fn human(loaded: &Loaded, inspected: &Inspected) -> String {
    let mut text = diagnostics::findings(&inspected.findings, Format::Human);
    if !text.is_empty() {
        text.push('\n');
    }
    let counts =
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let counted: Vec<_> = counts
        .iter()
        .map(|(severity, word)| (count(inspected, *severity), *severity, *word))
        .filter(|(count, ..)| *count > 0)
        .map(|(count, severity, word)| {
            let words = format!("{count} {word}{}", if count == 1 { "" } else { "s" });
            styled(severity, &words)
        })
        .collect();
    let policy = &loaded.policy;
    let rows: usize = policy.services().iter().map(|service| service.rows().len()).sum();
    // writing to a String cannot fail
    let _ = write!(
        text,
        "policy {} loads: {}, {}, {}",
        policy.hash(),
        plural(policy.services().len(), "service"),
        plural(rows, "row"),
        plural(policy.providers().len(), "provider"),
    );
    if let Some(envoy) = inspected.envoy {
        let _ = write!(
            text,
            "; Envoy has {}, {}, {}",
            plural(envoy.listeners, "listener"),
            plural(envoy.routes, "route"),
            plural(envoy.clusters, "cluster"),
        );
    }
    let found = if counted.is_empty() { "nothing found".to_owned() } else { counted.join(", ") };
    let _ = write!(text, "; {found}");
    if inspected.allowed > 0 {
        let _ = write!(text, "; {} allowed", inspected.allowed);
    }
    text.push('\n');
    text
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn json(loaded: &Loaded, inspected: &Inspected) -> String {
    let policy = &loaded.policy;
    let mut document = json!({
        "policy": {
            "hash": policy.hash(),
            "services": policy.services().len(),
            "rows": policy.services().iter().map(|service| service.rows().len()).sum::<usize>(),
            "providers": policy.providers().len(),
        },
        "findings": diagnostics::data(&inspected.findings),
        "allowed": inspected.allowed,
    });
    if let Some(LookedAt { listeners, routes, clusters }) = inspected.envoy {
        document["envoy"] =
            json!({ "listeners": listeners, "routes": routes, "clusters": clusters });
    }
    format!("{document:#}\n")
}

fn rules(format: Format) -> String {
    match format {
        Format::Json => {
            let rules = RULES.iter().map(
                |rule| json!({ "name": rule.name, "severity": rule.severity.word(), "finds": rule.finds }),
            );
            format!("{:#}\n", rules.collect::<serde_json::Value>())
        }
        Format::Github => {
            let head = "| rule | severity | finds |\n|---|---|---|\n".to_owned();
            RULES.iter().fold(head, |mut text, rule| {
                let _ = writeln!(
                    text,
                    "| `{}` | {} | {} |",
                    rule.name,
                    rule.severity.word(),
                    rule.finds
                );
                text
            })
        }
        Format::Human => {
            let width = RULES.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
            RULES.iter().fold(String::new(), |mut text, rule| {
                let _ = writeln!(
                    text,
                    "{:width$}  {:7}  {}",
                    rule.name,
                    rule.severity.word(),
                    rule.finds
                );
                text
            })
        }
    }
}
