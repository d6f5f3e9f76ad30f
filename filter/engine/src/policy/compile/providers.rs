//! All providers together: no issuer twice, and token sources that do not get into each other's
//! way.

use std::collections::{BTreeMap, HashMap};

use crate::jose::json::ClaimPath;
use crate::jose::jwks::MIN_RSA_BITS;
use crate::jose::signature::{Algorithm, AlgorithmSet};
use crate::model::{ClaimRule, Provider, ProviderId};
use crate::policy::compile::identity::{folded, free_name, plain};
use crate::policy::compile::limits::{seconds_within, within};
use crate::policy::compile::{jwks, roles};
use crate::policy::document::{
    ClaimRuleDocument, CookieDocument, HeaderDocument, ProviderDocument, TokenSourceDocument,
};
use crate::policy::error::{Errors, Place};
use crate::policy::merge::Origins;
use crate::policy::text::{HttpUri, Quoted, is_plain, is_printable, is_token};
use crate::policy::values::{Count, UniqueMap};
use crate::request::header_value;
use crate::request::{SourceId, TokenSource};
use crate::sorted_map::SortedMap;

/// The providers of a policy, and how they are found.
#[derive(Default)]
pub(super) struct Providers<'a> {
    pub(super) list: Vec<Provider>,
    pub(super) issuers: SortedMap<ProviderId>,
    /// All that the document names, those with mistakes too, so that one mistake is told once.
    pub(super) ids: BTreeMap<&'a str, (ProviderId, SourceId)>,
    pub(super) sources: Vec<TokenSource>,
}

