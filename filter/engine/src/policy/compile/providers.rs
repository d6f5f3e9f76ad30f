//! All providers together: no issuer twice, and token sources that do not get into each other's way.

use std::collections::{BTreeMap, HashMap};

use super::super::document::ProviderDocument;
use super::super::error::{Mistakes, Place};
use super::super::origins::Origins;
use super::super::provider::{Provider, ProviderId, SourceId, TokenSource};
use super::super::text::Quoted;
use super::super::values::Named;
use super::headers::folded;
use super::identity::plain;
use super::{provider, source};
use crate::lookup::Lookup;

/// The providers of a policy, and how they are found.
#[derive(Default)]
pub(super) struct Providers<'a> {
    pub(super) list: Vec<Provider>,
    pub(super) issuers: Lookup<ProviderId>,
    /// All that the document names, those with mistakes too, so that one mistake is told once.
    pub(super) ids: BTreeMap<&'a str, (ProviderId, SourceId)>,
    pub(super) sources: Vec<TokenSource>,
}

/// `reserved`: the headers that are stripped from every request.
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
                let message = format!("{} is the issuer of two providers", Quoted(issuer));
                let help = "keep one: a token's issuer decides whose keys verify it";
                mistakes.clash(place.field("issuer"), issuer_of(other, origins), message, help);
            }
            providers.issuers.insert(issuer.as_bytes(), id);
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::TokenSource;
    use crate::policy::testing::{assert_seen, loaded, provider, report};

    /// A second provider, changed.
    fn partner(policy: &mut Value, change: impl FnOnce(&mut Value)) {
        let mut partner = provider(policy).clone();
        partner["issuer"] = json!("https://partner.example");
        change(&mut partner);
        policy["providers"]["partner"] = partner;
    }

    #[test]
    fn there_is_a_provider_and_its_name_can_stand_anywhere() {
        assert_seen!(report(&[
            ("no provider", |it| it["providers"] = json!({})),
            ("no providers at all", |it| drop(it.as_object_mut().unwrap().remove("providers"))),
            ("a name with a quote", |it| it["providers"]["a\"b"] = json!({
                "issuer": "https://a.example", "audiences": ["a"], "algorithms": ["ES256"],
                "jwks": { "uri": "https://a.example/keys", "cluster": "a" },
            })),
        ]));
    }

    #[test]
    fn an_issuer_is_that_of_one_provider() {
        assert_seen!(report(&[("an issuer twice", |it| partner(it, |partner| partner["issuer"] =
            json!("https://idp.example/realms/shop")))]));
        // compared byte for byte
        let two =
            loaded(|it| partner(it, |partner| partner["issuer"] = json!("https://idp.example/realms/shop/")));
        assert_eq!(two.providers().len(), 2);
    }

    #[test]
    fn a_header_or_a_cookie_is_read_in_one_way() {
        assert_seen!(report(&[
            ("two prefixes", |it| {
                provider(it)["token_source"] = json!({ "header": { "name": "x-token" } });
                partner(it, |it| {
                    it["token_source"] = json!({ "header": { "name": "x_token", "prefix": "Token " } });
                });
            }),
            ("two lists of origins", |it| {
                provider(it)["token_source"] = json!({ "cookie": { "name": "__Host-token" } });
                let origins = ["https://shop.example"];
                partner(it, |it| {
                    it["token_source"] = json!({ "cookie": { "name": "__Host-token", "origins": origins } });
                });
            }),
        ]));
    }

    #[test]
    fn providers_that_look_in_the_same_place_share_it() {
        let policy = loaded(|it| {
            partner(it, |_| {});
            it["providers"]["other"] = provider(it).clone();
            it["providers"]["other"]["issuer"] = json!("https://other.example");
            it["providers"]["other"]["token_source"] =
                json!({ "header": { "name": "X-Token", "prefix": "T " } });
        });
        let header = TokenSource::Header { name: "x-token".into(), prefix: "T ".into() };
        assert_eq!(policy.sources(), [TokenSource::Bearer, header]);
        let sources: Vec<_> = policy.providers().iter().map(|it| (&*it.name, it.source.0)).collect();
        assert_eq!(sources, [("keycloak", 0), ("other", 1), ("partner", 0)]);
        assert_eq!(policy.services()[0].sources().len(), 2);
    }
}
