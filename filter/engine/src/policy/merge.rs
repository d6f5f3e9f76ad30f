//! Several files as one policy: each team writes its services and providers in a file of its own,
//! and no team can take what is another's by writing its name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::Policy;
use crate::policy::document::{Document, ProviderDocument, ServiceDocument};
use crate::policy::error::{Errors, Place, PolicyErrors};
use crate::policy::text::Quoted;
use crate::policy::values::UniqueMap;

/// Several files as one document, which still knows what came from where.
#[derive(Clone, Debug)]
pub struct Merged {
    document: Document,
    origins: Origins,
}

/// Merges files, each with its name. A name belongs to one file; what is not a provider, a service
/// or a lint is said in one file only. A service accepts the providers of its own file, or those
/// that it names, of which another file's must be exported there.
///
/// # Errors
/// Every collision, naming both files. The document still has to be compiled.
pub fn merge(files: Vec<(String, Document)>) -> Result<Merged, PolicyErrors> {
    let mut merged = Merged { document: Document::default(), origins: Origins::default() };
    let mut errors = Errors::default();
    for (file, document) in files {
        merged.take(&file, document, &mut errors);
    }
    merged.check_exports(&mut errors);
    errors.none_or(merged)
}

impl Merged {
    /// The one document, in which every service names its providers.
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// Compiles it; the place of a mistake begins with its file's name.
    ///
    /// # Errors
    /// As [`Policy::compile`].
    pub fn compile(&self) -> Result<Policy, PolicyErrors> {
        super::compile::compile(&self.document, &self.origins)
    }

    /// The file that a provider came from.
    pub fn file_of_provider(&self, name: &str) -> Option<&str> {
        self.origins.provider(name)
    }

    /// The file that a service came from.
    pub fn file_of_service(&self, name: &str) -> Option<&str> {
        self.origins.service(name)
    }

    fn take(&mut self, file: &str, document: Document, errors: &mut Errors) {
        let Document {
            providers,
            services,
            identity,
            mode,
            problem_base,
            headers,
            access_log,
            limits,
            waiting,
            cache,
            lint,
        } = document;
        let own: Vec<String> = providers.keys().cloned().collect();
        let services = services.0.into_iter().map(|(name, mut service)| {
            name_own_providers(file, &name, &mut service, &own, errors);
            (name, service)
        });
        let services: Vec<_> = services.collect();

        let Self { document, origins } = self;
        let mut parts = Parts { file, errors };
        parts.take("providers", providers.0, &mut document.providers, &mut origins.providers);
        parts.take("services", services, &mut document.services, &mut origins.services);
        let fields = &mut origins.fields;
        parts.take_field("identity", identity, &mut document.identity, fields);
        parts.take_field("mode", mode, &mut document.mode, fields);
        parts.take_field("problem_base", problem_base, &mut document.problem_base, fields);
        parts.take_field("headers", headers, &mut document.headers, fields);
        parts.take_field("access_log", access_log, &mut document.access_log, fields);
        parts.take_field("limits", limits, &mut document.limits, fields);
        parts.take_field("waiting", waiting, &mut document.waiting, fields);
        parts.take_field("cache", cache, &mut document.cache, fields);
        super::compile::limits::check_lint(&Place::document(Some(file)), &lint, parts.errors);
        document.lint.allow.extend(lint.allow);
    }

    /// Another file's provider is accepted only if that file says so: no team's provider can issue
    /// for another team's audience by accident.
    fn check_exports(&self, errors: &mut Errors) {
        for (name, service) in self.document.services.iter() {
            let file = self.origins.service(name);
            for (index, provider) in service.providers.iter().flatten().enumerate() {
                let of = self.origins.provider(provider);
                let exported = self
                    .document
                    .providers
                    .get(provider)
                    .is_none_or(|it: &ProviderDocument| it.export);
                if !exported && of != file {
                    let of = of.unwrap_or_default();
                    let root = Place::document(file);
                    let services = root.field("services");
                    let place = services.field(name);
                    let place = place.field("providers");
                    let message =
                        format!("the provider {} of `{of}` is not exported", Quoted(provider));
                    let help = format!(
                        "write `export: true` in `providers.{provider}` of `{of}`, if that team agrees"
                    );
                    errors.add(place.item(index), message, help);
                }
            }
        }
    }
}

/// What a service accepts by default, written out: merged, there are others.
fn name_own_providers(
    file: &str,
    name: &str,
    service: &mut ServiceDocument,
    own: &[String],
    errors: &mut Errors,
) {
    if service.providers.is_none() {
        if own.is_empty() {
            let root = Place::document(Some(file));
            let services = root.field("services");
            let help = "name providers that other files export: `providers: […]`";
            let message = "the service names no provider, and its file has none";
            errors.add(services.field(name).field("providers"), message, help);
        }
        service.providers = Some(own.to_vec());
    }
}

