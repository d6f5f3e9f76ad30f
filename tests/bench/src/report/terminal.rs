//! The report as tables on the terminal.
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, Table};

use super::by_variant::ByVariant;
use super::{Amplification, CellFigures, Counted, CountedCell, Counts, Experiment, Memory, Report};
use crate::gateway::Variant;
use crate::summary::Summary;
use crate::targets::{Unit, Verdict, bounded};

/// Everything, in the order of the issue: costs, sweeps, the other figures, and what is to be
/// reached.
pub(crate) fn render(report: &Report) -> String {
    let mut parts = vec![head(report)];
    for (workers, experiments) in report.cost_tables() {
        parts.push(format!(
            "CPU time of Envoy for one request, {workers} worker(s), in us above the bare proxy: median (95 % interval)\n{}",
            costs(&experiments)
        ));
        if let Some(latencies) = ByVariant::of_latencies(&experiments) {
            let title = format!("Latency at {} requests/s, in us: p50 / p99", report.plan.rate);
            parts.push(format!("{title}\n{}", by_variant(&latencies)));
        }
    }
    if let Some(amplification) = &report.amplification {
        let mut table = table(AMPLIFICATION.map(str::to_owned));
        for line in amplification_lines(amplification) {
            let [name, answer, figures @ .., outcome] = line;
            let figures = figures.into_iter().map(right);
            table.add_row(
                [Cell::new(name), Cell::new(answer)]
                    .into_iter()
                    .chain(figures)
                    .chain([Cell::new(outcome)]),
            );
        }
        parts.push(format!("{}\n{table}", amplification_title(amplification)));
    }
    if !report.counts.is_empty() {
        let above = "for one request, in thousands above the bare proxy: median (95 % interval)";
        let instructions = counts(&report.counts, |cell| cell.instructions);
        parts.push(format!("Instructions of Envoy {above}\n{instructions}"));
        let misses = counts(&report.counts, |cell| cell.misses);
        parts.push(format!("Misses of first caches of 32 KiB {above}\n{misses}"));
    }
    for experiment in report.experiments.iter().filter(|it| it.varies.is_some()) {
        parts.push(format!(
            "{}, in us above the bare proxy\n{}",
            experiment.name,
            sweep(experiment)
        ));
    }
    parts.push(others(report).join("\n"));
    parts.push(format!("Figures to reach\n{}", targets(&report.targets)));
    parts.join("\n\n")
}

fn head(report: &Report) -> String {
    let about = &report.about;
    format!(
        "{}\n{}, {}\nEnvoy {}, {}, commit {}\n{}",
        about.command,
        about.machine,
        about.kernel,
        about.envoy,
        about.rustc,
        about.commit,
        about.date
    )
}

fn table(header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header.into_iter().map(Cell::new));
    table
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn costs(experiments: &[&Experiment]) -> Table {
    let show = |cell: &CellFigures| {
        Some(cell.net.as_ref().map_or_else(|| format!("[{:.1}]", cell.cpu.median), interval))
    };
    by_variant(&ByVariant::of_experiments(experiments, show))
}

fn counts(counts: &[Counts], of: impl Fn(&CountedCell) -> Counted) -> Table {
    let show = |cell: &CountedCell| {
        let Counted { all, net } = of(cell);
        Some(net.as_ref().map_or_else(|| format!("[{:.1}]", all.median), interval))
    };
    by_variant(&ByVariant::of_counts(counts, show))
}

fn by_variant(texts: &ByVariant) -> Table {
    let mut table = table([""].into_iter().chain(texts.heads()).map(str::to_owned));
    for (name, figures) in &texts.lines {
        table.add_row([Cell::new(name)].into_iter().chain(figures.iter().cloned().map(right)));
    }
    table
}

/// One row a variant, one column a parameter.
fn sweep(experiment: &Experiment) -> Table {
    let parameters = experiment.parameters();
    let what = experiment.varies.unwrap_or_default();
    let mut table =
        table([what.to_owned()].into_iter().chain(parameters.iter().map(usize::to_string)));
    for (variant, figures) in swept(experiment) {
        table
            .add_row([Cell::new(variant.name())].into_iter().chain(figures.into_iter().map(right)));
    }
    table
}

/// The net cost for each parameter, of every variant that has one.
pub(super) fn swept(experiment: &Experiment) -> Vec<(Variant, Vec<String>)> {
    let parameters = experiment.parameters();
    let figure = |variant, parameter| {
        let mut cells = experiment.cells.iter();
        let cell =
            cells.find(|cell| cell.variant == variant && cell.parameter == Some(parameter))?;
        cell.net.as_ref().map(interval)
    };
    let of = |variant| {
        parameters.iter().map(|parameter| figure(variant, *parameter)).collect::<Vec<_>>()
    };
    let all = Variant::ALL.into_iter().map(|variant| (variant, of(variant)));
    let some = all.filter(|(_, figures)| figures.iter().any(Option::is_some));
    some.map(|(variant, figures)| {
        (variant, figures.into_iter().map(Option::unwrap_or_default).collect())
    })
    .collect()
}

