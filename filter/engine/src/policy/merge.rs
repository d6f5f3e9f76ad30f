//! Several files as one policy: each team writes its services and providers in a file of its own, and no team can take what
//! is another's by writing its name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Policy;
use super::document::{Document, ProviderDocument, ServiceDocument};
use super::error::{Mistakes, Place, PolicyErrors};
use super::origins::Origins;
use super::text::Quoted;
use super::values::Named;

/// Several files as one document, which still knows what came from where.
#[derive(Clone, Debug)]
pub struct Merged {
    document: Document,
    origins: Origins,
}

/// Merges files, each with its name. A name belongs to one file; what is not a provider, a service or a lint is said in one
/// file only. A service accepts the providers of its own file, or those that it names, of which another file's must be
/// exported there.
///
/// # Errors
/// Every collision, naming both files. The document still has to be compiled.
pub fn merge(files: Vec<(String, Document)>) -> Result<Merged, PolicyErrors> {
    let mut merged = Merged { document: Document::default(), origins: Origins::default() };
    let mut mistakes = Mistakes::default();
    for (file, document) in files {
        merged.take(&file, document, &mut mistakes);
    }
    merged.check_exports(&mut mistakes);
    mistakes.none_or(merged)
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

    fn take(&mut self, file: &str, document: Document, mistakes: &mut Mistakes) {
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
            name_own_providers(file, &name, &mut service, &own, mistakes);
            (name, service)
        });
        let services: Vec<_> = services.collect();

        let Self { document, origins } = self;
        let mut parts = Parts { file, mistakes };
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
        super::compile::lint::check(&Place::document(Some(file)), &lint, parts.mistakes);
        document.lint.allow.extend(lint.allow);
    }

    /// Another file's provider is accepted only if that file says so: no team's provider can issue for another team's
    /// audience by accident.
    fn check_exports(&self, mistakes: &mut Mistakes) {
        for (name, service) in self.document.services.iter() {
            let file = self.origins.service(name);
            for (index, provider) in service.providers.iter().flatten().enumerate() {
                let of = self.origins.provider(provider);
                let exported =
                    self.document.providers.get(provider).is_none_or(|it: &ProviderDocument| it.export);
                if !exported && of != file {
                    let of = of.unwrap_or_default();
                    let root = Place::document(file);
                    let services = root.field("services");
                    let place = services.field(name);
                    let place = place.field("providers");
                    let message = format!("the provider {} of `{of}` is not exported", Quoted(provider));
                    let help = format!(
                        "write `export: true` in `providers.{provider}` of `{of}`, if that team agrees"
                    );
                    mistakes.add(place.item(index), message, help);
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
    mistakes: &mut Mistakes,
) {
    if service.providers.is_none() {
        if own.is_empty() {
            let root = Place::document(Some(file));
            let services = root.field("services");
            let help = "name providers that other files export: `providers: […]`";
            let message = "the service names no provider, and its file has none";
            mistakes.add(services.field(name).field("providers"), message, help);
        }
        service.providers = Some(own.to_vec());
    }
}

/// The parts of one file, on their way into the merged document.
struct Parts<'a> {
    file: &'a str,
    mistakes: &'a mut Mistakes,
}

impl Parts<'_> {
    fn take<T>(
        &mut self,
        field: &str,
        parts: impl IntoIterator<Item = (String, T)>,
        merged: &mut Named<T>,
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
                    self.mistakes.clash(place.field(name), other.field(name), message, help);
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
                self.mistakes.clash(root.field(field), other.field(field), message, help);
            }
        }
    }
}

#[cfg(test)]
mod tests;
