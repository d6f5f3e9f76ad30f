//! The report as the README shows it.
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use harness::artifacts::root;

use super::terminal::{bound, interval, measured, others, swept};
use super::{Experiment, Report};
use crate::gateway::Variant;

/// Where the README's plots and figures are, from the repository's root.
pub(crate) const RESULTS: &str = "tests/bench/results";
const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->";

/// Replaces the README's figures by those of this run.
pub(crate) fn publish(report: &Report) -> Result<()> {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).context("read README.md")?;
    let (before, rest) = text.split_once(BEGIN).context("README.md has no place for the benchmark")?;
    let (_, after) = rest.split_once(END).context("README.md has no end of the benchmark")?;
    let text = [before, BEGIN, &render(report), END, after].concat();
    fs::write(&path, text).context("write README.md")
}

/// Machine, versions, command and date; costs, plots, the other figures, and what is to be reached.
pub(super) fn render(report: &Report) -> String {
    let about = &report.about;
    let mut text = format!(
        "`{}` on {}, {}; Envoy {}, {}; commit {}; {}.\n",
        about.command, about.machine, about.kernel, about.envoy, about.rustc, about.commit, about.date
    );
    let costs: Vec<_> =
        report.experiments.iter().filter(|it| it.varies.is_none() && it.workers == 1).collect();
    if !costs.is_empty() {
        text += "\nCPU time of the Envoy process for one request, in us above the bare proxy of the same round (refusals: above a bare \
                 refusal): median, and the interval that holds it with 95 %.\n\n";
        table(&mut text, &costs);
    }
    report.experiments.iter().filter(|it| it.varies.is_some()).for_each(|it| sweep(&mut text, it));
    text.push('\n');
    for plot in super::plot::names(report) {
        let _ = writeln!(text, "![{plot}]({RESULTS}/{plot})");
    }
    text.push('\n');
    for line in others(report) {
        let _ = writeln!(text, "- {line}");
    }
    text += "\n| figure | at most | measured | interval | |\n|---|---|---|---|---|\n";
    for verdict in &report.targets {
        let [median, spread] = measured(verdict);
        let (figure, outcome) = (&verdict.figure, verdict.outcome);
        let _ = writeln!(text, "| {figure} | {} | {median} | {spread} | {outcome} |", bound(verdict));
    }
    text
}

/// One line a variant, one column a parameter.
fn sweep(text: &mut String, experiment: &Experiment) {
    let parameters = experiment.parameters();
    let heads: Vec<_> = parameters.iter().map(usize::to_string).collect();
    let name = &experiment.name;
    let _ = writeln!(text, "\n| {name} | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()));
    for (variant, figures) in swept(experiment) {
        let _ = writeln!(text, "| {} | {} |", variant.name(), figures.join(" | "));
    }
}

fn table(text: &mut String, experiments: &[&Experiment]) {
    let net = |experiment: &Experiment, variant| {
        experiment.cells.iter().find(|cell| cell.variant == variant).and_then(|cell| cell.net)
    };
    let measured = |variant: &Variant| experiments.iter().any(|it| net(it, *variant).is_some());
    let variants: Vec<_> = Variant::ALL.into_iter().filter(measured).collect();
    let names: Vec<_> = variants.iter().map(|variant| variant.name()).collect();
    let _ = writeln!(text, "| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for experiment in experiments {
        let net = |variant: &Variant| net(experiment, *variant).as_ref().map_or_else(String::new, interval);
        let figures: Vec<_> = variants.iter().map(net).collect();
        let _ = writeln!(text, "| {} | {} |", experiment.name, figures.join(" | "));
    }
}
