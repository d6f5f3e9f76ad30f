//! All services together: each host belongs to one, and so does each assertion's audience.

use std::collections::HashMap;

use super::super::document::{Document, ServiceDocument};
use super::super::error::{Mistakes, Place};
use super::super::hosts::{Hosts, is_host};
use super::super::mode::Mode;
use super::super::origins::Origins;
use super::super::service::{RowId, Service, ServiceId};
use super::super::text::Quoted;
use super::identity::plain;
use super::providers::Providers;
use super::roles::role_is_usable;
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
            let message =
                format!("{} is the assertion's audience of two services", Quoted(assertion_audience));
            let help = "give each its own `assertion_audience`: one could use what was meant for the other";
            mistakes.clash(place, other, message, help);
        }

        let (accepted, sources) =
            accepted(&place.field("providers"), service.providers.as_deref(), providers, mistakes);
        let mode = service.mode.map_or(mode, Mode::from);
        let vocabulary = vocabulary(&place, service, mistakes);
        for (index, role) in service.ownership_bypass_roles.iter().enumerate() {
            role_is_usable(&place.field("ownership_bypass_roles").item(index), role, mistakes);
        }
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
            ownership_bypass_roles: service
                .ownership_bypass_roles
                .iter()
                .map(|role| role.as_str().into())
                .collect(),
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
                mistakes.add(place, format!("{} {problem}", Quoted(text)), help);
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
    const HELP: &str = "write a host as `shop.example`, `*.shop.example`, `[::1]` or `*`";
    let host = pattern.strip_prefix("*.").unwrap_or(pattern);
    let labels = || host.strip_suffix('.').unwrap_or(host).split('.').all(|label| !label.is_empty());
    let has_port = || {
        let port = pattern.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        port.is_some_and(|(_, port)| !port.ends_with(']'))
    };
    if pattern == "*" {
        Ok(())
    } else if pattern.contains('/') {
        Err(("is an address, not a host", HELP))
    } else if has_port() {
        Err(("has a port", "leave the port out: ports are ignored"))
    } else if host.contains('*') {
        Err(("has a star where none can be", HELP))
    } else if !is_host(host) || pattern.starts_with("*.[") {
        Err(("is no host", HELP))
    } else if !host.starts_with('[') && !labels() {
        Err(("has an empty label", HELP))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::testing::{assert_seen, loaded, provider, report, service};

    /// A second service.
    fn other(policy: &mut Value, hosts: &[&str]) {
        policy["services"]["other"] = json!({ "hosts": hosts, "routes": [] });
    }

    #[test]
    fn there_is_a_service() {
        assert_seen!(report(&[
            ("no service", |it| it["services"] = json!({})),
            ("no services at all", |it| drop(it.as_object_mut().unwrap().remove("services"))),
        ]));
    }

    #[test]
    fn hosts_are_exact_or_a_suffix_or_any() {
        assert_seen!(report(&[
            ("none", |it| service(it)["hosts"] = json!([])),
            ("empty", |it| service(it)["hosts"] = json!([""])),
            ("a port", |it| service(it)["hosts"] = json!(["shop.example:8080", "[::1]:80", "*:80"])),
            ("a URL", |it| service(it)["hosts"] = json!(["https://shop.example"])),
            ("a path", |it| service(it)["hosts"] = json!(["shop.example/"])),
            ("a star elsewhere", |it| service(it)["hosts"] = json!(["shop.*", "*shop.example", "**", "*."])),
            ("an empty label", |it| service(it)["hosts"] = json!([".shop.example", "*..example", "a..b"])),
            ("no host", |it| service(it)["hosts"] =
                json!(["shop example", "::1", "*.[::1]", "käse.example"])),
        ]));
        let policy = loaded(|it| {
            service(it)["hosts"] = json!(["Shop.Example", "*.shop.example", "[::1]", "10.0.0.1"]);
        });
        for (authority, found) in
            [(&b"shop.example:80"[..], true), (b"a.shop.example", true), (b"example", false)]
        {
            assert_eq!(policy.service_of_host(authority).is_some(), found);
        }
    }

    #[test]
    fn a_host_belongs_to_one_service_once() {
        assert_seen!(report(&[
            ("two services", |it| {
                service(it)["hosts"] = json!(["a.example", "shop.example"]);
                other(it, &["Shop.Example"]);
            }),
            ("every host twice", |it| other(it, &["*"])),
            ("a suffix twice", |it| service(it)["hosts"] = json!(["*.shop.example", "*.SHOP.example"])),
        ]));
    }

    #[test]
    fn a_service_accepts_providers_that_exist() {
        assert_seen!(report(&[
            ("nobody", |it| service(it)["providers"] = json!([])),
            ("a stranger", |it| service(it)["providers"] = json!(["keycloak", "keycloack"])),
            ("told once if the provider itself is wrong", |it| {
                provider(it)["audiences"] = json!([]);
                service(it)["providers"] = json!(["keycloak"]);
            }),
        ]));
        let policy = loaded(|it| {
            let mut partner = provider(it).clone();
            partner["issuer"] = json!("https://partner.example");
            it["providers"]["partner"] = partner;
            service(it)["providers"] = json!(["partner", "partner"]);
            other(it, &["other.example"]);
        });
        let accepted: Vec<_> = policy.services().iter().map(|it| (it.name(), it.providers().len())).collect();
        assert_eq!(accepted, [("other", 2), ("shop", 1)]);
    }

    #[test]
    fn audiences_and_clusters_that_are_said_are_said_in_full() {
        assert_seen!(report(&[
            ("no audience", |it| service(it)["audiences"] = json!([])),
            ("an empty audience", |it| service(it)["audiences"] = json!([""])),
            ("no cluster", |it| service(it)["clusters"] = json!([])),
            ("an empty cluster", |it| service(it)["clusters"] = json!(["backend", ""])),
        ]));
        let policy = loaded(|it| {
            service(it)["audiences"] = json!(["orders-api"]);
            service(it)["clusters"] = json!(["backend"]);
            service(it)["cors"] = json!({ "preflight": true });
        });
        let service = &policy.services()[0];
        assert_eq!(service.audiences(), Some(&["orders-api".into()][..]));
        assert_eq!((service.clusters(), service.preflight()), (Some(&["backend".into()][..]), true));
    }

    #[test]
    fn an_assertion_is_for_one_service() {
        assert_seen!(report(&[("one audience for two", |it| {
            other(it, &["other.example"]);
            it["services"]["other"]["assertion_audience"] = json!("shop");
        })]));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        assert_seen!(report(&[("many", |it| {
            provider(it)["issuer"] = json!("");
            provider(it)["algorithms"] = json!(["HS256"]);
            service(it)["hosts"] = json!(["a b"]);
            service(it)["routes"] = json!([{ "match": "get /x" }, { "match": "GET x", "roles": [] }]);
            it["identity"] = json!({ "assertion": { "ttl": "2m" } });
            it["problem_base"] = json!("errors");
        })]));
    }
}
