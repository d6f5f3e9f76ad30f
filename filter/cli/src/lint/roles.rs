//! Roles that no provider can yield: rows that name them alone admit nobody.

use std::collections::BTreeMap;

use portcullis_engine::authz::requirement::Requirement;
use portcullis_engine::policy::Service;

use super::{Inspection, Needs, Rule, listed};
use crate::caller::origins;
use crate::report::Severity;

pub(super) const UNYIELDABLE: Rule = Rule {
    name: "role-unyieldable",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "a role that no provider of the service can yield, by its sources, renaming and prefix",
};

pub(super) fn look(inspection: &mut Inspection<'_>) {
    for service in inspection.services() {
        let providers: Vec<_> =
            service.providers().iter().filter_map(|id| inspection.loaded.policy.provider(*id)).collect();
        for (role, place) in named(inspection, service) {
            if providers.iter().all(|provider| origins(&provider.roles, &role).is_empty()) {
                let names = listed(providers.iter().map(|provider| &provider.name));
                let message = format!("no token gives anybody the role `{role}`: not by {names}");
                let help = "mend the name, or say in `roles`, `role_names` or `role_prefix` of a provider where it comes from";
                inspection.add(&UNYIELDABLE, &place, message, help);
            }
        }
    }
}

/// The roles that rows may name or do name, each with the first place.
fn named(inspection: &Inspection<'_>, service: &Service) -> BTreeMap<String, String> {
    let name = service.name();
    let mut named = BTreeMap::new();
    let document = inspection.loaded.document.services.get(name);
    let vocabulary = document.and_then(|service| service.vocabulary.as_ref());
    for (index, role) in vocabulary.into_iter().flatten().enumerate() {
        named.entry(role.clone()).or_insert_with(|| format!("services.{name}.vocabulary[{index}]"));
    }
    for (index, row) in service.rows().iter().enumerate() {
        let Requirement::Roles { any, all } = &row.requirement else { continue };
        let written = document.and_then(|service| service.routes.get(index));
        for (field, ids) in [("roles", any), ("all_roles", all)] {
            for id in ids {
                let role = inspection.loaded.policy.role_names().name(*id);
                let list = written.and_then(|row| {
                    if field == "roles" { row.roles.as_ref() } else { row.all_roles.as_ref() }
                });
                let at = list.and_then(|list| list.iter().position(|written| written == role)).unwrap_or(0);
                let place = || format!("services.{name}.routes[{index}].{field}[{at}]");
                named.entry(role.to_owned()).or_insert_with(place);
            }
        }
    }
    named
}
