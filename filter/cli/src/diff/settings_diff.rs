//! What is asked of every token, whatever the endpoint, and what services are told: the rest of
//! what a policy means.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_engine::jose::signature::Algorithm;
use portcullis_engine::policy::{KeySource, Policy, Provider, Service};
use serde::Serialize;

use crate::diff::hosts::Pair;
use crate::diff::{Direction, audiences};

/// One change of what is asked or told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Term {
    /// Of whom.
    pub of: String,
    /// What.
    pub what: String,
    /// What it means for callers; `None`: it cannot be said, so it may be either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
}

/// Collects changes.
#[derive(Default)]
struct SettingsDiff(BTreeSet<Term>);

impl SettingsDiff {
    fn add(&mut self, of: &str, what: String, direction: Option<Direction>) {
        self.0.insert(Term { of: of.to_owned(), what, direction });
    }

    /// What was added to a set grants, what was taken out of it takes; or the other way round.
    fn sets(
        &mut self,
        of: &str,
        name: &str,
        old: &BTreeSet<String>,
        new: &BTreeSet<String>,
        more: Direction,
    ) {
        let less = if more == Direction::Granted { Direction::Taken } else { Direction::Granted };
        for (set, other, command, direction) in
            [(new, old, "now has", more), (old, new, "no longer has", less)]
        {
            for value in set.difference(other) {
                self.add(of, format!("{name} {command} `{value}`"), Some(direction));
            }
        }
    }

    fn value(&mut self, of: &str, name: &str, old: &str, new: &str, direction: Option<Direction>) {
        if old != new {
            self.add(of, format!("{name}: `{old}` became `{new}`"), direction);
        }
    }
}

/// The changes between two policies whose hosts belong to these pairs of services.
pub(super) fn settings(
    old: &Policy,
    new: &Policy,
    pairs: &BTreeMap<Pair, Vec<String>>,
) -> Vec<Term> {
    let mut settings = SettingsDiff::default();
    for provider in old.providers() {
        let same = new.provider_of_issuer(&provider.issuer).and_then(|id| new.provider(id));
        if let Some(same) = same {
            providers(&mut settings, provider, same);
        }
    }
    for (old_id, new_id) in pairs.keys() {
        let of = (old_id.and_then(|id| old.service(id)), new_id.and_then(|id| new.service(id)));
        if let (Some(before), Some(after)) = of {
            services(&mut settings, (old, before), (new, after));
        }
    }
    identity(&mut settings, old, new);
    settings.0.into_iter().collect()
}

fn providers(settings: &mut SettingsDiff, old: &Provider, new: &Provider) {
    let of = &format!("tokens of {}", new.name);
    let algorithms = |provider: &Provider| -> BTreeSet<String> {
        let all = Algorithm::ALL.into_iter().filter(|it| provider.algorithms.contains(*it));
        all.map(|it| it.name().to_owned()).collect()
    };
    settings.sets(of, "algorithms", &algorithms(old), &algorithms(new), Direction::Granted);
    let (old_bits, new_bits) = (old.max_pss_key_bits, new.max_pss_key_bits);
    let direction = if new_bits > old_bits { Direction::Granted } else { Direction::Taken };
    settings.value(
        of,
        "max_pss_key_bits",
        &old_bits.to_string(),
        &new_bits.to_string(),
        Some(direction),
    );
    let types = |provider: &Provider| -> BTreeSet<String> {
        provider.token_types.iter().map(|of| of.as_deref().unwrap_or("absent").to_owned()).collect()
    };
    settings.sets(of, "token_types", &types(old), &types(new), Direction::Granted);
    let rules = |provider: &Provider| -> BTreeSet<String> {
        let rule = |rule: &portcullis_engine::policy::ClaimRule| {
            let mut values: Vec<_> = rule.one_of.iter().map(AsRef::as_ref).collect();
            values.sort_unstable();
            values.dedup();
            format!("{} = {}", rule.path.join("."), values.join(" | "))
        };
        provider.required_claims.iter().map(rule).collect()
    };
    settings.sets(of, "required_claims", &rules(old), &rules(new), Direction::Taken);
    let more = |more: bool| Some(if more { Direction::Granted } else { Direction::Taken });
    settings.value(
        of,
        "leeway",
        &old.leeway.to_string(),
        &new.leeway.to_string(),
        more(new.leeway > old.leeway),
    );
    let age = |provider: &Provider| provider.max_age.unwrap_or(u64::MAX);
    let shown =
        |provider: &Provider| provider.max_age.map_or("any".to_owned(), |age| age.to_string());
    settings.value(of, "max_age", &shown(old), &shown(new), more(age(new) > age(old)));
    let binding = |provider: &Provider| if provider.ignore_binding { "ignored" } else { "proved" };
    settings.value(of, "binding", binding(old), binding(new), more(new.ignore_binding));
    settings.value(
        of,
        "audience_claim",
        &old.audience_claim.join("."),
        &new.audience_claim.join("."),
        None,
    );
    settings.value(of, "subject", &old.subject.join("."), &new.subject.join("."), None);
    let [(old_keys, old_shown), (new_keys, new_shown)] = [keys(old), keys(new)];
    if old_keys != new_keys {
        settings.add(of, format!("keys: {old_shown} became {new_shown}"), None);
    }
}

