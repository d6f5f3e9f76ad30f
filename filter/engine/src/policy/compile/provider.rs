//! One provider: an issuer, its keys, and what its tokens must be like.

use super::super::document::{ClaimRuleDocument, ProviderDocument};
use super::super::error::{Mistakes, Place};
use super::super::provider::{ClaimPath, ClaimRule, Provider, SourceId};
use super::super::text::{is_plain, is_printable};
use super::audience::audiences;
use super::bounds::seconds_within;
use super::{jwks, roles};
use crate::authn::algorithm::{Algorithm, AlgorithmSet};

/// Seconds.
const LEEWAY: u64 = 30;
const MAX_LEEWAY: u64 = 300;
/// A century: beyond it nobody means it.
const LONGEST_AGE: u64 = 100 * 365 * 24 * 3600;
/// In a list of token types: `typ` may be missing.
const ABSENT: &str = "absent";

/// The provider, if nothing in it is wrong. Its token source is found by the caller.
pub(super) fn compile(
    place: &Place<'_>,
    name: &str,
    document: &ProviderDocument,
    source: SourceId,
    mistakes: &mut Mistakes,
) -> Option<Provider> {
    let issuer = document.issuer.as_deref().unwrap_or_default();
    if !is_printable(issuer) {
        let help = "write it as it stands in the tokens' `iss`: it is compared byte for byte";
        mistakes.add(place.field("issuer"), "the provider has no issuer", help);
    }
    let help = "write at least one: a token for nobody in particular would be a token for everybody";
    let list = document.audiences.as_deref().unwrap_or_default();
    let audiences = audiences(&place.field("audiences"), list, help, mistakes);
    let leeway = document.leeway.map_or(LEEWAY, |span| span.0);
    if leeway > MAX_LEEWAY {
        let message = format!("a clock that is off by {leeway} s is no clock");
        mistakes.add(place.field("leeway"), message, format!("write at most `{MAX_LEEWAY}s`"));
    }
    if let Some(age) = document.max_age {
        seconds_within(place.field("max_age"), age.into(), &(1..=LONGEST_AGE), mistakes);
    }
    let path_or = |field, path: Option<&Vec<String>>, default: &str, mistakes: &mut Mistakes| match path {
        Some(path) => claim_path(&place.field(field), path, mistakes),
        None => Box::new([default.into()]),
    };
    let audience_claim = path_or("audience_claim", document.audience_claim.as_ref(), "aud", mistakes);
    let subject = path_or("subject", document.subject.as_ref(), "sub", mistakes);
    let algorithms = algorithms(&place.field("algorithms"), document.algorithms.as_deref(), mistakes);
    let token_types = token_types(&place.field("token_types"), document.token_types.as_deref(), mistakes);
    let required_claims = required_claims(&place.field("required_claims"), document, mistakes);
    let roles = roles::compile(place, document, mistakes);
    let (keys, key_times) = jwks::compile(&place.field("jwks"), document.jwks.as_ref(), issuer, mistakes)?;
    Some(Provider {
        name: name.into(),
        issuer: issuer.into(),
        audiences,
        audience_claim,
        keys,
        key_times,
        algorithms,
        token_types,
        required_claims,
        subject,
        leeway,
        max_age: document.max_age.map(|age| age.0),
        ignore_binding: document.ignore_binding,
        source,
        roles,
    })
}

/// A literal path of a claim.
pub(super) fn claim_path(place: &Place<'_>, path: &[String], mistakes: &mut Mistakes) -> ClaimPath {
    if path.is_empty() || path.iter().any(String::is_empty) {
        mistakes.add(place, "it names no claim", "write the claim's name, or the names from the outside in");
    }
    path.iter().map(|name| name.as_str().into()).collect()
}

fn algorithms(place: &Place<'_>, list: Option<&[String]>, mistakes: &mut Mistakes) -> AlgorithmSet {
    let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
    let list = list.unwrap_or_default();
    if list.is_empty() {
        let help = format!("write what the provider signs with; there are {}", known());
        mistakes.add(place, "no algorithm is accepted", help);
    }
    list.iter().enumerate().fold(AlgorithmSet::default(), |set, (index, name)| {
        if let Some(algorithm) = Algorithm::from_name(name) {
            return set.with(algorithm);
        }
        let upper = name.to_ascii_uppercase();
        let problem = match upper.as_str() {
            "NONE" => "is no signature at all: anybody could write such a token",
            "ES512" => "cannot be verified: jsonwebtoken has no ES512",
            _ if upper.starts_with("HS") => "is symmetric: whoever can verify such a token could write one",
            _ => "is no algorithm that can be accepted",
        };
        let help = format!("write one of {}", known());
        mistakes.add(place.item(index), format!("`{}` {problem}", name.escape_debug()), help);
        set
    })
}

fn token_types(
    place: &Place<'_>,
    list: Option<&[String]>,
    mistakes: &mut Mistakes,
) -> Box<[Option<Box<str>>]> {
    let Some(list) = list else { return ["jwt", "at+jwt"].map(|name| Some(name.into())).into() };
    if list.is_empty() {
        let help = format!("write what `typ` may be, as `at+jwt`, or `{ABSENT}` if it may be missing");
        mistakes.add(place, "no token type is accepted", help);
    }
    let types = list.iter().enumerate().map(|(index, name)| {
        if !is_plain(name) {
            let message = format!("`{}` is no media type", name.escape_debug());
            mistakes.add(
                place.item(index),
                message,
                "write it as it stands in the token's header, as `at+jwt`",
            );
        }
        (name != ABSENT).then(|| normal_type(name))
    });
    types.collect()
}

/// RFC 7515 4.1.9: compared without regard to case, and `application/` is left out where no other slash follows.
fn normal_type(name: &str) -> Box<str> {
    let name = name.to_ascii_lowercase();
    let short = name.strip_prefix("application/").filter(|rest| !rest.contains('/'));
    short.unwrap_or(&name).into()
}

fn required_claims(
    place: &Place<'_>,
    document: &ProviderDocument,
    mistakes: &mut Mistakes,
) -> Box<[ClaimRule]> {
    let rules = document.required_claims.iter().flatten().enumerate();
    let rules = rules.map(|(index, ClaimRuleDocument { path, equals, one_of })| {
        let place = place.item(index);
        let path = claim_path(&place.field("path"), path, mistakes);
        let one_of = match (equals, one_of) {
            (Some(value), None) => std::slice::from_ref(value),
            (None, Some(values)) if !values.is_empty() => values,
            (None, Some(_)) => {
                mistakes.add(place.field("one_of"), "no value would do", "write at least one");
                &[]
            }
            _ => {
                let help = "write exactly one of `equals` and `one_of`";
                mistakes.add(place, "it is not said once what the claim must be", help);
                &[]
            }
        };
        ClaimRule { path, one_of: one_of.iter().map(|value| value.as_str().into()).collect() }
    });
    rules.collect()
}
