//! Which file a part of a merged document came from, so that a mistake names its file.

use std::collections::BTreeMap;

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
