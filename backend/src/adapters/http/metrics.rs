//! Metrics in the `OpenMetrics` text format.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Metrics of one service. Clones share their values.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Labels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    in_flight: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: String,
    route: String,
}

impl Metrics {
    /// Creates metrics with all values at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("backend");
        let (requests, in_flight) = (Family::default(), Gauge::default());
        // from 1 ms to about 8 s
        let durations: Family<_, Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 14)));
        registry.register("http_requests", "Requests completed", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of the request to the head of the response",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("http_requests_under_way", "Requests in flight", in_flight.clone());
        Self { registry: Arc::new(registry), requests, durations, in_flight }
    }

    pub(super) fn request_started(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(super) fn request_finished(&self, method: &str, route: &str, status: u16, took: Duration) {
        // clients can send any method, and labels must have a bounded number of values
        let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"].contains(&method);
        let (method, route) = (if known { method } else { "other" }.to_owned(), route.to_owned());
        self.requests
            .get_or_create(&Labels { method: method.clone(), route: route.clone(), status })
            .inc();
        self.durations.get_or_create(&RouteLabels { method, route }).observe(took.as_secs_f64());
    }

    /// Returns all metrics as text.
    ///
    /// # Errors
    /// If a value cannot be formatted.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts a request as in flight until it is dropped.
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
