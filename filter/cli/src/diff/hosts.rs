//! Hosts, in classes that no policy looked at tells apart.

use std::collections::BTreeMap;

use portcullis_engine::policy::{Document, Policy, ServiceId};

/// The services that one class of hosts belongs to, in the old and the new policy.
pub type Pair = (Option<ServiceId>, Option<ServiceId>);

/// The pairs of services that hosts lead to, each with its patterns.
pub fn pairs(old: (&Document, &Policy), new: (&Document, &Policy)) -> BTreeMap<Pair, Vec<String>> {
    let mut pairs: BTreeMap<Pair, Vec<String>> = BTreeMap::new();
    for pattern in patterns([old.0, new.0]) {
        let host = sample_path(&pattern);
        let of = |policy: &Policy| policy.service_of_host(host.as_bytes());
        pairs.entry((of(old.1), of(new.1))).or_default().push(pattern);
    }
    pairs
}

/// Every pattern of either, and any other host.
fn patterns<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Vec<String> {
    let services = documents.into_iter().flat_map(|document| document.services.values());
    let mut patterns: Vec<_> =
        services.flat_map(|service| &service.hosts).map(|host| host.to_ascii_lowercase()).collect();
    patterns.push("*".to_owned());
    patterns.sort();
    patterns.dedup();
    patterns
}

/// A host of that pattern, and of no narrower one.
fn sample_path(pattern: &str) -> String {
    match pattern.strip_prefix('*') {
        Some("") => "host.portcullis.invalid".to_owned(),
        Some(suffix) => format!("host-of-nobody{suffix}"),
        None => pattern.to_owned(),
    }
}
