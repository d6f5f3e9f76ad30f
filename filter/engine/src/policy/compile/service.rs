//! One service: whose tokens it accepts, what narrows them, and what its assertion is addressed to.

use super::super::document::ServiceDocument;
use super::super::error::{Mistakes, Place};
use super::super::provider::{ProviderId, SourceId};
use super::super::text::{Quoted, is_printable};
use super::audience::audiences;
use super::providers::Providers;
use super::roles::role_is_usable;

/// The providers that a service accepts, and where their tokens are looked for; both sorted.
pub(super) fn accepted(
    place: &Place<'_>,
    names: Option<&[String]>,
    providers: &Providers<'_>,
    mistakes: &mut Mistakes,
) -> (Box<[ProviderId]>, Box<[SourceId]>) {
    let mut accepted = match names {
        None => providers.ids.values().copied().collect::<Vec<_>>(),
        Some(names) => {
            if names.is_empty() {
                let help = "name a provider, or leave `providers` out to accept all of this file";
                mistakes.add(place, "the service accepts nobody's tokens", help);
            }
            let known = names.iter().enumerate().filter_map(|(index, name)| {
                let known = providers.ids.get(name.as_str()).copied();
                if known.is_none() {
                    let message = format!("{} is no provider", Quoted(name));
                    let list = providers.ids.keys().take(8).map(|name| Quoted(name).to_string());
                    let help = format!("write one of {}", list.collect::<Vec<_>>().join(", "));
                    mistakes.add(place.item(index), message, help);
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
    mistakes: &mut Mistakes,
) -> Option<Box<[Box<str>]>> {
    let help = "write at least one, or leave `audiences` out to accept those of the providers";
    let list = document.audiences.as_deref()?;
    Some(audiences(&place.field("audiences"), list, help, mistakes))
}

/// The Envoy clusters that belong to it.
pub(super) fn clusters(
    place: &Place<'_>,
    document: &ServiceDocument,
    mistakes: &mut Mistakes,
) -> Option<Box<[Box<str>]>> {
    let list = document.clusters.as_deref()?;
    let place = place.field("clusters");
    if list.is_empty() {
        let help = "name them, or leave `clusters` out to let Envoy choose any";
        mistakes.add(place, "no cluster belongs to the service", help);
    }
    for (index, cluster) in list.iter().enumerate() {
        if !is_printable(cluster) {
            let message = format!("{} is no name of a cluster", Quoted(cluster));
            mistakes.add(place.item(index), message, "write it as in Envoy's configuration");
        }
    }
    Some(list.iter().map(|cluster| cluster.as_str().into()).collect())
}

/// Every role that rows may name.
pub(super) fn vocabulary<'a>(
    place: &Place<'_>,
    document: &'a ServiceDocument,
    mistakes: &mut Mistakes,
) -> Option<&'a [String]> {
    let list = document.vocabulary.as_deref()?;
    for (index, role) in list.iter().enumerate() {
        role_is_usable(&place.field("vocabulary").item(index), role, mistakes);
    }
    Some(list)
}