/// The parts of one file, on their way into the merged document.
struct Parts<'a> {
    file: &'a str,
    errors: &'a mut Errors,
}

impl Parts<'_> {
    fn take<T>(
        &mut self,
        field: &str,
        parts: impl IntoIterator<Item = (String, T)>,
        merged: &mut UniqueMap<T>,
        origins: &mut BTreeMap<String, String>,
    ) {
        for (name, part) in parts {
            let root = Place::document(Some(self.file));
            let place = root.field(field);
            match origins.entry(name) {
                Entry::Vacant(entry) => {
                    merged.0.insert(entry.key().clone(), part);
                    entry.insert(self.file.to_owned());
                }
                Entry::Occupied(entry) => {
                    let (name, other) = (entry.key(), entry.get());
                    let message = format!("{} is in two files", Quoted(name));
                    let root = Place::document(Some(other));
                    let other = root.field(field);
                    let help = "let one file have it, or name one of them differently";
                    self.errors.clash(place.field(name), other.field(name), message, help);
                }
            }
        }
    }

    /// A part that says something for everybody.
    fn take_field<T: Default + PartialEq>(
        &mut self,
        field: &'static str,
        part: T,
        merged: &mut T,
        origins: &mut BTreeMap<&'static str, String>,
    ) {
        if part == T::default() {
            return;
        }
        match origins.entry(field) {
            Entry::Vacant(entry) => {
                *merged = part;
                entry.insert(self.file.to_owned());
            }
            Entry::Occupied(entry) => {
                let root = Place::document(Some(self.file));
                let other = Place::document(Some(entry.get()));
                let message = format!("`{field}` is in two files");
                let help = "it is for all services: let one file say it";
                self.errors.clash(root.field(field), other.field(field), message, help);
            }
        }
    }
}

/// The file of each part; empty for a document that is one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) providers: BTreeMap<String, String>,
    pub(super) services: BTreeMap<String, String>,
    /// The top-level fields that may stand in one file only.
    pub(super) fields: BTreeMap<&'static str, String>,
}

impl Origins {
    /// The file of a provider.
    pub(super) fn provider(&self, name: &str) -> Option<&str> {
        self.providers.get(name).map(String::as_str)
    }

    /// The file of a service.
    pub(super) fn service(&self, name: &str) -> Option<&str> {
        self.services.get(name).map(String::as_str)
    }

    /// The file of a top-level field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{assert_seen, in_house_style};
    use serde_json::{Value, json};
    use std::fmt::Write as _;

