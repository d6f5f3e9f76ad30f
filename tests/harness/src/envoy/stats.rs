//! Envoy's counters and gauges, as `/stats` shows them.
use std::collections::BTreeMap;

/// Counters and gauges at one moment.
#[derive(Clone, Debug)]
pub struct Stats {
    values: BTreeMap<String, u64>,
}

impl Stats {
    /// Histograms and texts are left out.
    pub(super) fn parse(text: &str) -> Self {
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self { values: text.lines().filter_map(value).collect() }
    }

    /// The one called `name`; 0 if there is none (Envoy makes many at their first use).
    pub fn get(&self, name: &str) -> u64 {
        self.values.get(name).copied().unwrap_or(0)
    }

    /// The sum of those whose name contains every one of `parts`.
    pub fn sum(&self, parts: &[&str]) -> u64 {
        self.matching(parts).map(|(_, value)| value).sum()
    }

    /// Those whose name contains every one of `parts`, in order of name.
    pub fn matching<'s>(&'s self, parts: &'s [&str]) -> impl Iterator<Item = (&'s str, u64)> {
        let all = self.values.iter().map(|(name, value)| (name.as_str(), *value));
        all.filter(|(name, _)| parts.iter().all(|part| name.contains(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_and_histograms_left_out() {
        let stats =
            Stats::parse("a.ok: 3\na.bad: 4\nb: P0(nan,1) P100(nan,2)\nc;route=GET /x: 5\n");
        assert_eq!(stats.get("a.ok"), 3);
        assert_eq!(stats.get("b"), 0);
        assert_eq!(stats.get("c;route=GET /x"), 5);
        assert_eq!(stats.sum(&["a."]), 7);
    }
}
