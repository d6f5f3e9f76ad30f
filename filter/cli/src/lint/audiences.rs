//! Audiences that are good for two services: whoever gets a token for one can use it at the other.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_engine::policy::Service;

use super::{Inspection, Needs, Rule, listed};
use crate::diagnostics::Severity;
use crate::diff::audiences;

pub(super) const SHARED: Rule = Rule {
    name: "audience-shared",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "an audience that two services accept from one provider",
};

pub(super) fn look(inspection: &mut Inspection<'_>) {
    let mut by_audience: BTreeMap<(&str, String), Vec<&Service>> = BTreeMap::new();
    for service in inspection.services() {
        for provider in
            service.providers().iter().filter_map(|id| inspection.loaded.policy.provider(*id))
        {
            for audience in audiences(provider, service) {
                by_audience.entry((&provider.name, audience)).or_default().push(service);
            }
        }
    }
    // one finding for the same services, however many audiences they share
    let mut by_services: BTreeMap<Vec<&str>, BTreeSet<(&str, String)>> = BTreeMap::new();
    for (audience, services) in by_audience.into_iter().filter(|(_, services)| services.len() > 1) {
        let names = services.iter().map(|service| service.name()).collect();
        by_services.entry(names).or_default().insert(audience);
    }
    for (services, shared) in by_services {
        let tokens =
            shared.iter().map(|(provider, audience)| format!("`{audience}` of `{provider}`"));
        let tokens = tokens.collect::<Vec<_>>().join(", ");
        let message = format!("a token for {tokens} is good for {} alike", listed(&services));
        let help =
            "give each service its own `audiences`, so that a token for one is none for the other";
        let place = |name: &str| format!("services.{name}.audiences");
        let other = services.first().and_then(|name| inspection.loaded.mark(&place(name)));
        let last = services.last().copied().unwrap_or_default();
        inspection.add(&SHARED, &place(last), message, help).other = other;
    }
}
