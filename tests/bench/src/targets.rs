//! The figures to reach, and whether a run reaches them. Each is a ratio within one run, round by
//! round.
use std::fmt;

use serde::Serialize;

use crate::gateway::Variant;
use crate::report::{Amplified, Memory, Report};
use crate::summary::Summary;

/// A figure to reach, and what a run says of it.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What is compared with what.
    pub figure: String,
    /// What it may be at most.
    pub at_most: f64,
    /// Of both.
    pub unit: Unit,
    /// What the run measured; none if it did not.
    pub measured: Option<Summary>,
    /// What follows.
    pub outcome: Outcome,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// One cost over another.
    Ratio,
    /// MiB.
    Mebibytes,
    /// Fetches for one refresh.
    Fetches,
}

/// Whether a figure is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The whole interval is within the bound.
    Reached,
    /// The whole interval is above it.
    Missed,
    /// The bound lies inside the interval: the spread is too wide to conclude.
    TooWide,
    /// This run did not measure it.
    NotMeasured,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reached => "reached",
            Self::Missed => "MISSED",
            Self::TooWide => "too wide to conclude",
            Self::NotMeasured => "not measured",
        })
    }
}

/// A part of the cost table, whose cost over whose, and what it may be at most.
type Cost = (&'static str, Variant, Variant, f64);

/// Judged by time and by instructions.
const COSTS: [Cost; 8] = [
    ("cold-rs256", Variant::Headers, Variant::Native, 0.8),
    ("cold-es256", Variant::Headers, Variant::Native, 0.8),
    ("hot", Variant::Headers, Variant::NativeCached, 0.8),
    ("hot", Variant::Assertion, Variant::NativeCached, 1.0),
    ("bad-signature", Variant::Headers, Variant::Native, 1.0),
    ("no-token", Variant::Headers, Variant::NativeCached, 1.0),
    ("wrong-role", Variant::Headers, Variant::NativeCached, 1.0),
    ("undeclared", Variant::Headers, Variant::NativeCached, 1.0),
];

/// Judges a run.
pub(crate) fn judge(report: &Report) -> Vec<Verdict> {
    use Variant::Headers;
    let named = |what: &str, own, other| {
        format!("{what}: {} / {}", Variant::name(own), Variant::name(other))
    };
    let cost = |&(name, own, native, at_most): &Cost| {
        ratio(named(name, own, native), at_most, report, (name, own, None), (name, native, None))
    };
    let counted = |&(name, own, native, at_most): &Cost| {
        let figure = named(&format!("{name}, instructions"), own, native);
        verdict(figure, at_most, Unit::Ratio, instructions(report, name, own, native))
    };
    let sweep = |name: &str, at_most| {
        let parameters = report.parameters(name);
        let (least, most) = (parameters.first().copied(), parameters.last().copied());
        let count =
            |end: Option<usize>| end.map_or_else(|| "?".to_owned(), |count| count.to_string());
        let figure = format!("{name}: {} / {}, {}", count(most), count(least), Headers.name());
        ratio(figure, at_most, report, (name, Headers, most), (name, Headers, least))
    };
    let mut verdicts: Vec<_> = COSTS.iter().map(cost).chain(COSTS.iter().map(counted)).collect();
    let amplified = report.amplification.as_ref();
    for (what, kinds) in [
        ("without a good token", amplified.map(|it| &*it.kinds)),
        ("public endpoint of the backend", amplified.map(|it| &*it.backend)),
    ] {
        let judged = kinds.into_iter().flatten().filter(|it| it.judged);
        let worst = judged.max_by(|one, other| one.ratio.median.total_cmp(&other.ratio.median));
        let named = worst.map_or_else(String::new, |it| format!(": {}", it.name));
        verdicts.push(amplification(&format!("the most expensive request {what}{named}"), worst));
    }
    verdicts.extend([sweep("rows", 1.1), sweep("rows-all", 1.1), sweep("providers", 1.1)]);
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let exact = |value: f64| Summary::of(&[value]);
    let few = report.memory.iter().min_by_key(|it| it.rows);
    let many = report.memory.iter().max_by_key(|it| it.rows);
    let vm = |it: Option<&Memory>, at_most, what: &str, bytes: fn(&Memory) -> u64| {
        let measured = it.map(|it| exact(mebibytes(bytes(it))));
        verdict(format!("a worker's VM: {what}"), at_most, Unit::Mebibytes, measured)
    };
    let with = |it: Option<&Memory>| {
        it.map_or_else(String::new, |it| {
            format!(" ({} tokens, {} rows, {} keys)", it.tokens, it.rows, it.keys)
        })
    };
    verdicts.push(vm(many, 32.0, &format!("tokens and rows{}", with(many)), |it| it.linear_bytes));
    verdicts.push(vm(few, 16.0, &format!("tokens and keys{}", with(few)), |it| it.linear_bytes));
    verdicts.push(vm(many, 8.0, "rows over many hosts, no token yet", |it| it.linear_bytes_before));
    let module = exact(mebibytes(report.module_bytes));
    verdicts.push(verdict("portcullis.wasm".to_owned(), 1.0, Unit::Mebibytes, Some(module)));
    let each = report.fetches.iter().map(|it| it.fetches as f64 / it.refreshes.max(1) as f64);
    let most = each.max_by(f64::total_cmp).map(exact);
    verdicts.push(verdict("JWKS fetches for a refresh".to_owned(), 1.0, Unit::Fetches, most));
    verdicts
}

/// Maximum cost of a request without a good token, over that of a good cached request.
const AMPLIFICATION: f64 = 3.0;

fn amplification(figure: &str, measured: Option<&Amplified>) -> Verdict {
    verdict(figure.to_owned(), AMPLIFICATION, Unit::Ratio, measured.map(|it| it.ratio))
}

/// Outcome of one kind of request; `None` if it has no bound.
pub(crate) fn bounded(kind: &Amplified) -> Option<Outcome> {
    kind.judged.then(|| amplification(&kind.name, Some(kind)).outcome)
}

type Cell<'a> = (&'a str, Variant, Option<usize>);

