//! What the presets make of the products' tokens.

mod products;

use std::rc::Rc;

use serde_json::{Value, json};

use self::products::{Product, Token, products};
use super::*;
use crate::authn::bearer::Headers;
use crate::authn::signature::RUST_CRYPTO;
use crate::decide::{Decision, Gate, Verdict};
use crate::policy::testing::{load, loaded};
use crate::policy::{Document, KeySource, TokenSource};
use crate::reason::Reason;
use crate::request::Request;
use crate::time::{Now, Steady, UnixTime};

/// When the tokens have just been issued.
const NOW: Now = Now { wall: UnixTime(1_767_225_700), steady: Steady(1) };

/// A policy whose one provider has a preset, its issuer, its audience, and nothing else.
fn with(preset: Preset, issuer: &str, audience: &str) -> Value {
    json!({
        "providers": { "idp": {
            "preset": preset,
            "issuer": issuer,
            "audiences": [audience],
            "jwks": { "uri": "https://idp.example/keys", "cluster": "idp" },
        } },
        "services": { "shop": { "hosts": ["*"], "routes": [{ "match": "GET /me", "authenticated": true }] } },
    })
}

/// The key that signs by the algorithm, under the id that the token names.
fn jwks(header: &Value) -> Value {
    let kid = if header["alg"] == "ES256" { "p256" } else { "rsa" };
    let all = corpus::jwks("all");
    let mut key = all["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone();
    key["kid"] = header["kid"].clone();
    json!({ "keys": [key] })
}

/// A policy whose one provider has a preset, and the key of this token.
fn deciding(preset: Preset, audience: &str, (header, claims): &Token) -> Value {
    let mut document = with(preset, claims["iss"].as_str().unwrap(), audience);
    document["providers"]["idp"]["jwks"] = json!({ "inline": jwks(header) });
    document
}

fn signed((header, claims): &Token) -> String {
    let alg = header["alg"].as_str().unwrap();
    corpus::signed(alg, header.to_string().as_bytes(), claims.to_string().as_bytes())
}

/// Decides about `GET /me` with this header.
fn decided(document: &Value, (name, value): (&str, &str)) -> Verdict {
    let policy = load(document).unwrap_or_else(|errors| panic!("{errors}"));
    let headers = [(":method", "GET"), (":path", "/me"), (":authority", "shop"), (name, value)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    Gate::new(Rc::new(policy), RUST_CRYPTO).decide(&Request::new(Headers(&headers)), &(), NOW)
}

/// The roles of who passes.
fn roles(verdict: &Verdict) -> Result<Vec<&str>, Reason> {
    match verdict.decision {
        Decision::Allow(_) => {
            let caller = verdict.trace.caller.as_ref().unwrap();
            Ok(caller.roles.iter().map(AsRef::as_ref).collect())
        }
        Decision::Refuse(reason) => Err(reason),
        Decision::Wait(..) => panic!("the keys are there: {verdict:?}"),
    }
}

/// Where a token of the preset is sent, and where it is not looked for.
fn places(preset: Preset, token: &str) -> [(&'static str, String); 2] {
    let bearer = ("authorization", format!("Bearer {token}"));
    let iap = (IAP_HEADER, token.to_owned());
    if preset == Preset::GoogleIap { [iap, bearer] } else { [bearer, iap] }
}

#[test]
fn a_preset_accepts_the_products_access_token_with_its_roles_and_no_other_token_of_it() {
    let products = products();
    assert!(Preset::ALL.iter().all(|preset| products.iter().any(|product| product.preset == *preset)));
    for Product { preset, audience, access, roles: expected, other: (other, reason) } in products {
        let [(name, value), (elsewhere, unseen)] = places(preset, &signed(&access));
        let policy = deciding(preset, audience, &access);
        assert_eq!(roles(&decided(&policy, (name, &value))).unwrap(), expected, "{preset:?}");
        assert_eq!(roles(&decided(&policy, (elsewhere, &unseen))), Err(Reason::TokenMissing), "{preset:?}");
        let of_another_api = deciding(preset, "another-api", &access);
        let refused = decided(&of_another_api, (name, &value));
        assert_eq!(roles(&refused), Err(Reason::AudienceMismatch), "{preset:?}");
        let [(name, value), _] = places(preset, &signed(&other));
        assert_eq!(roles(&decided(&policy, (name, &value))), Err(reason), "{preset:?}");
    }
}

#[test]
fn googles_signed_header_is_no_bearer_token_beside_one_either() {
    let of = |preset| products().into_iter().find(|product| product.preset == preset).unwrap();
    let (iap, keycloak) = (of(Preset::GoogleIap), of(Preset::Keycloak));
    let mut both = deciding(Preset::GoogleIap, iap.audience, &iap.access);
    let bearer = deciding(Preset::Keycloak, keycloak.audience, &keycloak.access);
    both["providers"]["keycloak"] = bearer["providers"]["idp"].clone();
    for (product, passes) in [(&iap, IAP_HEADER), (&keycloak, "authorization")] {
        for (name, value) in places(product.preset, &signed(&product.access)) {
            let verdict = decided(&both, (name, &value));
            let expected =
                if name == passes { Ok(product.roles.to_vec()) } else { Err(Reason::IssuerNotAccepted) };
            assert_eq!(roles(&verdict), expected, "{:?} in {name}", product.preset);
        }
    }
}

#[test]
fn googles_proxy_needs_an_audience_and_a_cluster_only() {
    let policy = loaded(|policy| {
        policy["providers"]["iap"] = json!({ "preset": "google-iap", "audiences": ["/projects/1/apps/shop"], "jwks": { "cluster": "gstatic" } });
    });
    let provider = &policy.providers()[0];
    let KeySource::Uri(endpoint) = &provider.keys else { panic!("no URI") };
    assert_eq!((&*endpoint.uri, &*endpoint.cluster), (IAP_KEYS, "gstatic"));
    assert_eq!(&*provider.issuer, IAP_ISSUER);
    let header = TokenSource::Header { name: IAP_HEADER.into(), prefix: "".into() };
    assert_eq!(policy.source(provider.source), Some(&header));
    assert_eq!(policy.services()[0].sources().len(), 2);
}

#[test]
fn what_the_document_says_stands_and_what_the_preset_requires_is_required_all_the_same() {
    let mut document = with(Preset::Cognito, "https://idp.example", "client");
    let provider = &mut document["providers"]["idp"];
    provider["algorithms"] = json!(["ES256"]);
    provider["roles"] = json!([]);
    provider["required_claims"] = json!([{ "path": ["version"], "equals": "2" }]);
    let said: Document = serde_json::from_value(document.clone()).unwrap();
    let resolved = said.resolved();
    let provider = &resolved.providers["idp"];
    assert_eq!((provider.preset, &provider.algorithms), (None, &Some(texts(&["ES256"]))));
    assert_eq!(provider.roles.as_deref(), Some(&[][..]));
    let rules = provider.required_claims.as_deref().unwrap();
    assert_eq!(rules, [equals("version", "2"), equals("token_use", "access")]);

    document["providers"]["idp"]["required_claims"] =
        json!([{ "path": ["token_use"], "one_of": ["access", "x"] }]);
    let said: Document = serde_json::from_value(document).unwrap();
    assert_eq!(said.resolved().providers["idp"].required_claims.as_ref().unwrap().len(), 1);
}

#[test]
fn a_preset_is_only_a_shorthand() {
    for preset in Preset::ALL {
        let document = with(preset, "https://idp.example", "api");
        let said: Document = serde_json::from_value(document.clone()).unwrap();
        let written_out = serde_json::to_value(said.resolved()).unwrap();
        assert!(!written_out.to_string().contains("preset"));
        assert_eq!(load(&document).unwrap().hash(), load(&written_out).unwrap().hash());
        assert_eq!(said.resolved().resolved(), said.resolved());
    }
}
