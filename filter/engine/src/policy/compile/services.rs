//! All services together: each host belongs to one, and so does each assertion's audience.

use std::collections::HashMap;

use crate::authz::path::PathError;
use crate::authz::roles::{Requirement, RoleId, RoleNames};
use crate::authz::route_template::{Template, TemplateError};
use crate::authz::route_tree::TreeBuilder;
use crate::model::{Hosts, Mode, ProviderId, Row, RowId, Service, ServiceId, Table, is_host};
use crate::policy::compile::identity::plain;
use crate::policy::compile::providers::{Providers, audiences};
use crate::policy::compile::roles::role_is_usable;
use crate::policy::document::{Document, RouteDocument, ServiceDocument};
use crate::policy::error::{Errors, Place};
use crate::policy::merge::Origins;
use crate::policy::text::{Quoted, is_printable, is_token};
use crate::request::SourceId;

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
    errors: &mut Errors,
) -> Services {
    if document.services.is_empty() {
        errors.add(
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
        plain(&place, name, errors);
        let id = ServiceId(u32::try_from(services.list.len()).unwrap_or(u32::MAX));
        services.take_hosts(&place.field("hosts"), service, id, &mut hosts, errors);

        let of_policy =
            document.identity.assertion.audience.as_ref().filter(|_| document.services.len() == 1);
        let assertion_audience = service.assertion_audience.as_ref().or(of_policy).unwrap_or(name);
        if let Some(own) = &service.assertion_audience {
            plain(&place.field("assertion_audience"), own, errors);
        }
        if let Some(other) = audiences.insert(assertion_audience, place.to_string()) {
            let message = format!(
                "{} is the assertion's audience of two services",
                Quoted(assertion_audience)
            );
            let help = "give each its own `assertion_audience`: one could use what was meant for the other";
            errors.clash(place, other, message, help);
        }

        let (accepted, sources) =
            accepted(&place.field("providers"), service.providers.as_deref(), providers, errors);
        let mode = service.mode.map_or(mode, Mode::from);
        let vocabulary = vocabulary(&place, service, errors);
        for (index, role) in service.ownership_bypass_roles.iter().enumerate() {
            role_is_usable(&place.field("ownership_bypass_roles").item(index), role, errors);
        }
        let mut rows = Rows { mode, vocabulary, first, role_names: &mut services.role_names };
        let table = rows.compile(&place.field("routes"), &service.routes, errors);
        first = RowId(first.0.saturating_add(u32::try_from(table.rows.len()).unwrap_or(u32::MAX)));
        services.list.push(Service {
            name: name.as_str().into(),
            audiences: narrowed(&place, service, errors),
            providers: accepted,
            sources,
            clusters: clusters(&place, service, errors),
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
        errors: &mut Errors,
    ) {
        if document.hosts.is_empty() {
            let help = "name its hosts; `\"*\"` is every host that is no other service's";
            errors.add(place, "the service answers to no host", help);
        }
        for (index, text) in document.hosts.iter().enumerate() {
            let place = place.item(index);
            let pattern = text.to_ascii_lowercase();
            if let Err((problem, help)) = check_host(&pattern) {
                errors.add(place, format!("{} {problem}", Quoted(text)), help);
            } else if self.hosts.add(&pattern, id).is_some() {
                let other = known.get(&pattern).map_or("", String::as_str);
                let message = format!("the host `{pattern}` is taken");
                errors.clash(place, other, message, "let each host belong to one service, once");
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
    let labels =
        || host.strip_suffix('.').unwrap_or(host).split('.').all(|label| !label.is_empty());
    let has_port = || {
        let port =
            pattern.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
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

/// The providers that a service accepts, and where their tokens are looked for; both sorted.
pub(super) fn accepted(
    place: &Place<'_>,
    names: Option<&[String]>,
    providers: &Providers<'_>,
    errors: &mut Errors,
) -> (Box<[ProviderId]>, Box<[SourceId]>) {
    let mut accepted = match names {
        None => providers.ids.values().copied().collect::<Vec<_>>(),
        Some(names) => {
            if names.is_empty() {
                let help = "name a provider, or leave `providers` out to accept all of this file";
                errors.add(place, "the service accepts nobody's tokens", help);
            }
            let known = names.iter().enumerate().filter_map(|(index, name)| {
                let known = providers.ids.get(name.as_str()).copied();
                if known.is_none() {
                    let message = format!("{} is no provider", Quoted(name));
                    let list = providers.ids.keys().take(8).map(|name| Quoted(name).to_string());
                    let help = format!("write one of {}", list.collect::<Vec<_>>().join(", "));
                    errors.add(place.item(index), message, help);
                }
                known
            });
            known.collect()
        }
    };
    accepted.sort_unstable();
    accepted.dedup();
    let mut sources: Vec<_> = accepted.iter().map(|(_, source)| *source).collect();
    sources.sort_unstable();
    sources.dedup();
    (accepted.into_iter().map(|(provider, _)| provider).collect(), sources.into())
}

/// The audiences that narrow those of the providers.
pub(super) fn narrowed(
    place: &Place<'_>,
    document: &ServiceDocument,
    errors: &mut Errors,
) -> Option<Box<[Box<str>]>> {
    let help = "write at least one, or leave `audiences` out to accept those of the providers";
    let list = document.audiences.as_deref()?;
    Some(audiences(&place.field("audiences"), list, help, errors))
}

/// The Envoy clusters that belong to it.
pub(super) fn clusters(
    place: &Place<'_>,
    document: &ServiceDocument,
    errors: &mut Errors,
) -> Option<Box<[Box<str>]>> {
    let list = document.clusters.as_deref()?;
    let place = place.field("clusters");
    if list.is_empty() {
        let help = "name them, or leave `clusters` out to let Envoy choose any";
        errors.add(place, "no cluster belongs to the service", help);
    }
    for (index, cluster) in list.iter().enumerate() {
        if !is_printable(cluster) {
            let message = format!("{} is no name of a cluster", Quoted(cluster));
            errors.add(place.item(index), message, "write it as in Envoy's configuration");
        }
    }
    Some(list.iter().map(|cluster| cluster.as_str().into()).collect())
}

/// Every role that rows may name.
pub(super) fn vocabulary<'a>(
    place: &Place<'_>,
    document: &'a ServiceDocument,
    errors: &mut Errors,
) -> Option<&'a [String]> {
    let list = document.vocabulary.as_deref()?;
    for (index, role) in list.iter().enumerate() {
        role_is_usable(&place.field("vocabulary").item(index), role, errors);
    }
    Some(list)
}

/// What the rows of a service share.
pub(super) struct Rows<'a> {
    /// The service's mode.
    pub(super) mode: Mode,
    /// Every role that rows may name, if the service says so.
    pub(super) vocabulary: Option<&'a [String]>,
    /// The id of the first row.
    pub(super) first: RowId,
    pub(super) role_names: &'a mut RoleNames,
}

impl Rows<'_> {
    pub(super) fn compile(
        &mut self,
        place: &Place<'_>,
        documents: &[RouteDocument],
        errors: &mut Errors,
    ) -> Table {
        let mut tree = TreeBuilder::default();
        let mut rows = Vec::with_capacity(documents.len());
        let mut methods: Vec<Vec<u32>> = Vec::new();
        // where each row stands in the document: a row with a mistake is none
        let mut places = Vec::with_capacity(documents.len());
        for (index, document) in documents.iter().enumerate() {
            let item = place.item(index);
            let endpoint = endpoint(&item.field("match"), &document.endpoint, errors);
            let requirement = self.requirement(&item, document, errors);
            let Some((method, template)) = endpoint else { continue };
            let at = tree.add(&template) as usize;
            if methods.len() <= at {
                methods.resize_with(at + 1, Vec::new);
            }
            let Some(same_paths) = methods.get_mut(at) else { continue };
            let known = |row: &&u32| {
                rows.get(**row as usize).is_some_and(|row: &Row| *row.method == *method)
            };
            if let Some(other) =
                same_paths.iter().find(known).and_then(|row| places.get(*row as usize))
            {
                let message =
                    format!("{} matches the requests of another row", Quoted(&document.endpoint));
                let help = "keep one of the two: nothing says which would decide";
                errors.clash(item.field("match"), place.item(*other).field("match"), message, help);
            }
            let row = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            same_paths.push(row);
            places.push(index);
            rows.push(Row {
                id: RowId(self.first.0.saturating_add(row)),
                method: method.into(),
                template,
                requirement: requirement.unwrap_or(Requirement::Authenticated),
                mode: document.mode.map_or(self.mode, Mode::from),
            });
        }
        Table {
            first: self.first,
            rows: rows.into(),
            tree: tree.finish(),
            methods: methods.into_iter().map(Vec::into_boxed_slice).collect(),
        }
    }

    fn requirement(
        &mut self,
        place: &Place<'_>,
        document: &RouteDocument,
        errors: &mut Errors,
    ) -> Option<Requirement> {
        let RouteDocument { public, authenticated, roles, all_roles, .. } = document;
        let has_roles = roles.is_some() || all_roles.is_some();
        match (public, authenticated, has_roles) {
            (true, false, false) => Some(Requirement::Public),
            (false, true, false) => Some(Requirement::Authenticated),
            (false, false, true) => {
                let mut list = |field, list: Option<&Vec<String>>| {
                    list.map_or_else(Box::default, |list| {
                        self.roles(&place.field(field), list, errors)
                    })
                };
                let any = list("roles", roles.as_ref());
                let all = list("all_roles", all_roles.as_ref());
                Some(Requirement::Roles { any, all })
            }
            (false, false, false) => {
                let help = "say who may call it: `public: true`, `authenticated: true`, `roles: […]` or `all_roles: […]`";
                errors.add(place, "the row has no requirement", help);
                None
            }
            _ => {
                let help = "keep one of `public`, `authenticated`, and roles (`roles`, `all_roles`, or both)";
                errors.add(place, "the row has two requirements that contradict each other", help);
                None
            }
        }
    }

    fn roles(&mut self, place: &Place<'_>, list: &[String], errors: &mut Errors) -> Box<[RoleId]> {
        if list.is_empty() {
            let help = "name a role; `authenticated: true` admits everybody with a good token";
            errors.add(place, "the list of roles is empty", help);
        }
        for (index, role) in list.iter().enumerate() {
            role_is_usable(&place.item(index), role, errors);
            if let Some(vocabulary) =
                self.vocabulary.filter(|vocabulary| !vocabulary.contains(role))
            {
                let known = vocabulary
                    .iter()
                    .map(|role| Quoted(role).to_string())
                    .collect::<Vec<_>>()
                    .join(", ");
                let message = format!("{} is not in the vocabulary", Quoted(role));
                let help = format!("mend the name, or add it to the service's vocabulary: {known}");
                errors.add(place.item(index), message, help);
            }
        }
        let mut roles: Vec<_> = list.iter().map(|role| self.role_names.intern(role)).collect();
        roles.sort_unstable();
        roles.dedup();
        roles.into()
    }
}

/// `METHOD /template`.
fn endpoint<'a>(
    place: &Place<'_>,
    text: &'a str,
    errors: &mut Errors,
) -> Option<(&'a str, Template)> {
    let Some((method, template)) = text.split_once(' ') else {
        let message = format!("{} is not a method and a path template", Quoted(text));
        errors.add(place, message, "write it as `GET /orders/{order_id}`");
        return None;
    };
    if let Err((problem, help)) = check_method(method) {
        errors.add(place, format!("the method {} {problem}", Quoted(method)), help);
        return None;
    }
    let note = |error: TemplateError| {
        let message = format!("{}: {error}", Quoted(template));
        errors.add(place, message, mend_of_template(method, template, error));
    };
    Some((method, Template::parse(template).map_err(note).ok()?))
}

fn mend_of_template(method: &str, template: &str, error: TemplateError) -> String {
    match error {
        TemplateError::Path(PathError::NoSlash) if template == "*" => {
            "remove the row: a request that is about the whole server is always refused".to_owned()
        }
        TemplateError::Path(PathError::NoSlash) if template.trim_start().starts_with('/') => {
            "write one space between method and template".to_owned()
        }
        TemplateError::Path(PathError::NoSlash) => {
            format!("begin it with a slash, as {}", Quoted(&format!("{method} /{}", template.trim_start())))
        }
        TemplateError::Path(
            PathError::EscapedDelimiter
            | PathError::EscapedControl
            | PathError::NotUtf8
            | PathError::DelimiterAlias,
        ) => "remove the escape: a request with it is always refused".to_owned(),
        TemplateError::Path(PathError::TrimmedSegment) => {
            "rename the segment: a request with it is always refused".to_owned()
        }
        TemplateError::Path(PathError::NeedlessEscape) | TemplateError::Spelling => {
            "write the character itself, or its escape in upper case where it needs one".to_owned()
        }
        TemplateError::Path(PathError::Unescaped) => {
            "escape it, as `%20`, if it is meant; one space stands before the template, and none behind"
                .to_owned()
        }
        TemplateError::Query => "remove the query: rows match paths".to_owned(),
        _ => "write it as `/orders/{order_id}` or `/files/{*rest}`".to_owned(),
    }
}

/// Methods are compared exactly (RFC 9110 9.1).
fn check_method(method: &str) -> Result<(), (&'static str, String)> {
    if !is_token(method) {
        return Err((
            "is none",
            "write one as `GET`, then one space, then the template".to_owned(),
        ));
    }
    if method.bytes().any(|b| b.is_ascii_lowercase()) {
        let help = format!("write `{}`: methods are compared exactly", method.to_ascii_uppercase());
        return Err(("has lower-case letters", help));
    }
    match method {
        "CONNECT" => Err(("asks for a tunnel, and has no path", "remove the row".to_owned())),
        "TRACE" => Err(("would send credentials back", "remove the row".to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::authz::path::PathError;
    use crate::authz::route_template::TemplateError;
    use crate::policy::testing::{
        assert_seen, load, loaded, provider, report, rows, service, shop,
    };

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
            ("a port", |it| service(it)["hosts"] =
                json!(["shop.example:8080", "[::1]:80", "*:80"])),
            ("a URL", |it| service(it)["hosts"] = json!(["https://shop.example"])),
            ("a path", |it| service(it)["hosts"] = json!(["shop.example/"])),
            ("a star elsewhere", |it| service(it)["hosts"] =
                json!(["shop.*", "*shop.example", "**", "*."])),
            ("an empty label", |it| service(it)["hosts"] =
                json!([".shop.example", "*..example", "a..b"])),
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
            ("a suffix twice", |it| service(it)["hosts"] =
                json!(["*.shop.example", "*.SHOP.example"])),
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
        let accepted: Vec<_> =
            policy.services().iter().map(|it| (it.name(), it.providers().len())).collect();
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
        assert_eq!(
            (service.clusters(), service.preflight()),
            (Some(&["backend".into()][..]), true)
        );
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
            service(it)["routes"] =
                json!([{ "match": "get /x" }, { "match": "GET x", "roles": [] }]);
            it["identity"] = json!({ "assertion": { "ttl": "2m" } });
            it["problem_base"] = json!("errors");
        })]));
    }

    /// A public row for an endpoint, after the others.
    fn row(policy: &mut Value, endpoint: &str) {
        rows(policy).push(json!({ "match": endpoint, "public": true }));
    }

    /// A row with a requirement, in the place of the first.
    fn requirement(policy: &mut Value, mut row: Value) {
        row["match"] = json!("POST /orders");
        rows(policy)[0] = row;
    }

    #[test]
    fn a_row_matches_a_method_and_a_path_template() {
        assert_seen!(report(&[
            ("nothing", |it| row(it, "")),
            ("a method alone", |it| row(it, "GET")),
            ("a path alone", |it| row(it, "/orders")),
            ("no slash", |it| row(it, "POST orders")),
            ("two spaces", |it| row(it, "GET  /orders")),
            ("a star", |it| row(it, "OPTIONS *")),
            ("a query", |it| row(it, "GET /orders?x=1")),
            ("two slashes", |it| row(it, "GET /orders//x")),
            ("a dot segment", |it| row(it, "GET /orders/../x")),
            ("an escaped slash", |it| row(it, "GET /orders%2Fx")),
            ("a needless escape", |it| row(it, "GET /%6frders")),
            ("an escape in lower case", |it| row(it, "GET /caf%c3%a9")),
            ("an escape that is cut off", |it| row(it, "GET /100%")),
            ("an escaped line break", |it| row(it, "GET /a%0Ab")),
            ("an escape of Latin-1", |it| row(it, "GET /caf%E9")),
            ("an escaped full-width slash", |it| row(it, "GET /a%EF%BC%8Fb")),
            ("a segment of dots", |it| row(it, "GET /a/.../b")),
            ("a fragment", |it| row(it, "GET /orders#x")),
            ("a path parameter", |it| row(it, "GET /orders;x=1")),
            ("a space behind", |it| row(it, "GET /orders ")),
            ("a path of over 4,096 bytes", |it| row(
                it,
                &format!("GET {}", "/abcdefg".repeat(513))
            )),
            ("half a segment", |it| row(it, "GET /{id}.json")),
            ("a parameter without a name", |it| row(it, "GET /{}")),
            ("a name twice", |it| row(it, "GET /{id}/{id}")),
            ("a rest in the middle", |it| row(it, "GET /{*rest}/x")),
        ]));
    }

    /// The variants of an error; one that is missing here does not compile.
    macro_rules! all {
    ($of:ident: $($variant:ident),* $(; $other:ident)?) => {{
        let _ = |error: $of| match error { $($of::$variant => (),)* $($of::$other(_) => (),)? };
        [$($of::$variant),*]
    }};
}

    #[test]
    fn whatever_can_be_wrong_with_a_template_is_in_the_snapshot() {
        let seen = include_str!(
            "snapshots/portcullis_engine__policy__compile__services__tests__a_row_matches_a_method_and_a_path_template.snap"
        );
        let of_paths = all!(
            PathError: NoSlash, TooLong, EmptySegment, DotSegment, TrimmedSegment, Separator, Fragment, Unescaped, BadEscape,
            NeedlessEscape, EscapedDelimiter, EscapedControl, NotUtf8, DelimiterAlias
        );
        let of_templates =
            all!(TemplateError: PartOfSegment, Name, RestNotLast, NameTwice, Spelling, Query; Path);
        for error in of_paths.map(TemplateError::from).into_iter().chain(of_templates) {
            assert!(
                seen.contains(&format!(": {error}\n")),
                "nobody has seen what a person sees of this: {error}"
            );
        }
    }

    #[test]
    fn a_method_is_an_upper_case_token_and_neither_connect_nor_trace() {
        assert_seen!(report(&[
            ("lower case", |it| row(it, "get /x")),
            ("mixed case", |it| row(it, "Get /x")),
            ("no token", |it| row(it, "G:T /x")),
            ("none", |it| row(it, " /x")),
            ("CONNECT", |it| row(it, "CONNECT /x")),
            ("TRACE", |it| row(it, "TRACE /x")),
        ]));
        let mut document = shop();
        for endpoint in ["M-SEARCH /x", "PROPFIND /x", "HEAD /me", "GET /x/", "GET /x"] {
            row(&mut document, endpoint);
        }
        assert!(load(&document).is_ok());
    }

    #[test]
    fn a_row_has_exactly_one_requirement() {
        assert_seen!(report(&[
            ("none", |it| requirement(it, json!({}))),
            ("all denied", |it| requirement(
                it,
                json!({ "public": false, "authenticated": false })
            )),
            ("an empty list", |it| requirement(it, json!({ "roles": [] }))),
            ("an empty list of all", |it| requirement(
                it,
                json!({ "roles": ["a"], "all_roles": [] })
            )),
            ("public and authenticated", |it| requirement(
                it,
                json!({ "public": true, "authenticated": true })
            )),
            ("public and roles", |it| requirement(it, json!({ "public": true, "roles": ["a"] }))),
            ("authenticated and roles", |it| requirement(
                it,
                json!({ "authenticated": true, "all_roles": ["a"] })
            )),
            ("public and an empty list", |it| requirement(
                it,
                json!({ "public": true, "roles": [] })
            )),
        ]));
        let mut document = shop();
        requirement(&mut document, json!({ "roles": ["a", "b"], "all_roles": ["c"] }));
        assert!(load(&document).is_ok());
    }

    #[test]
    fn a_role_is_a_name_that_somebody_could_have() {
        assert_seen!(report(&[
            ("an empty one", |it| requirement(it, json!({ "roles": ["customer", ""] }))),
            ("a line break", |it| requirement(it, json!({ "all_roles": ["a\nb"] }))),
            ("a long one", |it| requirement(it, json!({ "roles": ["x".repeat(257)] }))),
        ]));
        let mut document = shop();
        requirement(&mut document, json!({ "roles": ["a, b", "Prüfer", "x".repeat(256)] }));
        assert!(load(&document).is_ok());
    }

    #[test]
    fn a_role_outside_the_vocabulary_does_not_load() {
        assert_seen!(report(&[
            ("a typing error", |it| {
                service(it)["vocabulary"] = json!(["customer", "admin"]);
                requirement(it, json!({ "roles": ["custmer"], "all_roles": ["Admin"] }));
            }),
            ("an empty name in it", |it| service(it)["vocabulary"] =
                json!(["customer", "admin", ""])),
        ]));
    }

    #[test]
    fn two_rows_that_can_match_the_same_request_with_the_same_precedence_clash() {
        assert_seen!(report(&[
            ("the same", |it| row(it, "GET /me")),
            ("another name", |it| row(it, "GET /orders/{id}")),
            ("two rests", |it| {
                row(it, "GET /files/{*rest}");
                row(it, "GET /files/{*path}");
            }),
            ("after a row with a mistake", |it| {
                rows(it).insert(0, json!({ "match": "get /x", "public": true }));
                row(it, "GET /products");
            }),
        ]));
        let mut document = shop();
        for endpoint in [
            "PUT /orders/{id}",
            "GET /orders/new",
            "GET /orders/{*rest}",
            "GET /orders/",
            "HEAD /orders/{id}",
        ] {
            row(&mut document, endpoint);
        }
        assert!(load(&document).is_ok());
    }

    #[test]
    fn a_mode_is_enforce_or_a_trial_with_an_end() {
        assert_seen!(report(&[
            ("off", |it| it["mode"] = json!("off")),
            ("a trial without an end", |it| it["mode"] = json!({ "shadow": {} })),
            ("shadow alone", |it| service(it)["mode"] = json!("shadow")),
            ("no day of the calendar", |it| rows(it)[1]["mode"] =
                json!({ "shadow": { "until": "2027-02-29" } })),
            ("a moment", |it| it["mode"] =
                json!({ "shadow": { "until": "2027-01-31T00:00:00Z" } })),
            ("something else", |it| it["mode"] = json!({ "insecure": true })),
        ]));
    }
}
