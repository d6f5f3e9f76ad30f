//! A line for each kind of request and a column for each variant, in text: for the terminal and for
//! the README.
use super::{CellFigures, CountedCell, Counts, Experiment};
use crate::gateway::Variant;

/// The texts; a variant that no line says anything of has no column.
pub(super) struct ByVariant {
    pub(super) variants: Vec<Variant>,
    /// The name of each, and a text for each variant.
    pub(super) lines: Vec<(String, Vec<String>)>,
}

impl ByVariant {
    /// Times.
    pub(super) fn of_experiments(
        experiments: &[&Experiment],
        show: impl Fn(&CellFigures) -> Option<String>,
    ) -> Self {
        let shown = |cell: &CellFigures| Some((cell.variant, show(cell)?));
        let line =
            |it: &&Experiment| (it.name.clone(), it.cells.iter().filter_map(shown).collect());
        Self::of(&experiments.iter().map(line).collect::<Vec<_>>())
    }

    /// Latencies in microseconds, p50 and p99, of what was also measured at the fixed rate; none if
    /// nothing was.
    pub(super) fn of_latencies(experiments: &[&Experiment]) -> Option<Self> {
        let paced = |it: &&&Experiment| it.cells.iter().any(|cell| cell.latency.is_some());
        let experiments: Vec<_> = experiments.iter().filter(paced).copied().collect();
        let show = |cell: &CellFigures| {
            cell.latency.map(|it| format!("{:.0} / {:.0}", it.p50_us, it.p99_us))
        };
        (!experiments.is_empty()).then(|| Self::of_experiments(&experiments, show))
    }

    /// Instructions or misses.
    pub(super) fn of_counts(
        counts: &[Counts],
        show: impl Fn(&CountedCell) -> Option<String>,
    ) -> Self {
        let shown = |cell: &CountedCell| Some((cell.variant, show(cell)?));
        let line = |it: &Counts| (it.name.clone(), it.cells.iter().filter_map(shown).collect());
        Self::of(&counts.iter().map(line).collect::<Vec<_>>())
    }

    fn of(lines: &[(String, Vec<(Variant, String)>)]) -> Self {
        let mut variants = Variant::ALL.to_vec();
        variants.retain(|variant| {
            lines.iter().any(|(_, texts)| texts.iter().any(|(of, _)| of == variant))
        });
        let text = |texts: &[(Variant, String)], variant| {
            texts
                .iter()
                .find(|(of, _)| *of == variant)
                .map_or_else(String::new, |(_, text)| text.clone())
        };
        let line = |(name, texts): &(String, Vec<(Variant, String)>)| {
            (name.clone(), variants.iter().map(|variant| text(texts, *variant)).collect())
        };
        let lines = lines.iter().map(line).collect();
        Self { variants, lines }
    }

    /// What stands over the columns.
    pub(super) fn heads(&self) -> Vec<&'static str> {
        self.variants.iter().map(|variant| variant.name()).collect()
    }
}