    type Files = Vec<(&'static str, Value)>;
    type Case = (&'static str, fn(&mut Files));

    fn provider(issuer: &str) -> Value {
        json!({
            "issuer": issuer, "audiences": ["api"], "algorithms": ["RS256"],
            "jwks": { "uri": "https://idp.example/keys", "cluster": "idp" },
        })
    }

    fn service(host: &str) -> Value {
        json!({ "hosts": [host], "routes": [{ "match": "GET /", "roles": ["a"] }] })
    }

    /// The platform's file and those of two teams.
    fn files() -> Files {
        let mut shared = provider("https://shared.example");
        shared["export"] = json!(true);
        vec![
            ("platform.yaml", json!({ "providers": { "shared": shared }, "mode": "enforce" })),
            (
                "orders.yaml",
                json!({
                    "providers": { "orders-idp": provider("https://orders.example") },
                    "services": { "orders": service("orders.example") },
                }),
            ),
            (
                "billing.yaml",
                json!({
                    "providers": { "billing-idp": provider("https://billing.example") },
                    "services": { "billing": service("billing.example") },
                }),
            ),
        ]
    }

    fn merged(files: Files) -> Result<Policy, PolicyErrors> {
        let read =
            |(name, file): (&str, Value)| (name.to_owned(), serde_json::from_value(file).unwrap());
        merge(files.into_iter().map(read).collect())?.compile()
    }

    fn report(cases: &[Case]) -> String {
        cases.iter().fold(String::new(), |mut report, (name, change)| {
            let mut files = files();
            change(&mut files);
            let errors = merged(files).expect_err(name);
            in_house_style(&errors);
            writeln!(report, "# {name}\n{errors}\n").unwrap();
            report
        })
    }

    #[test]
    fn a_service_accepts_the_providers_of_its_own_file_and_exported_ones_that_it_names() {
        let accepted = |files| {
            let policy = merged(files).unwrap();
            let names = |service: &crate::policy::Service| {
                let name =
                    |id: &crate::policy::ProviderId| policy.provider(*id).unwrap().name.to_string();
                (
                    service.name().to_owned(),
                    service.providers().iter().map(name).collect::<Vec<_>>().join(" "),
                )
            };
            policy.services().iter().map(names).collect::<Vec<_>>()
        };
        let pair = |service: &str, providers: &str| (service.to_owned(), providers.to_owned());
        assert_eq!(
            accepted(files()),
            [pair("billing", "billing-idp"), pair("orders", "orders-idp")]
        );
        let mut named = files();
        named[1].1["services"]["orders"]["providers"] = json!(["orders-idp", "shared"]);
        assert_eq!(
            accepted(named),
            [pair("billing", "billing-idp"), pair("orders", "orders-idp shared")]
        );
    }

    #[test]
    fn a_provider_of_another_file_is_exported_there() {
        assert_seen!(report(&[
            ("not exported", |it| it[1].1["services"]["orders"]["providers"] =
                json!(["orders-idp", "billing-idp"])),
            ("exported by the wrong team", |it| {
                it[1].1["providers"]["orders-idp"]["export"] = json!(true);
                it[1].1["services"]["orders"]["providers"] = json!(["billing-idp"]);
            }),
            ("unknown", |it| it[1].1["services"]["orders"]["providers"] = json!(["nobody"])),
            ("none of its own", |it| drop(it[1].1.as_object_mut().unwrap().remove("providers"))),
        ]));
    }

    #[test]
    fn a_name_belongs_to_one_file_and_a_collision_names_both() {
        assert_seen!(report(&[
            ("a service", |it| it[2].1["services"]["orders"] = service("other.example")),
            ("a provider", |it| it[2].1["providers"]["shared"] = provider("https://other.example")),
            ("a host", |it| it[2].1["services"]["billing"]["hosts"] =
                json!(["billing.example", "ORDERS.example"])),
            ("an issuer", |it| it[2].1["providers"]["billing-idp"]["issuer"] =
                json!("https://shared.example")),
        ]));
    }

    #[test]
    fn what_is_for_all_is_said_in_one_file() {
        assert_seen!(report(&[
            ("identity", |it| {
                it[0].1["identity"] = json!({ "forward_token": true });
                it[1].1["identity"] = json!({ "assertion": { "ttl": "30s" } });
            }),
            ("mode", |it| it[2].1["mode"] = json!({ "shadow": { "until": "2027-01-31" } })),
            ("the rest", |it| {
                for file in [0, 1] {
                    let file = it[file].1.as_object_mut().unwrap();
                    file.insert("problem_base".into(), json!("https://errors.example/"));
                    file.insert("headers".into(), json!({ "strip": ["x-user"] }));
                    file.insert("limits".into(), json!({ "token_bytes": 4096 }));
                    file.insert("waiting".into(), json!({ "requests": 1 }));
                    file.insert("cache".into(), json!({ "tokens": 1 }));
                }
            }),
        ]));
    }

    #[test]
    fn the_place_of_a_mistake_begins_with_its_file() {
        assert_seen!(report(&[
            ("a row", |it| it[1].1["services"]["orders"]["routes"][0]["match"] =
                json!("GET orders")),
            ("a provider", |it| it[2].1["providers"]["billing-idp"]["audiences"] = json!([])),
            ("a field", |it| it[0].1["identity"] =
                json!({ "assertion": { "ttl": "2m", "audience": "x" } })),
            ("a lint", |it| it[1].1["lint"] =
                json!({ "allow": [{ "rule": "leeway", "reason": "" }] })),
            ("nothing at all", |it| it.clear()),
        ]));
        let error = Document::from_json(b"{\"x\": 1}").unwrap_err().in_file("my file.yaml");
        let place = &error.iter().next().unwrap().place;
        assert_eq!(crate::policy::file_and_place(place), (Some("my file.yaml"), "x"));
        assert_eq!(crate::policy::file_and_place("services.shop"), (None, "services.shop"));
        let error = Document::from_json(b"{").unwrap_err().in_file("a.yaml").to_string();
        assert!(error.starts_with("a.yaml: it is no JSON: EOF"), "{error}");
    }

    #[test]
    fn lints_are_allowed_by_all_files_together_and_files_are_remembered() {
        let allow = |rule: &str| json!({ "allow": [{ "rule": rule, "reason": "known" }] });
        let mut all = files();
        all[0].1["lint"] = allow("public-row");
        all[1].1["lint"] = allow("leeway");
        let read =
            |(name, file): (&str, Value)| (name.to_owned(), serde_json::from_value(file).unwrap());
        let merged = merge(all.into_iter().map(read).collect()).unwrap();
        let rules: Vec<_> = merged.document().lint.allow.iter().map(|it| &*it.rule).collect();
        assert_eq!(rules, ["public-row", "leeway"]);
        assert_eq!(merged.file_of_service("orders"), Some("orders.yaml"));
        assert_eq!(merged.file_of_provider("shared"), Some("platform.yaml"));
        assert_eq!(merged.file_of_provider("nobody"), None);
    }
}
