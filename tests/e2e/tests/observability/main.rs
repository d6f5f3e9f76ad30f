//! What an operator sees: numbers that are right and bounded, a log line for each request, and
//! dashboards and alerts whose every query a real Prometheus answers.
mod log;
mod numbers;
mod prometheus;
