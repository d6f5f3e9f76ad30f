//! What rounds tell together: the median, how far the rounds spread, and how far the median itself
//! is certain.
use serde::Serialize;

/// The middle of a figure's rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// Median absolute deviation from the median: the spread of single rounds.
    pub mad: f64,
    /// The least that the true median may be, with at least 95 % (order statistics, no distribution
    /// assumed).
    pub low: f64,
    /// The most that it may be.
    pub high: f64,
}

impl Summary {
    /// Of one figure a round. Under six rounds `low` and `high` are the extremes, and cover less
    /// than 95 %.
    ///
    /// # Panics
    /// There is no round.
    pub fn of(rounds: &[f64]) -> Self {
        let sorted = sorted(rounds);
        let median = middle(&sorted);
        let distances: Vec<f64> = rounds.iter().map(|value| (value - median).abs()).collect();
        let outside = outside(rounds.len());
        Self {
            median,
            mad: middle(&sorted_of(distances)),
            low: sorted[outside],
            high: sorted[rounds.len() - 1 - outside],
        }
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    sorted_of(values.to_vec())
}

fn sorted_of(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[half - 1], sorted[half])
    } else {
        sorted[half]
    }
}

/// How many of `count` sorted rounds may be left out on each side so that what remains holds the
/// true median with 95 %: each round is above it or below it like a coin, so the chance that it
/// lies further out is a sum of binomial terms.
fn outside(count: usize) -> usize {
    let mut term = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let (mut tail, mut out) = (term, 0);
    loop {
        // the chance that at most `out + 1` rounds lie on one side
        term *= (count - out) as f64 / (out + 1) as f64;
        tail += term;
        if out + 1 > count / 2 || 2.0 * tail > 0.05 {
            return out;
        }
        out += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_the_median_is_that_of_the_tables() {
        // ranks from the left out, for 95 %: the sign test's critical values
        for (rounds, left_out) in
            [(1, 0), (6, 0), (7, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (25, 7)]
        {
            assert_eq!(outside(rounds), left_out, "{rounds} rounds");
        }
    }

    #[test]
    fn one_wild_round_moves_neither_the_median_nor_its_deviation() {
        let summary = Summary::of(&[10.0, 11.0, 12.0, 9.0, 1000.0, 10.5, 11.5, 10.0, 11.0]);
        assert!(
            (summary.median - 11.0).abs() < 1e-9 && (summary.mad - 1.0).abs() < 1e-9,
            "{summary:?}"
        );
        assert!(summary.low >= 10.0 && summary.high <= 12.0, "{summary:?}");
    }
}
