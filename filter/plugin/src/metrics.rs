//! What an operator sees in numbers: Envoy stats, so any Envoy scraper has them. A metric is defined once, at its first
//! use, since `define_metric` allocates at every call; its tags are part of its name, `;name=value`, and the example's
//! `stats_tags` make Prometheus labels of them. Every tag's value comes from the policy or from [`Reason`], never from a
//! request, so the policy bounds the series.
//!
//! Counters are incremented where the thing happens, so no figure is lost with a VM. Gauges are set, never changed by a
//! difference, which a VM that dies would not take back: every worker sets them to the same value, of which some are sums
//! over all workers (`roster`).

use std::cell::RefCell;
use std::hash::{Hash, Hasher};

use hashbrown::HashMap;
use portcullis_engine::reason::Reason;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;
use rustc_hash::FxBuildHasher;

/// Where a decision is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecisionKey {
    /// The row's id within the policy; `None`: no row.
    pub(crate) row: Option<u32>,
    /// The service's place in the policy; `None`: no service has the host.
    pub(crate) service: Option<u32>,
    /// Why it was refused, or would have been (shadow).
    pub(crate) reason: Option<Reason>,
    /// Whether it passed.
    pub(crate) passed: bool,
}

impl Hash for DecisionKey {
    // in two words instead of in seven: this is asked at every request
    fn hash<H: Hasher>(&self, state: &mut H) {
        let place = |place: Option<u32>| u64::from(place.unwrap_or(u32::MAX));
        state.write_u64(place(self.row) << 32 | place(self.service));
        state.write_u16(self.reason.map_or(0, |reason| reason as u16 + 1) << 1 | u16::from(self.passed));
    }
}

/// The metrics of one root context.
#[derive(Default)]
pub(crate) struct Metrics {
    decisions: RefCell<HashMap<DecisionKey, u32, FxBuildHasher>>,
    others: RefCell<HashMap<String, u32>>,
}

impl Metrics {
    /// Counts a decision. `name` gives the names of service and row, asked for at the first one only.
    pub(crate) fn decision<'n>(&self, key: DecisionKey, name: impl FnOnce() -> (&'n str, String)) {
        let mut decisions = self.decisions.borrow_mut();
        let id = *decisions.entry(key).or_insert_with(|| {
            let (service, row) = name();
            let (decision, mode) = match (key.passed, key.reason) {
                (true, None) => ("allow", "enforce"),
                (true, Some(_)) => ("allow", "shadow"),
                (false, _) => ("refuse", "enforce"),
            };
            let reason = key.reason.map_or("none", Reason::id);
            define(
                MetricType::Counter,
                &format!(
                    "portcullis.decisions;service={service};row={row};decision={decision};reason={reason};mode={mode}"
                ),
            )
        });
        increment(id, 1);
    }

    /// Adds to a counter.
    pub(crate) fn count(&self, name: &str, by: u32) {
        if by > 0 {
            increment(self.id(MetricType::Counter, name), i64::from(by));
        }
    }

    /// Sets a gauge that every worker would set to the same value.
    pub(crate) fn set(&self, name: &str, value: u64) {
        // an id that the host gave is an id that it knows
        let _ = hostcalls::record_metric(self.id(MetricType::Gauge, name), value);
    }

    fn id(&self, kind: MetricType, name: &str) -> u32 {
        if let Some(id) = self.others.borrow().get(name) {
            return *id;
        }
        let id = define(kind, name);
        self.others.borrow_mut().insert(name.to_owned(), id);
        id
    }
}

fn define(kind: MetricType, name: &str) -> u32 {
    hostcalls::define_metric(kind, name).unwrap_or(u32::MAX)
}

fn increment(id: u32, by: i64) {
    // a metric that the host would not define is not counted: no reason to refuse a request
    let _ = hostcalls::increment_metric(id, by);
}
