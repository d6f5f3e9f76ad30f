//! The plots, as SVG: what a request costs, and how the cost grows with the role table and the
//! number of providers.
use std::error::Error;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use plotters::prelude::*;

use super::{Experiment, Report};
use crate::gateway::Variant;

const FONT: &str = "sans-serif";
const MARGIN: f64 = 1.15;

/// Sweeps, and their plots.
const SWEEPS: [(&str, &str); 2] = [("rows", "rows.svg"), ("providers", "providers.svg")];

/// Those whose figures the run measured.
pub(super) fn names(report: &Report) -> Vec<&'static str> {
    let cost = (!costs(report).is_empty()).then_some("cost.svg");
    let measured = |name| report.experiments.iter().any(|it| it.name == name);
    let sweeps = SWEEPS.into_iter().filter(|(name, _)| measured(*name)).map(|(_, file)| file);
    cost.into_iter().chain(sweeps).collect()
}

/// Writes them into `folder`, and tells their names.
pub(super) fn write(report: &Report, folder: &Path) -> Result<Vec<&'static str>> {
    let failed = |error: Box<dyn Error>| anyhow!("{error}");
    let costs = costs(report);
    if !costs.is_empty() {
        bars(&costs, &folder.join("cost.svg")).map_err(failed).context("draw cost.svg")?;
    }
    for (name, file) in SWEEPS {
        if let Some(experiment) = report.experiments.iter().find(|it| it.name == name) {
            curves(experiment, &folder.join(file))
                .map_err(failed)
                .with_context(|| format!("draw {file}"))?;
        }
    }
    Ok(names(report))
}

fn costs(report: &Report) -> Vec<&Experiment> {
    report.cost_tables().remove(&1).unwrap_or_default()
}

fn color(variant: Variant) -> RGBColor {
    match variant {
        Variant::Bare | Variant::Refusing => RGBColor(120, 120, 120),
        Variant::Native => RGBColor(86, 180, 233),
        Variant::NativeCached => RGBColor(0, 114, 178),
        Variant::Noop => RGBColor(170, 170, 170),
        Variant::Least => RGBColor(140, 140, 140),
        Variant::Headers => RGBColor(230, 159, 0),
        Variant::Assertion => RGBColor(213, 94, 0),
    }
}

/// A group an experiment, a bar a variant, with the interval of the median. The scale is
/// logarithmic: RustCrypto inside of the sandbox is two orders of magnitude away from a cached
/// token.
fn bars(experiments: &[&Experiment], file: &Path) -> Result<(), Box<dyn Error>> {
    let (width, group) = (960, 110_u32);
    let height = 90 + group * u32::try_from(experiments.len())?;
    let root = SVGBackend::new(file, (width, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let nets = || experiments.iter().flat_map(|it| &it.cells).filter_map(|cell| cell.net);
    let most = nets().map(|net| net.high).fold(10.0, f64::max) * MARGIN;
    let groups = experiments.len() as f64;
    let mut chart = ChartBuilder::on(&root)
        .caption("CPU time for one request above the bare proxy (us, logarithmic)", (FONT, 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(110)
        .build_cartesian_2d((1.0..most).log_scale(), groups..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .x_label_formatter(&|us| format!("{us}"))
        .draw()?;
    for variant in Variant::ALL.into_iter().filter(|variant| !variant.is_base()) {
        let figures = experiments.iter().enumerate().filter_map(|(group, experiment)| {
            let mut shown = experiment.cells.iter().filter(|cell| cell.net.is_some());
            let count = shown.clone().count() as f64;
            let slot = shown.position(|cell| cell.variant == variant)? as f64;
            let net = experiment.cells.iter().find(|cell| cell.variant == variant)?.net?;
            let top = group as f64 + 0.1 + 0.8 * slot / count;
            Some((top, top + 0.8 / count, net))
        });
        let figures: Vec<_> = figures.collect();
        let paint = color(variant);
        chart
            .draw_series(figures.iter().map(|(top, bottom, net)| {
                Rectangle::new([(1.0, *top), (net.median.max(1.0), *bottom)], paint.filled())
            }))?
            .label(variant.name())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], paint.filled()));
        chart.draw_series(figures.iter().map(|(top, bottom, net)| {
            let middle = f64::midpoint(*top, *bottom);
            PathElement::new(vec![(net.low.max(1.0), middle), (net.high.max(1.0), middle)], BLACK)
        }))?;
        let style = (FONT, 11).into_font();
        chart.draw_series(figures.iter().map(|(top, _, net)| {
            Text::new(format!("{:.1}", net.median), (net.high.max(1.0) * 1.03, *top), style.clone())
        }))?;
    }
    let groups = experiments.iter().enumerate();
    let style = (FONT, 13).into_font();
    let label = |(group, experiment): (usize, &&Experiment)| {
        let at = chart.backend_coord(&(1.0, group as f64 + 0.45));
        Text::new(experiment.name.clone(), (10, at.1), style.clone())
    };
    let labels: Vec<_> = groups.map(label).collect();
    for label in &labels {
        root.draw(label)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 12))
        .draw()?;
    root.present()?;
    Ok(())
}

/// A line a variant, with the interval of the median, on two logarithmic scales.
fn curves(experiment: &Experiment, file: &Path) -> Result<(), Box<dyn Error>> {
    let what = experiment.varies.unwrap_or_default();
    let root = SVGBackend::new(file, (720, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let parameters = experiment.parameters();
    let end = |parameter: Option<&usize>| parameter.copied().unwrap_or(1) as f64;
    let (least, most) = (end(parameters.first()), end(parameters.last()));
    let nets = || experiment.cells.iter().filter_map(|cell| cell.net);
    let low = nets().map(|net| net.low).fold(f64::MAX, f64::min).max(1.0) / MARGIN;
    let high = nets().map(|net| net.high).fold(10.0, f64::max) * MARGIN;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("CPU time for one request above the bare proxy, by {what}"), (FONT, 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((least..most * MARGIN).log_scale(), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(what)
        .y_desc("us")
        .x_label_formatter(&|count| format!("{count}"))
        .y_label_formatter(&|us| format!("{us}"))
        .draw()?;
    for variant in Variant::ALL {
        let cells = experiment.cells.iter().filter(|cell| cell.variant == variant);
        let points = cells.filter_map(|cell| Some((cell.parameter? as f64, cell.net?)));
        let points: Vec<_> = points.collect();
        if points.is_empty() {
            continue;
        }
        let stroke = color(variant);
        let line = points.iter().map(|(at, net)| (*at, net.median.max(low)));
        chart
            .draw_series(LineSeries::new(line, stroke.stroke_width(2)))?
            .label(variant.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], stroke.stroke_width(2)));
        chart.draw_series(points.iter().map(|(at, net)| {
            PathElement::new(
                vec![(*at, net.low.max(low)), (*at, net.high.max(low))],
                stroke.stroke_width(1),
            )
        }))?;
        chart.draw_series(
            points
                .iter()
                .map(|(at, net)| Circle::new((*at, net.median.max(low)), 3, stroke.filled())),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 12))
        .draw()?;
    root.present()?;
    Ok(())
}
