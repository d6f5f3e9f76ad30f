//! All providers together: no issuer twice, and token sources that do not get into each other's way.

use std::collections::{BTreeMap, HashMap};

use super::super::document::ProviderDocument;
use super::super::error::{Mistakes, Place};
use super::super::origins::Origins;
use super::super::provider::{Provider, ProviderId, SourceId, TokenSource};
use super::super::values::Named;
use super::headers::folded;
use super::identity::plain;
use super::{provider, source};

/// The providers of a policy, and how they are found.
#[derive(Default)]
pub(super) struct Providers<'a> {
    pub(super) list: Vec<Provider>,
    pub(super) issuers: HashMap<Box<str>, ProviderId>,
    /// All that the document names, those with mistakes too, so that one mistake is told once.
    pub(super) ids: BTreeMap<&'a str, (ProviderId, SourceId)>,
    pub(super) sources: Vec<TokenSource>,
}

/// `reserved`: the headers that Portcullis writes or strips.
pub(super) fn compile<'a>(
    documents: &'a Named<ProviderDocument>,
    reserved: &[String],
    origins: &Origins,
    mistakes: &mut Mistakes,
) -> Providers<'a> {
    if documents.is_empty() {
        let help = "name an issuer whose tokens are accepted, its audiences and its keys";
        mistakes.add("providers", "there is no provider", help);
    }
    let mut providers = Providers::default();
    let mut issuers = HashMap::new();
    let mut carriers = HashMap::new();
    for (name, document) in documents.iter() {
        let root = Place::document(origins.provider(name));
        let place = root.field("providers");
        let place = place.field(name);
        plain(&place, name, mistakes);
        let id = ProviderId(u32::try_from(providers.ids.len()).unwrap_or(u32::MAX));

        let place_of_source = place.field("token_source");
        let source = source::compile(&place_of_source, document.token_source.as_ref(), reserved, mistakes);
        let source = source.unwrap_or(TokenSource::Bearer);
        let known = providers.sources.iter().position(|known| *known == source);
        let at = known.unwrap_or_else(|| {
            // one header or cookie read in two ways would always be two credentials
            if let Some(other) = carriers.insert(carrier(&source), name.as_str()) {
                let (message, help) =
                    ("another provider's tokens come there in another way", "say both in one way");
                mistakes.clash(place_of_source, token_source_of(other, origins), message, help);
            }
            providers.sources.push(source);
            providers.sources.len() - 1
        });
        let source = SourceId(u32::try_from(at).unwrap_or(u32::MAX));
        providers.ids.insert(name, (id, source));

        if let Some(issuer) = document.issuer.as_deref().filter(|issuer| !issuer.is_empty()) {
            if let Some(other) = issuers.insert(issuer, name.as_str()) {
                let message = format!("`{issuer}` is the issuer of two providers");
                let help = "keep one: a token's issuer decides whose keys verify it";
                mistakes.clash(place.field("issuer"), issuer_of(other, origins), message, help);
            }
            providers.issuers.insert(issuer.into(), id);
        }
        providers.list.extend(provider::compile(&place, name, document, source, mistakes));
    }
    providers
}

/// What a source reads, by the name that a service could read it under.
fn carrier(source: &TokenSource) -> String {
    match source {
        TokenSource::Bearer => "authorization".to_owned(),
        TokenSource::Header { name, .. } => folded(name),
        TokenSource::Cookie { name, .. } => ["cookie ", name].concat(),
    }
}

fn issuer_of(provider: &str, origins: &Origins) -> String {
    let root = Place::document(origins.provider(provider));
    root.field("providers").field(provider).field("issuer").to_string()
}

fn token_source_of(provider: &str, origins: &Origins) -> String {
    let root = Place::document(origins.provider(provider));
    root.field("providers").field(provider).field("token_source").to_string()
}