/// The net cost of one cell over that of another.
fn ratio(figure: String, at_most: f64, report: &Report, own: Cell<'_>, other: Cell<'_>) -> Verdict {
    let net = |(name, variant, parameter)| Some(&report.cell(name, 1, variant, parameter)?.net_us);
    let ratios = net(own).zip(net(other)).map(|(own, other)| {
        let rounds: Vec<f64> = own.iter().zip(other).map(|(own, other)| own / other).collect();
        Summary::of(&rounds)
    });
    verdict(figure, at_most, Unit::Ratio, ratios)
}

/// The net instructions of one variant over those of another.
fn instructions(report: &Report, name: &str, own: Variant, other: Variant) -> Option<Summary> {
    let counts = report.counts.iter().find(|it| it.name == name)?;
    let net = |variant| counts.cells.iter().find(|cell| cell.variant == variant)?.instructions.net;
    let (own, other) = (net(own)?, net(other)?);
    let (low, high) = (own.low / other.high, own.high / other.low);
    // how far single rounds of ours spread; the other's are in the bounds
    let mad = own.mad / other.median;
    Some(Summary { median: own.median / other.median, mad, low, high })
}

fn verdict(figure: String, at_most: f64, unit: Unit, measured: Option<Summary>) -> Verdict {
    let outcome = match measured {
        None => Outcome::NotMeasured,
        Some(it) if it.high <= at_most => Outcome::Reached,
        Some(it) if it.low > at_most => Outcome::Missed,
        Some(_) => Outcome::TooWide,
    };
    Verdict { figure, at_most, unit, measured, outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreads_over_the_bound_is_no_conclusion() {
        let rounds = |values: &[f64]| {
            verdict(String::new(), 1.0, Unit::Ratio, Some(Summary::of(values))).outcome
        };
        assert_eq!(rounds(&[0.7, 0.8, 0.9, 0.8, 0.8, 0.8, 0.8]), Outcome::Reached);
        assert_eq!(rounds(&[1.2, 1.3, 1.1, 1.2, 1.2, 1.2, 1.2]), Outcome::Missed);
        assert_eq!(rounds(&[0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 1.2]), Outcome::TooWide);
        assert_eq!(verdict(String::new(), 1.0, Unit::Ratio, None).outcome, Outcome::NotMeasured);
    }
}
