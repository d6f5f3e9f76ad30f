//! One provider: an issuer, its keys, and what its tokens must be like.

use super::super::document::{ClaimRuleDocument, ProviderDocument};
use super::super::error::{Mistakes, Place};
use super::super::provider::{ClaimPath, ClaimRule, Provider, SourceId};
use super::super::text::{Quoted, is_plain, is_printable};
use super::super::values::Count;
use super::audience::audiences;
use super::bounds::{seconds_within, within};
use super::{jwks, roles};
use crate::authn::algorithm::{Algorithm, AlgorithmSet};
use crate::authn::jwks::MIN_RSA_BITS;
use crate::handoff::header_value;

/// Seconds.
const LEEWAY: u64 = 30;
const MAX_LEEWAY: u64 = 300;
/// A century: beyond it nobody means it.
const LONGEST_AGE: u64 = 100 * 365 * 24 * 3600;
/// Beyond it, one bad signature takes the time of hundreds of good requests.
const MAX_PSS_KEY_BITS: usize = 4096;
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
        let message = match issuer {
            "" => "the provider has no issuer".to_owned(),
            _ => format!("{} is no issuer", Quoted(issuer)),
        };
        let help = "write it as it stands in the tokens' `iss`: it is compared byte for byte";
        mistakes.add(place.field("issuer"), message, help);
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
    let max_pss_key_bits = document.max_pss_key_bits.map_or(MIN_RSA_BITS, Count::as_usize);
    within(place.field("max_pss_key_bits"), max_pss_key_bits, &(MIN_RSA_BITS..=MAX_PSS_KEY_BITS), mistakes);
    let token_types = token_types(&place.field("token_types"), document.token_types.as_deref(), mistakes);
    let required_claims = required_claims(&place.field("required_claims"), document, mistakes);
    let roles = roles::compile(place, document, mistakes);
    let (keys, key_times) = jwks::compile(&place.field("jwks"), document.jwks.as_ref(), issuer, mistakes)?;
    Some(Provider {
        name: name.into(),
        issuer: issuer.into(),
        issuer_header: header_value(issuer).into(),
        audiences,
        audience_claim,
        keys,
        key_times,
        algorithms,
        max_pss_key_bits,
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
        mistakes.add(place.item(index), format!("{} {problem}", Quoted(name)), help);
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
            let message = format!("{} is no media type", Quoted(name));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::authn::algorithm::Algorithm;
    use crate::policy::Policy;
    use crate::policy::testing::{assert_seen, loaded, provider, report};

    #[test]
    fn an_issuer_is_required() {
        assert_seen!(report(&[
            ("no issuer", |it| drop(provider(it).as_object_mut().unwrap().remove("issuer"))),
            ("an empty issuer", |it| provider(it)["issuer"] = json!("")),
            ("a line break", |it| provider(it)["issuer"] = json!("https://idp.example\n")),
        ]));
    }

    #[test]
    fn an_audience_is_required() {
        assert_seen!(report(&[
            ("no audiences", |it| drop(provider(it).as_object_mut().unwrap().remove("audiences"))),
            ("an empty list", |it| provider(it)["audiences"] = json!([])),
            ("an empty audience", |it| provider(it)["audiences"] = json!(["orders-api", ""])),
        ]));
    }

    #[test]
    fn algorithms_are_named_and_asymmetric() {
        assert_seen!(report(&[
            ("unsaid", |it| drop(provider(it).as_object_mut().unwrap().remove("algorithms"))),
            ("an empty list", |it| provider(it)["algorithms"] = json!([])),
            ("none, in any case", |it| provider(it)["algorithms"] = json!(["none", "None", "NONE"])),
            ("symmetric", |it| provider(it)["algorithms"] = json!(["RS256", "HS256", "hs512"])),
            ("not in jsonwebtoken", |it| provider(it)["algorithms"] = json!(["ES512"])),
            ("unknown", |it| provider(it)["algorithms"] = json!(["RSA1_5", "rs256", ""])),
        ]));
        let policy = loaded(|it| provider(it)["algorithms"] = json!(Algorithm::ALL.map(Algorithm::name)));
        assert!(Algorithm::ALL.into_iter().all(|it| policy.providers()[0].algorithms.contains(it)));
    }

    #[test]
    fn token_types_have_the_normal_form_of_rfc_7515_and_may_be_absent() {
        let written = json!(["JWT", "application/at+JWT", "application/a/b", "absent"]);
        let policy = loaded(|it| provider(it)["token_types"] = written);
        let types: Vec<_> = policy.providers()[0].token_types.iter().map(Option::as_deref).collect();
        assert_eq!(types, [Some("jwt"), Some("at+jwt"), Some("application/a/b"), None]);
        assert_seen!(report(&[
            ("an empty list", |it| provider(it)["token_types"] = json!([])),
            ("an empty type", |it| provider(it)["token_types"] = json!([""])),
            ("a space", |it| provider(it)["token_types"] = json!(["at jwt"])),
        ]));
    }

    #[test]
    fn a_clock_is_off_by_five_minutes_at_most() {
        assert_seen!(report(&[
            ("leeway", |it| provider(it)["leeway"] = json!("301s")),
            ("max_age", |it| provider(it)["max_age"] = json!(0)),
        ]));
        let policy = loaded(|it| {
            provider(it)["leeway"] = json!("5m");
            provider(it)["max_age"] = json!("1h");
        });
        let provider = &policy.providers()[0];
        assert_eq!((provider.leeway, provider.max_age), (300, Some(3600)));
        assert_eq!(
            loaded(|it| super::super::provider::tests::provider(it)["leeway"] = json!(0)).providers()[0]
                .leeway,
            0
        );
    }

    #[test]
    fn rsa_pss_keys_have_2048_bits_at_most_unless_the_policy_permits_more() {
        assert_seen!(report(&[
            ("smaller than any key", |it| provider(it)["max_pss_key_bits"] = json!(2047)),
            ("larger than the maximum", |it| provider(it)["max_pss_key_bits"] = json!(4097)),
        ]));
        let bits = |policy: Policy| policy.providers()[0].max_pss_key_bits;
        assert_eq!(bits(loaded(|_| {})), 2048);
        assert_eq!(bits(loaded(|it| provider(it)["max_pss_key_bits"] = json!(4096))), 4096);
    }

    #[test]
    fn a_claim_path_names_a_claim() {
        assert_seen!(report(&[
            ("subject", |it| provider(it)["subject"] = json!([])),
            ("audience_claim", |it| provider(it)["audience_claim"] = json!([""])),
            ("required_claims", |it| provider(it)["required_claims"] =
                json!([{ "path": [], "equals": "x" }])),
            ("roles", |it| provider(it)["roles"] = json!([{ "path": ["realm_access", ""] }])),
        ]));
    }

    #[test]
    fn a_required_claim_has_exactly_one_of_equals_and_one_of() {
        assert_seen!(report(&[
            ("neither", |it| provider(it)["required_claims"] = json!([{ "path": ["typ"] }])),
            ("both", |it| {
                provider(it)["required_claims"] =
                    json!([{ "path": ["typ"], "equals": "a", "one_of": ["a"] }]);
            }),
            ("an empty list", |it| provider(it)["required_claims"] =
                json!([{ "path": ["typ"], "one_of": [] }])),
        ]));
        let rules = json!([{ "path": ["a", "b.c"], "equals": "x" }, { "path": ["d"], "one_of": ["y", "z"] }]);
        let policy = loaded(|it| provider(it)["required_claims"] = rules);
        let rules = &policy.providers()[0].required_claims;
        assert_eq!(
            (&*rules[0].path, &*rules[0].one_of),
            (&["a".into(), "b.c".into()][..], &["x".into()][..])
        );
        assert_eq!(rules[1].one_of.len(), 2);
    }
}
