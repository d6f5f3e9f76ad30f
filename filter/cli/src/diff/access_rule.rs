//! What an endpoint asks of its callers at one time, by the engine's own row, requirement and mode.

use std::collections::BTreeSet;

use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::authz::roles::{Requirement, RoleId};
use portcullis_engine::clock::UnixTime;
use portcullis_engine::policy::{Found, Mode, Policy, Row, Service};

use crate::diagnostics::quoted_role;

/// One of the two policies, as one class of hosts sees it.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) policy: &'a Policy,
    pub(super) service: Option<&'a Service>,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum AccessRule<'a> {
    /// Nobody passes.
    Shut,
    /// Anyone passes, without a token.
    Open,
    /// A good token, and what the requirement says.
    Token(&'a Requirement),
}

/// Signs by their numbers: what a token says.
pub(super) type Signs = BTreeSet<usize>;

impl<'a> Side<'a> {
    /// The row of a method and a path.
    pub(super) fn row(&self, method: &str, path: &str) -> Option<&'a Row> {
        let path = CanonicalPath::parse(path.as_bytes()).ok()?;
        match self.service?.find(method, path) {
            Found::Row(row) => Some(row),
            Found::PathKnown | Found::Nothing => None,
        }
    }

    /// What the row asks, or what is asked where there is none.
    pub(super) fn access_rule(&self, row: Option<&'a Row>, now: UnixTime) -> AccessRule<'a> {
        if self.mode(row).shadows(now) {
            return AccessRule::Open;
        }
        match row.map(|row| &row.requirement) {
            None => AccessRule::Shut,
            Some(Requirement::Public) => AccessRule::Open,
            Some(requirement) => AccessRule::Token(requirement),
        }
    }

    /// The nearest mode.
    pub(super) fn mode(&self, row: Option<&Row>) -> Mode {
        let service = || self.service.map(Service::mode);
        row.map(|row| row.mode).or_else(service).unwrap_or_else(|| self.policy.mode())
    }

    /// The smallest sets of signs that pass. `gives`: the roles that each sign gives.
    pub(super) fn smallest(
        &self,
        access_rule: AccessRule<'_>,
        gives: &[BTreeSet<String>],
    ) -> Vec<Signs> {
        let AccessRule::Token(requirement) = access_rule else { return Vec::new() };
        let signs_of = |roles: &[RoleId]| -> Vec<usize> {
            let names: Vec<_> =
                roles.iter().map(|role| self.policy.role_names().name(*role)).collect();
            let gives = gives.iter().enumerate();
            gives
                .filter(|(_, given)| names.iter().any(|name| given.contains(*name)))
                .map(|(sign, _)| sign)
                .collect()
        };
        let choices: Vec<Vec<usize>> = match requirement {
            Requirement::Public | Requirement::Authenticated => Vec::new(),
            Requirement::Roles { any, all } => {
                let each = all.iter().map(|role| signs_of(std::slice::from_ref(role)));
                each.chain((!any.is_empty()).then(|| signs_of(any))).collect()
            }
        };
        let mut sets = BTreeSet::from([Signs::new()]);
        for choice in choices {
            let with = |set: &Signs| {
                let set = set.clone();
                choice
                    .clone()
                    .into_iter()
                    .map(move |sign| set.iter().copied().chain([sign]).collect::<Signs>())
            };
            sets = sets.iter().flat_map(with).collect();
        }
        let smaller = |set: &Signs| sets.iter().any(|other| other != set && other.is_subset(set));
        sets.iter().filter(|set| !smaller(set)).cloned().collect()
    }

    /// Whether a caller with these signs passes.
    pub(super) fn admits(
        &self,
        access_rule: AccessRule<'_>,
        signs: &Signs,
        gives: &[BTreeSet<String>],
    ) -> bool {
        match access_rule {
            AccessRule::Shut => false,
            AccessRule::Open => true,
            AccessRule::Token(requirement) => {
                let roles =
                    signs.iter().filter_map(|sign| gives.get(*sign)).flatten().map(String::as_str);
                requirement.is_satisfied_by(&self.policy.role_names().bits(roles))
            }
        }
    }

    /// The row's requirement and mode in words.
    pub(super) fn words(&self, row: Option<&Row>, now: UnixTime) -> String {
        let asked = match row.map(|row| &row.requirement) {
            None => "no row".to_owned(),
            Some(Requirement::Public) => "public".to_owned(),
            Some(Requirement::Authenticated) => "authenticated".to_owned(),
            Some(Requirement::Roles { any, all }) => {
                let names = |roles: &[RoleId], by: &str| {
                    let mut names: Vec<_> =
                        roles.iter().map(|role| self.policy.role_names().name(*role)).collect();
                    names.sort_unstable();
                    names.into_iter().map(quoted_role).collect::<Vec<_>>().join(by)
                };
                match (any.is_empty(), all.is_empty()) {
                    (false, true) => names(any, " | "),
                    (true, _) => names(all, " & "),
                    (false, false) if any.len() == 1 => {
                        [names(any, ""), names(all, " & ")].join(" & ")
                    }
                    (false, false) => format!("({}) & {}", names(any, " | "), names(all, " & ")),
                }
            }
        };
        match self.mode(row) {
            Mode::Shadow { ends } if now < ends => {
                format!("{asked}, in shadow until {}", crate::clock::day(UnixTime(ends.0 - 1)))
            }
            _ => asked,
        }
    }
}
