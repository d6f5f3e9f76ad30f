//! What a policy bounds, and the base of its problem types.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::{CacheBounds, Limits, Waiting};
use crate::policy::compile::document_of;
use crate::policy::document::{
    CacheDocument, Document, LimitsDocument, LintDocument, WaitingDocument,
};
use crate::policy::error::{Errors, Place};
use crate::policy::merge::Origins;
use crate::policy::text::{Quoted, is_absolute_uri, is_plain, is_printable};
use crate::policy::values::Count;

/// The bounds of one policy.
pub(super) struct Bounds {
    pub(super) limits: Limits,
    pub(super) waiting: Waiting,
    pub(super) cache: CacheBounds,
}

/// Shorter than any token with a signature, and more than any header may hold.
const TOKEN_BYTES: RangeInclusive<usize> = 256..=1024 * 1024;
/// Each of them holds a connection.
const WAITING_REQUESTS: RangeInclusive<usize> = 0..=100_000;
const WAITING_BODY_BYTES: RangeInclusive<usize> = 0..=1024 * 1024 * 1024;
const WAITING_SECONDS: RangeInclusive<u64> = 1..=60;
const CACHED_TOKENS: RangeInclusive<usize> = 0..=1_000_000;
/// A VM has 4 GiB at most.
const CACHED_BYTES: RangeInclusive<usize> = 0..=1024 * 1024 * 1024;
const ASSERTIONS: RangeInclusive<usize> = 0..=1_000_000;

pub(super) fn compile(document: &Document, origins: &Origins, errors: &mut Errors) -> Bounds {
    let limits = Limits::from(&document.limits);
    let root = document_of(origins, "limits");
    within(root.field("limits").field("token_bytes"), limits.token_bytes, &TOKEN_BYTES, errors);

    let waiting = Waiting::from(&document.waiting);
    let root = document_of(origins, "waiting");
    let place = root.field("waiting");
    within(place.field("requests"), waiting.requests, &WAITING_REQUESTS, errors);
    within(
        place.field("unknown_kid_requests"),
        waiting.unknown_kid_requests,
        &WAITING_REQUESTS,
        errors,
    );
    within(place.field("body_bytes"), waiting.body_bytes, &WAITING_BODY_BYTES, errors);
    seconds_within(place.field("time"), waiting.time, &WAITING_SECONDS, errors);

    let cache = CacheBounds::from(&document.cache);
    let root = document_of(origins, "cache");
    let place = root.field("cache");
    within(place.field("tokens"), cache.tokens, &CACHED_TOKENS, errors);
    within(place.field("bytes"), cache.bytes, &CACHED_BYTES, errors);
    within(place.field("assertions"), cache.assertions, &ASSERTIONS, errors);
    Bounds { limits, waiting, cache }
}

/// What a reason's id is appended to (RFC 9457 3.1.1).
pub(super) fn problem_base(
    document: &Document,
    origins: &Origins,
    errors: &mut Errors,
) -> Option<Box<str>> {
    let base = document.problem_base.as_deref()?;
    if !is_absolute_uri(base) {
        let message = format!("{} is no absolute URI", Quoted(base));
        let help =
            "the reason's id is appended to it: write one as `https://errors.example/portcullis#`";
        errors.add(document_of(origins, "problem_base").field("problem_base"), message, help);
    }
    Some(base.into())
}

/// Notes a number out of its range.
pub(super) fn within<T>(
    place: impl Display,
    number: T,
    range: &RangeInclusive<T>,
    errors: &mut Errors,
) where
    T: Copy + PartialOrd + Display,
{
    if !range.contains(&number) {
        let help = format!("write {} to {}", range.start(), range.end());
        errors.add(place, format!("{number} is out of range"), help);
    }
}

/// Notes a span of time out of its range.
pub(super) fn seconds_within(
    place: impl Display,
    span: Duration,
    range: &RangeInclusive<u64>,
    errors: &mut Errors,
) {
    if !range.contains(&span.as_secs()) {
        let help = format!("write `{}s` to `{}s`", range.start(), range.end());
        errors.add(place, format!("{} s is out of range", span.as_secs()), help);
    }
}