/// Where the keys come from, for comparing and for showing; inline ones are compared by what they
/// are.
fn keys(provider: &Provider) -> (String, String) {
    match &provider.keys {
        KeySource::Uri(at) => {
            let shown = format!("`{}` through `{}`", at.uri, at.cluster);
            (shown.clone(), shown)
        }
        KeySource::Discovery(at) => {
            let shown = format!("those that `{}` names, through `{}`", at.uri, at.cluster);
            (shown.clone(), shown)
        }
        KeySource::Inline(set) => {
            let mut keys: Vec<_> =
                set.keys().iter().map(|key| format!("{:?}", key.identity())).collect();
            keys.sort();
            let ids: Vec<_> = set.keys().iter().map(|key| key.kid().unwrap_or("no id")).collect();
            (keys.join(" "), format!("inline ones ({})", ids.join(", ")))
        }
    }
}

fn services(
    settings: &mut SettingsDiff,
    (old_policy, old): (&Policy, &Service),
    (new_policy, new): (&Policy, &Service),
) {
    let of = &format!("service {}", new.name());
    for id in old.providers() {
        let Some(before) = old_policy.provider(*id) else { continue };
        let same = new_policy.provider_of_issuer(&before.issuer).filter(|id| new.accepts(*id));
        let Some(after) = same.and_then(|id| new_policy.provider(id)) else { continue };
        let name = format!("audiences of {}", after.name);
        settings.sets(
            of,
            &name,
            &audiences(before, old),
            &audiences(after, new),
            Direction::Granted,
        );
        let source =
            |policy: &Policy, provider: &Provider| format!("{:?}", policy.source(provider.source));
        let (before, after) = (source(old_policy, before), source(new_policy, after));
        if before != after {
            settings.add(of, "tokens come in another place".to_owned(), None);
        }
    }
    match (old.clusters(), new.clusters()) {
        (None, Some(_)) => {
            settings.add(of, "only some clusters may serve it".to_owned(), Some(Direction::Taken));
        }
        (Some(_), None) => {
            settings.add(of, "any cluster may serve it".to_owned(), Some(Direction::Granted));
        }
        (Some(old), Some(new)) => {
            let set = |list: &[Box<str>]| list.iter().map(ToString::to_string).collect();
            settings.sets(of, "clusters", &set(old), &set(new), Direction::Granted);
        }
        (None, None) => {}
    }
    settings.value(
        of,
        "assertion_audience",
        old.assertion_audience(),
        new.assertion_audience(),
        None,
    );
    let bypass = |service: &Service| {
        service.ownership_bypass_roles().iter().map(ToString::to_string).collect::<BTreeSet<_>>()
    };
    settings.sets(of, "ownership_bypass_roles", &bypass(old), &bypass(new), Direction::Granted);
}

fn identity(settings: &mut SettingsDiff, old: &Policy, new: &Policy) {
    let of = "what services are told";
    let (before, after) = (old.identity(), new.identity());
    settings.value(of, "subject header", &before.subject_header, &after.subject_header, None);
    settings.value(of, "roles header", &before.roles_header, &after.roles_header, None);
    settings.value(of, "issuer header", &before.issuer_header, &after.issuer_header, None);
    settings.value(of, "assertion header", &before.assertion.header, &after.assertion.header, None);
    settings.value(of, "assertion issuer", &before.assertion.issuer, &after.assertion.issuer, None);
    let ttl = |policy: &Policy| policy.identity().assertion.ttl.as_secs().to_string();
    settings.value(of, "assertion ttl", &ttl(old), &ttl(new), None);
    settings.value(
        of,
        "forward_token",
        &before.forward_token.to_string(),
        &after.forward_token.to_string(),
        None,
    );
    let set = |list: &[Box<str>]| list.iter().map(ToString::to_string).collect();
    settings.sets(
        of,
        "stripped headers",
        &set(old.stripped()),
        &set(new.stripped()),
        Direction::Taken,
    );
    settings.sets(
        of,
        "headers that pass",
        &set(old.passed()),
        &set(new.passed()),
        Direction::Granted,
    );
    let unverified = |policy: &Policy| set(policy.passed_unverified());
    let name = "credentials that pass unverified";
    settings.sets(of, name, &unverified(old), &unverified(new), Direction::Granted);
}
