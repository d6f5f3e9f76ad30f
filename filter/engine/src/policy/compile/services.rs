//! All services together: each host belongs to one, and so does each assertion's audience.

use std::collections::HashMap;

use super::super::document::{Document, ServiceDocument};
use super::super::error::{Mistakes, Place};
use super::super::hosts::{Hosts, is_host};
use super::super::mode::Mode;
use super::super::origins::Origins;
use super::super::service::{RowId, Service, ServiceId};
use super::identity::plain;
use super::providers::Providers;
use super::rows::Rows;
use super::service::{accepted, clusters, narrowed, vocabulary};
use crate::authz::requirement::RoleNames;

/// The services of a policy, and how they are found.
#[derive(Default)]
pub(super) struct Services {
    pub(super) list: Vec<Service>,
    pub(super) hosts: Hosts,
    pub(super) role_names: RoleNames,
}

pub(super) fn compile(
    document: &Document,
    providers: &Providers<'_>,
    mode: Mode,
    origins: &Origins,
    mistakes: &mut Mistakes,
) -> Services {
    if document.services.is_empty() {
        mistakes.add(
            "services",
            "there is no service",
            "name a service, its hosts, and a row for each endpoint",
        );
    }
    let mut services = Services::default();
    // where each pattern of a host stands, and each audience
    let mut hosts = HashMap::new();
    let mut audiences = HashMap::new();
    let mut first = RowId(0);
    for (name, service) in document.services.iter() {
        let root = Place::document(origins.service(name));
        let place = root.field("services");
        let place = place.field(name);
        plain(&place, name, mistakes);
        let id = ServiceId(u32::try_from(services.list.len()).unwrap_or(u32::MAX));
        services.take_hosts(&place.field("hosts"), service, id, &mut hosts, mistakes);

        let of_policy =
            document.identity.assertion.audience.as_ref().filter(|_| document.services.len() == 1);
        let assertion_audience = service.assertion_audience.as_ref().or(of_policy).unwrap_or(name);
        if let Some(own) = &service.assertion_audience {
            plain(&place.field("assertion_audience"), own, mistakes);
        }
        if let Some(other) = audiences.insert(assertion_audience, place.to_string()) {
            let message = format!("`{assertion_audience}` is the assertion's audience of two services");
            let help = "give each its own `assertion_audience`: one could use what was meant for the other";
            mistakes.clash(place, other, message, help);
        }

        let (accepted, sources) =
            accepted(&place.field("providers"), service.providers.as_deref(), providers, mistakes);
        let mode = service.mode.map_or(mode, Mode::from);
        let vocabulary = vocabulary(&place, service, mistakes);
        let mut rows = Rows { mode, vocabulary, first, role_names: &mut services.role_names };
        let table = rows.compile(&place.field("routes"), &service.routes, mistakes);
        first = RowId(first.0.saturating_add(u32::try_from(table.rows.len()).unwrap_or(u32::MAX)));
        services.list.push(Service {
            name: name.as_str().into(),
            audiences: narrowed(&place, service, mistakes),
            providers: accepted,
            sources,
            clusters: clusters(&place, service, mistakes),
            preflight: service.cors.as_ref().is_some_and(|cors| cors.preflight),
            assertion_audience: assertion_audience.as_str().into(),
            mode,
            table,
        });
    }
    services
}

impl Services {
    fn take_hosts(
        &mut self,
        place: &Place<'_>,
        document: &ServiceDocument,
        id: ServiceId,
        known: &mut HashMap<String, String>,
        mistakes: &mut Mistakes,
    ) {
        if document.hosts.is_empty() {
            let help = "name its hosts; `\"*\"` is every host that is no other service's";
            mistakes.add(place, "the service answers to no host", help);
        }
        for (index, text) in document.hosts.iter().enumerate() {
            let place = place.item(index);
            let pattern = text.to_ascii_lowercase();
            if let Err((problem, help)) = check_host(&pattern) {
                mistakes.add(place, format!("`{}` {problem}", text.escape_debug()), help);
            } else if self.hosts.add(&pattern, id).is_some() {
                let other = known.get(&pattern).map_or("", String::as_str);
                let message = format!("the host `{pattern}` is taken");
                mistakes.clash(place, other, message, "let each host belong to one service, once");
            } else {
                known.insert(pattern, place.to_string());
            }
        }
    }
}

/// `*`, `*.suffix`, or a host.
fn check_host(pattern: &str) -> Result<(), (&'static str, &'static str)> {
    const HELP: &str = "write a host as `shop.example`, `*.shop.example`, or `*`";
    let host = pattern.strip_prefix("*.").unwrap_or(pattern);
    let labels = || host.strip_suffix('.').unwrap_or(host).split('.').all(|label| !label.is_empty());
    match pattern.rsplit_once(':') {
        _ if pattern == "*" => Ok(()),
        Some((_, port)) if !port.ends_with(']') => {
            Err(("has a port", "leave the port out: ports are ignored"))
        }
        _ if pattern.contains('/') => Err(("is an address, not a host", HELP)),
        _ if host.contains('*') => Err(("has a star where none can be", HELP)),
        _ if !is_host(host) || pattern.starts_with("*.[") => Err(("is no host", HELP)),
        _ if !host.starts_with('[') && !labels() => Err(("has an empty label", HELP)),
        _ => Ok(()),
    }
}