/// What stands over the columns of the amplification table.
pub(super) const AMPLIFICATION: [&str; 8] =
    ["request", "answer", "bytes", "us above bare", "ratio", "filter alone", "whole", ""];

/// What the table says, and how it was measured.
pub(super) fn amplification_title(amplification: &Amplification) -> String {
    format!(
        "CPU time of the Envoy process for one request without a good token. \"us above bare\": above a bare proxy that answers the same \
         bytes. \"ratio\": to a good cached request, {} us, without what the bare proxy takes longer to read a larger request; at most 3 \
         except for signatures that are verified. \"filter alone\": the ratio of the times above the bare proxy, {} us for the good \
         request. \"whole\": the ratio of the whole times. For the backend: beside a customer's request.",
        interval(&amplification.good_all_us),
        interval(&amplification.good_us),
    )
}

/// A line for each kind of request.
pub(super) fn amplification_lines(
    amplification: &Amplification,
) -> impl Iterator<Item = [String; 8]> {
    amplification.kinds.iter().chain(&amplification.backend).map(|it| {
        let ratio = |of: &Summary| format!("{:.2} ({:.2} to {:.2})", of.median, of.low, of.high);
        [
            it.name.clone(),
            it.answer.clone(),
            it.bytes.to_string(),
            interval(it.net.as_ref().unwrap_or(&it.cpu)),
            ratio(&it.ratio),
            it.filter_alone
                .as_ref()
                .map(|alone| format!("{:.2}", alone.median))
                .unwrap_or_default(),
            format!("{:.2}", it.all.median),
            bounded(it).map_or_else(|| "cryptography".to_owned(), |outcome| outcome.to_string()),
        ]
    })
}

/// The figures that are no table, a line each.
pub(super) fn others(report: &Report) -> Vec<String> {
    let mut lines = vec![format!("portcullis.wasm: {} bytes", report.module_bytes)];
    for memory in &report.memory {
        let Memory { rows, hosts, keys, tokens, vms, .. } = memory;
        lines.push(format!(
            "memory with {rows} rows over {hosts} host(s) and {keys} keys: a VM's linear memory {:.1} MiB, {:.1} MiB with {tokens} \
             tokens; the process with its {vms} VMs holds {:.1} MiB more than the bare proxy",
            mebibytes(memory.linear_bytes_before),
            mebibytes(memory.linear_bytes),
            mebibytes(memory.process_bytes),
        ));
    }
    for start in &report.starts {
        let (ready, cpu) = (start.ready_ms.median, start.cpu_ms.median);
        lines.push(format!(
            "{}: ready after {ready:.0} ms, {cpu:.0} ms of CPU time",
            start.variant.name()
        ));
    }
    for it in &report.fetches {
        lines.push(format!(
            "{} worker(s): {} fetches of the JWKS in {} refreshes, {} requests meanwhile",
            it.workers, it.fetches, it.refreshes, it.requests
        ));
    }
    lines
}

fn targets(verdicts: &[Verdict]) -> Table {
    let mut table = table(["figure", "at most", "measured", "interval", ""].map(str::to_owned));
    for verdict in verdicts {
        let [median, spread] = measured(verdict);
        let outcome = Cell::new(verdict.outcome);
        table.add_row([
            Cell::new(&verdict.figure),
            right(bound(verdict)),
            right(median),
            right(spread),
            outcome,
        ]);
    }
    table
}

/// What a figure may be at most.
pub(super) fn bound(verdict: &Verdict) -> String {
    format!("{}{}", verdict.at_most, unit(verdict))
}

/// A figure's median and its interval; nothing if it was not measured.
pub(super) fn measured(verdict: &Verdict) -> [String; 2] {
    let show = |value: f64| format!("{value:.2}{}", unit(verdict));
    let texts = verdict
        .measured
        .map(|it| [show(it.median), format!("{} to {}", show(it.low), show(it.high))]);
    texts.unwrap_or_default()
}

fn unit(verdict: &Verdict) -> &'static str {
    if verdict.unit == Unit::Mebibytes { " MiB" } else { "" }
}

pub(super) fn interval(summary: &Summary) -> String {
    let Summary { median, low, high, .. } = *summary;
    format!("{median:.1} ({low:.1} to {high:.1})")
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