/// Notes what is allowed without a name or a reason, in the document at `root`.
pub(in crate::policy) fn check_lint(
    root: &Place<'_>,
    document: &LintDocument,
    errors: &mut Errors,
) {
    let place = root.field("lint");
    let place = place.field("allow");
    for (index, allowed) in document.allow.iter().enumerate() {
        let place = place.item(index);
        if !is_plain(&allowed.rule) {
            let message = format!("{} is no lint rule", Quoted(&allowed.rule));
            errors.add(
                place.field("rule"),
                message,
                "write the rule's name as `portcullis check` prints it",
            );
        }
        if !is_printable(allowed.reason.trim()) {
            let help = "write why it is wanted: for the next reader";
            errors.add(place.field("reason"), "a finding is allowed without a reason", help);
        }
    }
}

impl From<&LimitsDocument> for Limits {
    fn from(document: &LimitsDocument) -> Self {
        Self { token_bytes: document.token_bytes.map_or(16 * 1024, Count::as_usize) }
    }
}

impl From<&WaitingDocument> for Waiting {
    fn from(document: &WaitingDocument) -> Self {
        Self {
            requests: document.requests.map_or(1000, Count::as_usize),
            unknown_kid_requests: document.unknown_kid_requests.map_or(100, Count::as_usize),
            body_bytes: document.body_bytes.map_or(16 * 1024 * 1024, Count::as_usize),
            time: document.time.map_or(Duration::from_secs(5), Duration::from),
        }
    }
}

impl From<&CacheDocument> for CacheBounds {
    fn from(document: &CacheDocument) -> Self {
        Self {
            tokens: document.tokens.map_or(10_000, Count::as_usize),
            bytes: document.bytes.map_or(14 * 1024 * 1024, Count::as_usize),
            assertions: document.assertions.map_or(2048, Count::as_usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::testing::{assert_seen, loaded, report};

    #[test]
    fn bounds_are_sane() {
        assert_seen!(report(&[
            ("no token", |it| it["limits"] = json!({ "token_bytes": 0 })),
            ("any token", |it| it["limits"] = json!({ "token_bytes": 1_048_577 })),
            ("endless queues", |it| {
                it["waiting"] = json!({ "requests": 100_001, "unknown_kid_requests": 1_000_000, "time": "61s" });
                it["waiting"]["body_bytes"] = json!(1_073_741_825);
            }),
            ("no wait", |it| it["waiting"] = json!({ "time": 0 })),
            ("an endless cache", |it| {
                it["cache"] =
                    json!({ "tokens": 1_000_001, "bytes": 1_073_741_825, "assertions": 1_000_001 });
            }),
        ]));
        let policy = loaded(|it| {
            it["waiting"] = json!({ "requests": 0, "time": "30s" });
            it["cache"] = json!({ "tokens": 0 });
        });
        assert_eq!(
            (policy.waiting().requests, policy.cache().tokens, policy.limits().token_bytes),
            (0, 0, 16_384)
        );
    }

    #[test]
    fn the_base_of_problem_types_is_an_absolute_uri_that_needs_no_escape() {
        assert_seen!(report(&[
            ("relative", |it| it["problem_base"] = json!("/errors/")),
            ("empty", |it| it["problem_base"] = json!("")),
            ("a quote", |it| it["problem_base"] = json!("https://errors.example/\"")),
            ("a line break", |it| it["problem_base"] = json!("https://errors.example/\n")),
        ]));
        let policy = loaded(|it| it["problem_base"] = json!("https://errors.example/portcullis#"));
        assert_eq!(policy.problem_base(), Some("https://errors.example/portcullis#"));
    }

    #[test]
    fn a_finding_is_allowed_by_name_and_with_a_reason() {
        assert_seen!(report(&[
            ("no name", |it| it["lint"] = json!({ "allow": [{ "rule": "", "reason": "x" }] })),
            ("no reason", |it| it["lint"] =
                json!({ "allow": [{ "rule": "public-row", "reason": " " }] })),
            ("no reason at all", |it| it["lint"] = json!({ "allow": [{ "rule": "public-row" }] })),
        ]));
    }
}