/// `reserved`: the headers that are stripped from every request.
pub(super) fn compile<'a>(
    documents: &'a UniqueMap<ProviderDocument>,
    reserved: &[String],
    origins: &Origins,
    errors: &mut Errors,
) -> Providers<'a> {
    if documents.is_empty() {
        let help = "name an issuer whose tokens are accepted, its audiences and its keys";
        errors.add("providers", "there is no provider", help);
    }
    let mut providers = Providers::default();
    let mut issuers = HashMap::new();
    let mut carriers = HashMap::new();
    for (name, document) in documents.iter() {
        let root = Place::document(origins.provider(name));
        let place = root.field("providers");
        let place = place.field(name);
        plain(&place, name, errors);
        let id = ProviderId(u32::try_from(providers.ids.len()).unwrap_or(u32::MAX));

        let place_of_source = place.field("token_source");
        let source =
            compile_source(&place_of_source, document.token_source.as_ref(), reserved, errors);
        let source = source.unwrap_or(TokenSource::Bearer);
        let known = providers.sources.iter().position(|known| *known == source);
        let at = known.unwrap_or_else(|| {
            // one header or cookie read in two ways would always be two credentials
            if let Some(other) = carriers.insert(carrier(&source), name.as_str()) {
                let (message, help) =
                    ("another provider's tokens come there in another way", "say both in one way");
                errors.clash(place_of_source, token_source_of(other, origins), message, help);
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
                errors.clash(place.field("issuer"), issuer_of(other, origins), message, help);
            }
            providers.issuers.insert(issuer.as_bytes(), id);
        }
        providers.list.extend(compile_provider(&place, name, document, source, errors));
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
fn compile_provider(
    place: &Place<'_>,
    name: &str,
    document: &ProviderDocument,
    source: SourceId,
    errors: &mut Errors,
) -> Option<Provider> {
    let issuer = document.issuer.as_deref().unwrap_or_default();
    if !is_printable(issuer) {
        let message = match issuer {
            "" => "the provider has no issuer".to_owned(),
            _ => format!("{} is no issuer", Quoted(issuer)),
        };
        let help = "write it as it stands in the tokens' `iss`: it is compared byte for byte";
        errors.add(place.field("issuer"), message, help);
    }
    let help =
        "write at least one: a token for nobody in particular would be a token for everybody";
    let list = document.audiences.as_deref().unwrap_or_default();
    let audiences = audiences(&place.field("audiences"), list, help, errors);
    let leeway = document.leeway.map_or(LEEWAY, |span| span.0);
    if leeway > MAX_LEEWAY {
        let message = format!("a clock that is off by {leeway} s is no clock");
        errors.add(place.field("leeway"), message, format!("write at most `{MAX_LEEWAY}s`"));
    }
    if let Some(age) = document.max_age {
        seconds_within(place.field("max_age"), age.into(), &(1..=LONGEST_AGE), errors);
    }
    let path_or = |field, path: Option<&Vec<String>>, default: &str, errors: &mut Errors| match path
    {
        Some(path) => claim_path(&place.field(field), path, errors),
        None => Box::new([default.into()]),
    };
    let audience_claim = path_or("audience_claim", document.audience_claim.as_ref(), "aud", errors);
    let subject = path_or("subject", document.subject.as_ref(), "sub", errors);
    let algorithms = algorithms(&place.field("algorithms"), document.algorithms.as_deref(), errors);
    let max_pss_key_bits = document.max_pss_key_bits.map_or(MIN_RSA_BITS, Count::as_usize);
    within(
        place.field("max_pss_key_bits"),
        max_pss_key_bits,
        &(MIN_RSA_BITS..=MAX_PSS_KEY_BITS),
        errors,
    );
    let token_types =
        token_types(&place.field("token_types"), document.token_types.as_deref(), errors);
    let required_claims = required_claims(&place.field("required_claims"), document, errors);
    let roles = roles::compile(place, document, errors);
    let (keys, key_times) =
        jwks::compile(&place.field("jwks"), document.jwks.as_ref(), issuer, errors)?;
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
pub(super) fn claim_path(place: &Place<'_>, path: &[String], errors: &mut Errors) -> ClaimPath {
    if path.is_empty() || path.iter().any(String::is_empty) {
        errors.add(
            place,
            "it names no claim",
            "write the claim's name, or the names from the outside in",
        );
    }
    path.iter().map(|name| name.as_str().into()).collect()
}

fn algorithms(place: &Place<'_>, list: Option<&[String]>, errors: &mut Errors) -> AlgorithmSet {
    let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
    let list = list.unwrap_or_default();
    if list.is_empty() {
        let help = format!("write what the provider signs with; there are {}", known());
        errors.add(place, "no algorithm is accepted", help);
    }
    list.iter().enumerate().fold(AlgorithmSet::default(), |set, (index, name)| {
        if let Some(algorithm) = Algorithm::from_name(name) {
            return set.with(algorithm);
        }
        let upper = name.to_ascii_uppercase();
        let problem = match upper.as_str() {
            "NONE" => "is no signature at all: anybody could write such a token",
            "ES512" => "cannot be verified: jsonwebtoken has no ES512",
            _ if upper.starts_with("HS") => {
                "is symmetric: whoever can verify such a token could write one"
            }
            _ => "is no algorithm that can be accepted",
        };
        let help = format!("write one of {}", known());
        errors.add(place.item(index), format!("{} {problem}", Quoted(name)), help);
        set
    })
}

fn token_types(
    place: &Place<'_>,
    list: Option<&[String]>,
    errors: &mut Errors,
) -> Box<[Option<Box<str>>]> {
    let Some(list) = list else { return ["jwt", "at+jwt"].map(|name| Some(name.into())).into() };
    if list.is_empty() {
        let help =
            format!("write what `typ` may be, as `at+jwt`, or `{ABSENT}` if it may be missing");
        errors.add(place, "no token type is accepted", help);
    }
    let types = list.iter().enumerate().map(|(index, name)| {
        if !is_plain(name) {
            let message = format!("{} is no media type", Quoted(name));
            errors.add(
                place.item(index),
                message,
                "write it as it stands in the token's header, as `at+jwt`",
            );
        }
        (name != ABSENT).then(|| normal_type(name))
    });
    types.collect()
}

/// RFC 7515 4.1.9: compared without regard to case, and `application/` is left out where no other
/// slash follows.
fn normal_type(name: &str) -> Box<str> {
    let name = name.to_ascii_lowercase();
    let short = name.strip_prefix("application/").filter(|rest| !rest.contains('/'));
    short.unwrap_or(&name).into()
}

fn required_claims(
    place: &Place<'_>,
    document: &ProviderDocument,
    errors: &mut Errors,
) -> Box<[ClaimRule]> {
    let rules = document.required_claims.iter().flatten().enumerate();
    let rules = rules.map(|(index, ClaimRuleDocument { path, equals, one_of })| {
        let place = place.item(index);
        let path = claim_path(&place.field("path"), path, errors);
        let one_of = match (equals, one_of) {
            (Some(value), None) => std::slice::from_ref(value),
            (None, Some(values)) if !values.is_empty() => values,
            (None, Some(_)) => {
                errors.add(place.field("one_of"), "no value would do", "write at least one");
                &[]
            }
            _ => {
                let help = "write exactly one of `equals` and `one_of`";
                errors.add(place, "it is not said once what the claim must be", help);
                &[]
            }
        };
        ClaimRule { path, one_of: one_of.iter().map(|value| value.as_str().into()).collect() }
    });
    rules.collect()
}

/// Such a cookie comes from this very host, over TLS, for every path (RFC 6265bis 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";

/// The source; `reserved` are the headers that are stripped from every request.
fn compile_source(
    place: &Place<'_>,
    document: Option<&TokenSourceDocument>,
    reserved: &[String],
    errors: &mut Errors,
) -> Option<TokenSource> {
    match document {
        None | Some(TokenSourceDocument::Bearer) => Some(TokenSource::Bearer),
        Some(TokenSourceDocument::Header(document)) => {
            header(&place.field("header"), document, reserved, errors)
        }
        Some(TokenSourceDocument::Cookie(document)) => {
            Some(cookie(&place.field("cookie"), document, errors))
        }
    }
}

fn header(
    place: &Place<'_>,
    document: &HeaderDocument,
    reserved: &[String],
    errors: &mut Errors,
) -> Option<TokenSource> {
    let HeaderDocument { name: text, prefix } = document;
    let prefix = prefix.as_deref().unwrap_or_default();
    if !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        let message = format!("{} cannot stand in a header as it is", Quoted(prefix));
        errors.add(
            place.field("prefix"),
            message,
            "write it of visible ASCII characters and spaces",
        );
    }
    let name = free_name(text).and_then(|name| {
        if reserved.contains(&folded(&name)) {
            Err("is stripped from every request")
        } else {
            Ok(name)
        }
    });
    match name {
        Ok(name) => Some(TokenSource::Header { name, prefix: prefix.into() }),
        Err(problem) => {
            let help = "name the header that carries the token; for `authorization` write `bearer`";
            errors.add(place.field("name"), format!("{} {problem}", Quoted(text)), help);
            None
        }
    }
}

fn cookie(place: &Place<'_>, document: &CookieDocument, errors: &mut Errors) -> TokenSource {
    let CookieDocument { name, origins } = document;
    let problem = match name.strip_prefix(HOST_PREFIX) {
        None => Some("does not start with `__Host-`"),
        Some(rest) => (!is_token(rest)).then_some("is no name of a cookie"),
    };
    if let Some(problem) = problem {
        let help = format!(
            "name it as `{HOST_PREFIX}token`: with this prefix, browsers let nobody but the host set it"
        );
        errors.add(place.field("name"), format!("{} {problem}", Quoted(name)), help);
    }
    let place = place.field("origins");
    for (index, origin) in origins.iter().enumerate() {
        if !HttpUri::is_origin(origin) {
            let message = format!("{} is no origin", Quoted(origin));
            let help = "write it as browsers send it, as `https://shop.example`: lower case, no default port, no path";
            errors.add(place.item(index), message, help);
        }
    }
    TokenSource::Cookie {
        name: name.as_str().into(),
        origins: origins.iter().map(|o| o.as_str().into()).collect(),
    }
}

/// Checks the values of an audience list that is there.
pub(super) fn audiences(
    place: &Place<'_>,
    list: &[String],
    help: &str,
    errors: &mut Errors,
) -> Box<[Box<str>]> {
    if list.is_empty() {
        errors.add(place, "there is no audience", help);
    }
    for (index, audience) in list.iter().enumerate() {
        if !is_printable(audience) {
            let message = format!("{} is no audience", Quoted(audience));
            errors.add(place.item(index), message, "write it as it stands in the token");
        }
    }
    list.iter().map(|audience| audience.as_str().into()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::jose::signature::Algorithm;
    use crate::model::Policy;
    use crate::policy::testing::{assert_seen, loaded, provider, report};
    use crate::request::TokenSource;

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
        assert_seen!(report(&[("an issuer twice", |it| partner(
            it,
            |partner| partner["issuer"] = json!("https://idp.example/realms/shop")
        ))]));
        // compared byte for byte
        let two = loaded(|it| {
            partner(it, |partner| partner["issuer"] = json!("https://idp.example/realms/shop/"));
        });
        assert_eq!(two.providers().len(), 2);
    }

    #[test]
    fn a_header_or_a_cookie_is_read_in_one_way() {
        assert_seen!(report(&[
            ("two prefixes", |it| {
                provider(it)["token_source"] = json!({ "header": { "name": "x-token" } });
                partner(it, |it| {
                    it["token_source"] =
                        json!({ "header": { "name": "x_token", "prefix": "Token " } });
                });
            }),
            ("two lists of origins", |it| {
                provider(it)["token_source"] = json!({ "cookie": { "name": "__Host-token" } });
                let origins = ["https://shop.example"];
                partner(it, |it| {
                    it["token_source"] =
                        json!({ "cookie": { "name": "__Host-token", "origins": origins } });
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
        let sources: Vec<_> =
            policy.providers().iter().map(|it| (&*it.name, it.source.0)).collect();
        assert_eq!(sources, [("keycloak", 0), ("other", 1), ("partner", 0)]);
        assert_eq!(policy.services()[0].sources().len(), 2);
    }

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
            ("none, in any case", |it| provider(it)["algorithms"] =
                json!(["none", "None", "NONE"])),
            ("symmetric", |it| provider(it)["algorithms"] = json!(["RS256", "HS256", "hs512"])),
            ("not in jsonwebtoken", |it| provider(it)["algorithms"] = json!(["ES512"])),
            ("unknown", |it| provider(it)["algorithms"] = json!(["RSA1_5", "rs256", ""])),
        ]));
        let policy =
            loaded(|it| provider(it)["algorithms"] = json!(Algorithm::ALL.map(Algorithm::name)));
        assert!(Algorithm::ALL.into_iter().all(|it| policy.providers()[0].algorithms.contains(it)));
    }

    #[test]
    fn token_types_have_the_normal_form_of_rfc_7515_and_may_be_absent() {
        let written = json!(["JWT", "application/at+JWT", "application/a/b", "absent"]);
        let policy = loaded(|it| provider(it)["token_types"] = written);
        let types: Vec<_> =
            policy.providers()[0].token_types.iter().map(Option::as_deref).collect();
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
            loaded(|it| crate::policy::testing::provider(it)["leeway"] = json!(0)).providers()[0]
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

    fn header(policy: &mut Value, name: &str) {
        provider(policy)["token_source"] = json!({ "header": { "name": name } });
    }

    fn cookie(policy: &mut Value, name: &str, origins: &[&str]) {
        provider(policy)["token_source"] =
            json!({ "cookie": { "name": name, "origins": origins } });
    }

    #[test]
    fn a_token_comes_in_a_header_that_nothing_else_has_a_use_for() {
        assert_seen!(report(&[
            ("no name", |it| header(it, "")),
            ("no header name", |it| header(it, "x token")),
            ("a pseudo-header", |it| header(it, ":path")),
            ("authorization", |it| header(it, "Authorization")),
            ("cookie", |it| header(it, "cookie")),
            ("hop by hop", |it| header(it, "connection")),
            ("Envoy's own", |it| header(it, "x-forwarded-for")),
            ("stripped everywhere", |it| header(it, "x-original-url")),
            ("the marking of shadowed requests", |it| header(it, "x-portcullis-shadow")),
            ("an identity header", |it| header(it, "x-auth-principal")),
            ("an identity header as some read it", |it| header(it, "x_auth_subject")),
            ("an identity header as PHP reads it", |it| header(it, "x.auth.subject")),
            ("an identity header by another name", |it| {
                it["identity"] = json!({ "headers": { "roles": "x-roles" } });
                header(it, "X-Roles");
            }),
            ("one that is stripped", |it| {
                it["headers"] = json!({ "strip": ["X-Token"] });
                header(it, "x-token");
            }),
            ("a prefix with a line break", |it| {
                provider(it)["token_source"] =
                    json!({ "header": { "name": "x-token", "prefix": "Token\n" } });
            }),
        ]));
        let policy = loaded(|it| {
            provider(it)["token_source"] =
                json!({ "header": { "name": "X-Token", "prefix": "Token " } });
        });
        assert_eq!(
            policy.sources(),
            [TokenSource::Header { name: "x-token".into(), prefix: "Token ".into() }]
        );
        assert_eq!(
            loaded(|it| provider(it)["token_source"] = json!("bearer")).sources(),
            [TokenSource::Bearer]
        );
    }

    #[test]
    fn a_cookie_is_the_hosts_own_and_its_origins_are_serialised() {
        assert_seen!(report(&[
            ("no prefix", |it| cookie(it, "token", &[])),
            ("another prefix", |it| cookie(it, "__Secure-token", &[])),
            ("the prefix in another case", |it| cookie(it, "__host-token", &[])),
            ("nothing but the prefix", |it| cookie(it, "__Host-", &[])),
            ("a name that no cookie has", |it| cookie(it, "__Host-a;b", &[])),
            ("origins", |it| cookie(
                it,
                "__Host-token",
                &["https://shop.example/", "*", "null", "https://a.example:443"]
            )),
        ]));
        let policy = loaded(|it| cookie(it, "__Host-token", &["https://shop.example"]));
        let origins = ["https://shop.example".into()].into();
        assert_eq!(
            policy.sources(),
            [TokenSource::Cookie { name: "__Host-token".into(), origins }]
        );
    }
}
