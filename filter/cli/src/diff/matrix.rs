//! Roles against endpoints: the golden table that a reviewer reads. Its lines end with the
//! endpoint, so that a new endpoint changes one line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use portcullis_engine::authz::roles::Requirement;
use portcullis_engine::clock::UnixTime;
use portcullis_engine::policy::{Document, Policy, Service};

use crate::diagnostics::quoted_role;
use crate::diff::access_rule::{AccessRule, Side, Signs};

/// The table of every service, in order of name.
pub fn matrix(document: &Document, policy: &Policy) -> String {
    let mut text = "# Who may call what, made by `portcullis test POLICY --matrix FILE`: a change of it is a change of rights.\n\
                    # A column says what passes with that and no more. `a & b` has both roles.\n"
        .to_owned();
    for service in policy.services() {
        let hosts = document.services.get(service.name()).map(|service| service.hosts.join(" "));
        // writing to a String cannot fail
        let _ = write!(text, "\n## {} ({})\n\n", service.name(), hosts.unwrap_or_default());
        let bypass: Vec<_> =
            service.ownership_bypass_roles().iter().map(|role| quoted_role(role)).collect();
        if !bypass.is_empty() {
            let _ = write!(text, "bypasses ownership: {}\n\n", bypass.join(", "));
        }
        table(&mut text, policy, service);
    }
    text
}

fn table(text: &mut String, policy: &Policy, service: &Service) {
    let side = Side { policy, service: Some(service) };
    let columns = columns(&side, service);
    let widths: Vec<_> = columns.iter().map(|(name, _)| name.chars().count()).collect();
    let line = |text: &mut String, cells: Vec<String>, end: &str| {
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{end}");
    };
    line(text, columns.iter().map(|(name, _)| name.clone()).collect(), "endpoint");
    let mut rows: Vec<_> = service.rows().iter().collect();
    rows.sort_by_key(|row| (row.template.as_str(), &row.method));
    for row in rows {
        let cells = columns.iter().map(|(_, caller)| {
            let passes = match (&row.requirement, caller) {
                (Requirement::Public, _) => true,
                (_, None) => false,
                (requirement, Some(roles)) => {
                    let signs: Signs = (0..roles.len()).collect();
                    let gives: Vec<_> =
                        roles.iter().map(|role| BTreeSet::from([role.clone()])).collect();
                    side.admits(AccessRule::Token(requirement), &signs, &gives)
                }
            };
            if passes { "yes" } else { "-" }.to_owned()
        });
        let shadow = match row.mode {
            portcullis_engine::policy::Mode::Shadow { ends } => {
                format!(
                    "  (in shadow until {})",
                    crate::clock::day(UnixTime(ends.0.saturating_sub(1)))
                )
            }
            portcullis_engine::policy::Mode::Enforce => String::new(),
        };
        line(text, cells.collect(), &format!("{} {}{shadow}", row.method, row.template));
    }
}

/// Anyone, any good token, each role alone, and the smallest sets of several roles that some row
/// asks for.
fn columns(side: &Side<'_>, service: &Service) -> Vec<(String, Option<Vec<String>>)> {
    let named: BTreeSet<String> = service
        .rows()
        .iter()
        .flat_map(|row| match &row.requirement {
            Requirement::Roles { any, all } => [any, all].map(|roles| roles.to_vec()).concat(),
            Requirement::Public | Requirement::Authenticated => Vec::new(),
        })
        .map(|role| side.policy.role_names().name(role).to_owned())
        .collect();
    let roles: Vec<String> = named.into_iter().collect();
    let gives: Vec<_> = roles.iter().map(|role| BTreeSet::from([role.clone()])).collect();
    let sets: BTreeSet<Signs> = service
        .rows()
        .iter()
        .flat_map(|row| side.smallest(AccessRule::Token(&row.requirement), &gives))
        .filter(|set| set.len() > 1)
        .collect();
    let mut columns =
        vec![("anyone".to_owned(), None), ("authenticated".to_owned(), Some(Vec::new()))];
    columns.extend(
        roles.iter().map(|role| (quoted_role(role).into_owned(), Some(vec![role.clone()]))),
    );
    columns.extend(sets.into_iter().map(|set| {
        let set: Vec<String> = set.into_iter().filter_map(|at| roles.get(at)).cloned().collect();
        (set.iter().map(|role| quoted_role(role)).collect::<Vec<_>>().join(" & "), Some(set))
    }));
    columns
}
