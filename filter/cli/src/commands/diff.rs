//! `diff`: what a change of a policy grants and takes, as a reviewer reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use portcullis_engine::clock::UnixTime;

use crate::clock;
use crate::diagnostics::Format;
use crate::diagnostics::exit::{Answer, CliError, ExitStatus};
use crate::diagnostics::quoted_role;
use crate::diff::{Change, Difference, Direction, Endpoint, Sign, Term, When, Who, difference};
use crate::policy::Loaded;

/// What `diff` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Compares by meaning: the order of rows, names of providers and presets that are written out make no difference.
A caller is told by the least that a token must say; `a & b` has both roles, and `\"a & b\"` is one.

Examples:
  git show main:envoy/policy.yaml | portcullis diff - envoy/policy.yaml --fail-on grant
  portcullis diff old.yaml new.yaml --format github >> \"$GITHUB_STEP_SUMMARY\"")]
pub struct Arguments {
    /// The policy before: a file, a folder, or `-`
    old: PathBuf,
    /// The policy after
    new: PathBuf,
    /// Say no (exit code 2) if somebody may do what they could not before, or if there is any
    /// difference
    #[arg(long, value_enum, value_name = "WHAT")]
    fail_on: Option<FailOn>,
    /// As if it were that time: shadow modes end
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<UnixTime>,
}

/// What is a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Somebody may do what they could not before
    Grant,
    /// Any difference
    Any,
}

/// Compares.
///
/// # Errors
/// Why there is no answer.
pub fn run(arguments: &Arguments, format: Format) -> Result<Answer, CliError> {
    let old = Loaded::read_one(&arguments.old)?;
    let new = Loaded::read_one(&arguments.new)?;
    let now = arguments.at.unwrap_or_else(clock::now);
    let difference = difference((&old.document, &old.policy), (&new.document, &new.policy), now)?;
    let text = match format {
        Format::Json => serde_json::to_string_pretty(&difference).unwrap_or_default() + "\n",
        Format::Human => human(&difference),
        Format::Github => markdown(&difference),
    };
    let no = match arguments.fail_on {
        None => false,
        Some(FailOn::Grant) => difference.grants(),
        Some(FailOn::Any) => !difference.is_empty(),
    };
    Ok(Answer { text, exit: if no { ExitStatus::CheckFailed } else { ExitStatus::Success } })
}

/// Who gains and who loses, by endpoint and time.
type Lines<'a> = BTreeMap<(&'a Endpoint, When), [Vec<String>; 2]>;

fn lines(difference: &Difference) -> Lines<'_> {
    let mut lines = Lines::new();
    for Change { endpoint, direction, who, when } in &difference.access {
        let cells = lines.entry((endpoint, *when)).or_default();
        cells[usize::from(*direction == Direction::Taken)].push(caller(who));
    }
    lines
}

/// A caller, in a cell.
fn caller(who: &Who) -> String {
    let Who::Caller { of, signs, claims } = who else { return "anyone".to_owned() };
    let signs: Vec<_> = signs
        .iter()
        .map(|sign| match sign {
            Sign::Role(role) => quoted_role(role).into_owned(),
            Sign::Text { claim, text } => format!("{} in {claim}", quoted_role(text)),
        })
        .collect();
    let mut text = if signs.is_empty() { "authenticated".to_owned() } else { signs.join(" & ") };
    if !of.is_empty() {
        let _ = write!(text, " (of {})", of.join(", "));
    }
    if let Some(claims) = claims {
        let _ = write!(text, " (with roles in {} alone)", claims.join(", "));
    }
    text
}

fn when(when: When) -> String {
    let day = |seconds: u64| clock::day(UnixTime(seconds));
    match (when.from, when.until) {
        (None, None) => String::new(),
        (Some(from), None) => format!(" (from {})", day(from)),
        (None, Some(until)) => format!(" (before {})", day(until)),
        (Some(from), Some(until)) => format!(" ({} to {})", day(from), day(until - 1)),
    }
}

fn change(endpoint: &Endpoint) -> String {
    if endpoint.before == endpoint.after {
        endpoint.after.clone()
    } else {
        format!("{} → {}", endpoint.before, endpoint.after)
    }
}

fn human(difference: &Difference) -> String {
    if difference.is_empty() {
        return "no difference\n".to_owned();
    }
    let mut text = String::new();
    let mut by_service: BTreeMap<&str, Table> = BTreeMap::new();
    for ((endpoint, at), [gains, loses]) in lines(difference) {
        let table = by_service.entry(&endpoint.service).or_insert_with(|| {
            let mut table = Table::new();
            table
                .load_style(presets::UTF8_HORIZONTAL_ONLY)
                .set_content_arrangement(ContentArrangement::Disabled);
            table.set_header(["endpoint", "asks for", "gains", "loses"]);
            table
        });
        let name = format!("{}{}", endpoint.endpoint, when(at));
        table.add_row([name, change(endpoint), signed('+', &gains), signed('-', &loses)]);
    }
    for (service, table) in by_service {
        let _ = writeln!(text, "{service}\n{table}");
    }
    for Term { of, what, direction } in &difference.settings {
        let _ = writeln!(text, "{} {of}: {what}", sign(*direction));
    }
    let _ = writeln!(text, "{}", counted(difference));
    text
}

/// One to a line.
fn signed(sign: char, who: &[String]) -> String {
    who.iter().map(|who| format!("{sign} {who}")).collect::<Vec<_>>().join("\n")
}

const fn sign(direction: Option<Direction>) -> char {
    match direction {
        Some(Direction::Granted) => '+',
        Some(Direction::Taken) => '-',
        None => '~',
    }
}

fn counted(difference: &Difference) -> String {
    let of =
        |direction| difference.access.iter().filter(|change| change.direction == direction).count();
    let others = match difference.settings.len() {
        0 => String::new(),
        1 => "; 1 change of what is asked of every token, or told to services".to_owned(),
        count => format!("; {count} changes of what is asked of every token, or told to services"),
    };
    format!("{} granted, {} taken{others}", of(Direction::Granted), of(Direction::Taken))
}

fn markdown(difference: &Difference) -> String {
    let mut text = "### What this change of the policy grants and takes\n\n".to_owned();
    if difference.is_empty() {
        text.push_str("Nothing: both mean the same.\n");
        return text;
    }
    let _ = writeln!(text, "{}.", counted(difference));
    let mut service = None;
    for ((endpoint, at), [gains, loses]) in lines(difference) {
        if service != Some(&endpoint.service) {
            service = Some(&endpoint.service);
            let _ = writeln!(text, "\n**{}**\n", cell(&endpoint.service));
            text.push_str("| endpoint | asks for | gains | loses |\n|---|---|---|---|\n");
        }
        let code = |who: &[String]| {
            who.iter()
                .map(|who| format!("`{}`", who.replace('`', "'")))
                .collect::<Vec<_>>()
                .join("<br>")
        };
        let _ = writeln!(
            text,
            "| `{}`{} | {} | {} | {} |",
            cell(&endpoint.endpoint),
            when(at),
            cell(&change(endpoint)),
            cell(&code(&gains)),
            cell(&code(&loses))
        );
    }
    if !difference.settings.is_empty() {
        text.push_str("\n**Of every token, and to services**\n\n");
    }
    for Term { of, what, direction } in &difference.settings {
        let word = match direction {
            Some(Direction::Granted) => "grants",
            Some(Direction::Taken) => "takes",
            None => "changes",
        };
        let _ = writeln!(text, "- {word}: {of}: {what}");
    }
    text
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
