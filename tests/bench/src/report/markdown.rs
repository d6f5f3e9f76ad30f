//! The report as tests/bench/README.md shows it.
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use harness::artifacts::root;

use super::by_variant::ByVariant;
use super::terminal::{
    AMPLIFICATION, amplification_lines, amplification_title, bound, interval, measured, others,
    swept,
};
use super::{Experiment, Report};

/// The document with the figures, from the repository's root.
const DOCUMENT: &str = "tests/bench/README.md";
/// The plots and figures that it shows, from the repository's root.
pub(crate) const RESULTS: &str = "tests/bench/results";
const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->";

/// Replaces the published figures by those of this run.
pub(crate) fn publish(report: &Report) -> Result<()> {
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("read {DOCUMENT}"))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .with_context(|| format!("{DOCUMENT} has no line `{}`", BEGIN.trim_end()))?;
    let (_, after) =
        rest.split_once(END).with_context(|| format!("{DOCUMENT} has no line `{END}`"))?;
    let text = [before, BEGIN, &render(report), END, after].concat();
    fs::write(&path, text).with_context(|| format!("write {DOCUMENT}"))
}

/// Machine, versions, command and date; costs, plots, the other figures, and what is to be reached.
pub(super) fn render(report: &Report) -> String {
    let about = &report.about;
    let mut text = format!(
        "`{}` on {}, {}; Envoy {}, {}; commit {}; {}.\n",
        about.command,
        about.machine,
        about.kernel,
        about.envoy,
        about.rustc,
        about.commit,
        about.date
    );
    for (workers, experiments) in report.cost_tables() {
        let _ = writeln!(
            text,
            "\nCPU time of the Envoy process for one request with {workers} worker(s), in us above the bare proxy of the same round \
             (refusals: above a bare refusal): median, and the interval that holds it with 95 %.\n"
        );
        table(
            &mut text,
            &ByVariant::of_experiments(&experiments, |cell| cell.net.as_ref().map(interval)),
        );
        if let Some(latencies) = ByVariant::of_latencies(&experiments) {
            let _ = writeln!(
                text,
                "\nLatency at {} requests a second with {workers} worker(s), in us from when each was due: p50 / p99.\n",
                report.plan.rate
            );
            table(&mut text, &latencies);
        }
    }
    if let Some(amplification) = &report.amplification {
        let heads = AMPLIFICATION.join(" | ");
        let _ = writeln!(
            text,
            "\n{}\n\n| {heads} |\n|{}",
            amplification_title(amplification),
            "---|".repeat(AMPLIFICATION.len())
        );
        for line in amplification_lines(amplification) {
            let _ = writeln!(text, "| {} |", line.join(" | "));
        }
    }
    if !report.counts.is_empty() {
        text += "\nInstructions of the Envoy process for one request, in thousands above the bare proxy (refusals: above a bare refusal), \
                 counted by callgrind. It knows neither the processor's best instructions for signatures nor the allocator as it is in \
                 production, so what two columns differ by says more than what one is over the other.\n\n";
        table(
            &mut text,
            &ByVariant::of_counts(&report.counts, |cell| {
                cell.instructions.net.as_ref().map(interval)
            }),
        );
        text += "\nLikewise, instructions and data that were not in first caches of 32 KiB each, in thousands: a busy machine makes these \
                 dear.\n\n";
        table(
            &mut text,
            &ByVariant::of_counts(&report.counts, |cell| cell.misses.net.as_ref().map(interval)),
        );
    }
    report.experiments.iter().filter(|it| it.varies.is_some()).for_each(|it| sweep(&mut text, it));
    text.push('\n');
    for plot in super::plot::names(report) {
        let _ = writeln!(text, "![{plot}](results/{plot})");
    }
    text.push('\n');
    for line in others(report) {
        let _ = writeln!(text, "- {line}");
    }
    text += "\n| figure | at most | measured | interval | |\n|---|---|---|---|---|\n";
    for verdict in &report.targets {
        let [median, spread] = measured(verdict);
        let (figure, outcome) = (&verdict.figure, verdict.outcome);
        let _ =
            writeln!(text, "| {figure} | {} | {median} | {spread} | {outcome} |", bound(verdict));
    }
    text
}

/// One line a variant, one column a parameter.
fn sweep(text: &mut String, experiment: &Experiment) {
    let parameters = experiment.parameters();
    let heads: Vec<_> = parameters.iter().map(usize::to_string).collect();
    let name = &experiment.name;
    let _ =
        writeln!(text, "\n| {name} | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()));
    for (variant, figures) in swept(experiment) {
        let _ = writeln!(text, "| {} | {} |", variant.name(), figures.join(" | "));
    }
}

fn table(text: &mut String, texts: &ByVariant) {
    let heads = texts.heads();
    let _ = writeln!(text, "| | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()));
    for (name, figures) in &texts.lines {
        let _ = writeln!(text, "| {name} | {} |", figures.join(" | "));
    }
}
