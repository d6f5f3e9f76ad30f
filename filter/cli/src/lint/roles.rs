//! Roles that no provider can yield (a row that names only such roles refuses every request), and
//! role sources that can yield more roles than intended.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_engine::authz::roles::Requirement;
use portcullis_engine::authz::roles::RoleSource;
use portcullis_engine::policy::{Provider, Service};

use super::{Inspection, Needs, Rule, listed};
use crate::diagnostics::Severity;
use crate::simulate::caller::origins;

pub(super) const UNYIELDABLE: Rule = Rule {
    name: "role-unreachable",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "a role that no provider of the service can yield, by its sources, renaming and prefix",
};

pub(super) const BYPASS: Rule = Rule {
    name: "bypass-role",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "a source that can yield a role which bypasses ownership, and says so in `only`",
};
pub(super) const BYPASS_UNGUARDED: Rule = Rule {
    name: "bypass-role-unguarded",
    severity: Severity::Warning,
    needs: Needs::Policy,
    finds: "a role which bypasses ownership from scopes, from a fallback, or from a source without `only`",
};
pub(super) const SCOPES_OPEN: Rule = Rule {
    name: "scopes-open",
    severity: Severity::Note,
    needs: Needs::Policy,
    finds: "scopes without `only`: every scope is a role",
};

pub(super) fn look(inspection: &mut Inspection<'_>) {
    unyieldable(inspection);
    for provider in inspection.providers() {
        for (index, source) in provider.roles.sources.iter().enumerate() {
            let place = format!("providers.{}.roles[{index}]", provider.name);
            bypasses(inspection, provider, source, &place);
            scopes_open(inspection, provider, source, &place);
        }
    }
}

/// The roles that this source can yield and some service lets bypass ownership.
fn bypasses(
    inspection: &mut Inspection<'_>,
    provider: &Provider,
    source: &RoleSource,
    place: &str,
) {
    let mut roles = BTreeSet::new();
    let mut services = BTreeSet::new();
    for service in inspection.services() {
        let accepts =
            |id| inspection.loaded.policy.provider(id).is_some_and(|it| it.name == provider.name);
        if !service.providers().iter().any(|id| accepts(*id)) {
            continue;
        }
        for role in service.ownership_bypass_roles() {
            let origins = origins(&provider.roles, role);
            if origins.iter().any(|origin| std::ptr::eq(origin.source, source)) {
                roles.insert(role.to_string());
                services.insert(service.name());
            }
        }
    }
    if roles.is_empty() {
        return;
    }
    let message = format!(
        "`{}` of `{}` can yield {}: past the ownership checks of {}",
        source.path.join("."),
        provider.name,
        listed(&roles),
        listed(&services)
    );
    let (rule, help) = if is_scope(source) {
        (
            &BYPASS_UNGUARDED,
            "take it out of `only`: scopes say what a client asked for, not what a user is",
        )
    } else if source.fallback {
        (
            &BYPASS_UNGUARDED,
            "take it out of `only`: a user who loses the last role falls back to it",
        )
    } else if source.only.is_none() {
        (
            &BYPASS_UNGUARDED,
            "list in `only` the roles that the source can yield, if this is one of them",
        )
    } else {
        (&BYPASS, "")
    };
    inspection.add(rule, place, message, help);
}

fn scopes_open(
    inspection: &mut Inspection<'_>,
    provider: &Provider,
    source: &RoleSource,
    place: &str,
) {
    if is_scope(source) && source.only.is_none() {
        let message = format!(
            "every scope of a token of `{}` is a role: scopes are what a client asked for",
            provider.name
        );
        let help = "list in `only` the scopes that rows name, as the role table names them";
        inspection.add(&SCOPES_OPEN, place, message, help);
    }
}

/// RFC 6749 3.3, RFC 8693 4.2; `scp` at some products.
fn is_scope(source: &RoleSource) -> bool {
    source.path.last().is_some_and(|name| matches!(&**name, "scope" | "scp"))
}

fn unyieldable(inspection: &mut Inspection<'_>) {
    for service in inspection.services() {
        let providers: Vec<_> = service
            .providers()
            .iter()
            .filter_map(|id| inspection.loaded.policy.provider(*id))
            .collect();
        for (role, place) in named(inspection, service) {
            if providers.iter().all(|provider| origins(&provider.roles, &role).is_empty()) {
                let names = listed(providers.iter().map(|provider| &provider.name));
                let message = format!("no token gives anybody the role `{role}`: not by {names}");
                let help = "correct the name, or add its source to a provider: `roles` with `only`, `role_names` or `role_prefix`";
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
                let at = list
                    .and_then(|list| list.iter().position(|written| written == role))
                    .unwrap_or(0);
                let place = || format!("services.{name}.routes[{index}].{field}[{at}]");
                named.entry(role.to_owned()).or_insert_with(place);
            }
        }
    }
    named
}
