//! Names in a policy are texts, never patterns: what a token or a request says is compared byte for
//! byte.
//!
//! CVE-2026-39350 (Istio) and its #59992: `.`, `*` and
//! `[` of a configured name went into a regular expression, so that one name stood for many. Here each is compared with the oracle that knows no patterns: the equality of two strings.
#![cfg(not(target_family = "wasm"))]
mod support;

use std::rc::Rc;

use portcullis_engine::authorizer::{Authorizer, Decision};
use portcullis_engine::clock::{Clocks, UnixTime};
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use proptest::prelude::*;
use serde_json::{Value, json};

use support::{NOW, Peer, World, ended, monotonic};

/// A name of what patterns are written with, short and of few letters, so that two are often alike
/// but for one of these.
fn name() -> impl Strategy<Value = String> {
    "[ab.*+?|^$(){}\\[\\]\\\\,:/%_ -]{1,5}"
}

/// Two names: any two, or one and what a pattern would make of it.
fn pair() -> impl Strategy<Value = (String, String)> {
    let like = |name: String| {
        let replaced = |from: &str, to: &str| name.replace(from, to);
        let like = [
            name.clone(),
            replaced(".", "b"),
            replaced("*", ""),
            replaced("*", "ab"),
            replaced("+", "+a"),
            replaced("[ab]", "a"),
            name.to_ascii_uppercase(),
            format!("{name}b"),
            format!("a{name}"),
        ];
        prop::sample::select(like.to_vec()).prop_map(move |other| (name.clone(), other))
    };
    prop_oneof![(name(), name()), name().prop_flat_map(like)]
}

/// One provider with the corpus's keys, and one row for the role `role`.
fn policy() -> Value {
    let mut jwks = corpus::jwks("all");
    // the others would be read for every case, and sign nothing here
    jwks["keys"].as_array_mut().unwrap().retain(|key| key["kid"] == "ed");
    json!({
        "providers": { "main": {
            "issuer": "https://main.example",
            "audiences": ["orders-api"],
            "jwks": { "inline": jwks },
            "algorithms": ["EdDSA"],
            "roles": [{ "path": ["groups"] }],
        } },
        "services": { "orders": { "hosts": ["orders.example"], "routes": [
            { "match": "GET /orders", "roles": ["role"] },
        ] } },
    })
}

/// What becomes of a token with these claims besides the honest ones. `None`: the policy does not
/// load, so nothing can match.
fn end(policy: &Value, host: &str, claims: &Value) -> Option<Result<(), Reason>> {
    let policy = Policy::from_json(policy.to_string().as_bytes()).ok()?;
    let authorizer = Authorizer::new(Rc::new(policy), RUST_CRYPTO);
    let mut world = World {
        authorizer,
        peer: Peer::default(),
        now: Clocks { wall: UnixTime(NOW), monotonic: monotonic(1) },
    };
    let mut all = json!({ "groups": ["role"] });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let token = corpus::token(&json!({ "claims": all }), NOW);
    Some(ended(&world.show(host, "/orders", &token)).0)
}

const HOST: &str = "orders.example";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_role_is_literal((listed, said) in pair()) {
        let mut policy = policy();
        policy["services"]["orders"]["routes"][0]["roles"] = json!([listed]);
        let expected = if listed == said { Ok(()) } else { Err(Reason::RoleMissing) };
        let end = end(&policy, HOST, &json!({ "groups": [said] }));
        prop_assert!(end.is_none_or(|end| end == expected), "{listed:?} {said:?}: {end:?}");
    }

    #[test]
    fn an_issuer_is_literal((listed, said) in pair()) {
        let mut policy = policy();
        policy["providers"]["main"]["issuer"] = json!(format!("https://{listed}"));
        let expected = if listed == said { Ok(()) } else { Err(Reason::IssuerUnknown) };
        let end = end(&policy, HOST, &json!({ "iss": format!("https://{said}") }));
        prop_assert!(end.is_none_or(|end| end == expected), "{listed:?} {said:?}: {end:?}");
    }

    #[test]
    fn an_audience_is_literal((listed, said) in pair()) {
        let mut policy = policy();
        policy["providers"]["main"]["audiences"] = json!([listed]);
        let expected = if listed == said { Ok(()) } else { Err(Reason::AudienceMismatch) };
        let end = end(&policy, HOST, &json!({ "aud": said }));
        prop_assert!(end.is_none_or(|end| end == expected), "{listed:?} {said:?}: {end:?}");
    }

    /// Each name of a path, and the value that a claim must have.
    #[test]
    fn a_claim_path_and_a_required_value_are_literal((listed, said) in pair(), (value, other) in pair()) {
        let mut policy = policy();
        let rule = json!({ "path": ["ext", listed], "equals": value });
        policy["providers"]["main"]["required_claims"] = json!([rule]);
        let met = listed == said && value == other;
        let expected = if met { Ok(()) } else { Err(Reason::ClaimMismatch) };
        let end = end(&policy, HOST, &json!({ "ext": { said.clone(): other } }));
        prop_assert!(end.is_none_or(|end| end == expected), "{listed:?} {said:?} {value:?} {other:?}: {end:?}");
    }

    /// A dot in a name leads to no member of a member, and no member of a member is found by a dot.
    #[test]
    fn a_path_of_names_is_not_one_name_with_dots(outer in "[ab.]{1,3}", inner in "[ab.]{1,3}", joined: bool) {
        let whole = format!("{outer}.{inner}");
        let mut policy = policy();
        let path = if joined { json!([whole]) } else { json!([outer, inner]) };
        policy["providers"]["main"]["roles"] = json!([{ "path": path }]);
        let nested = json!({ "groups": null, outer.clone(): { inner.clone(): ["role"] } });
        let flat = json!({ "groups": null, whole: ["role"] });
        let found = |claims| end(&policy, HOST, claims).map(|end| end.is_ok());
        prop_assert_eq!(found(&nested), Some(!joined), "{} {}", outer, inner);
        prop_assert_eq!(found(&flat), Some(joined), "{} {}", outer, inner);
    }

    /// But for `*` and `*.` at the beginning, which are said so in the documentation; those are
    /// tried below.
    #[test]
    fn a_host_is_literal_but_for_case((listed, said) in pair()) {
        prop_assume!(!listed.starts_with('*'));
        let mut policy = policy();
        policy["services"]["orders"]["hosts"] = json!([listed]);
        if let Some(end) = end(&policy, &said, &json!({})) {
            // a port is none of the host's
            let host = said.strip_suffix(':').unwrap_or(&said);
            prop_assert_eq!(end.is_ok(), listed.eq_ignore_ascii_case(host), "{:?} {:?}: {:?}", listed, said, end);
        }
    }

    /// A leading star stands for one letter at least before the dot, and everything after it is
    /// literal.
    #[test]
    fn a_leading_star_is_a_suffix_and_no_pattern(suffix in "[ab.*_-]{1,4}", said in "[abx.*_-]{1,7}") {
        let mut policy = policy();
        policy["services"]["orders"]["hosts"] = json!([format!("*.{suffix}")]);
        if let Some(end) = end(&policy, &said, &json!({})) {
            let dotted = format!(".{suffix}");
            let can_be_host = said.bytes().all(|byte| byte != b'*');
            let matches = can_be_host && said.len() > dotted.len() && said.ends_with(&dotted);
            prop_assert_eq!(end.is_ok(), matches, "*.{:?} {:?}: {:?}", suffix, said, end);
        }
    }

    /// The names of cookies and the origins beside them.
    #[test]
    fn an_origin_and_a_cookie_are_literal((listed, said) in pair(), (cookie, sent) in pair()) {
        let mut policy = policy();
        let source = json!({ "cookie": {
            "name": format!("__Host-{cookie}"), "origins": [format!("https://{listed}")],
        } });
        policy["providers"]["main"]["token_source"] = source;
        policy["services"]["orders"]["routes"][0]["match"] = json!("POST /orders");
        let Ok(policy) = Policy::from_json(policy.to_string().as_bytes()) else { return Ok(()) };
        let mut authorizer = Authorizer::new(Rc::new(policy), RUST_CRYPTO);
        let token = corpus::token(&json!({ "claims": { "groups": ["role"] } }), NOW);
        let headers = [
            (":method", "POST".to_owned()),
            (":path", "/orders".to_owned()),
            (":authority", HOST.to_owned()),
            ("origin", format!("https://{said}")),
            ("cookie", format!("__Host-{sent}={token}")),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.into_bytes()));
        let request = portcullis_engine::request::Request::new(portcullis_engine::request::Headers(&headers));
        let now = Clocks { wall: UnixTime(NOW), monotonic: monotonic(1) };
        let verdict = authorizer.decide(&request, &Peer::default(), now);
        let passes = matches!(verdict.decision, Decision::Allow(_));
        prop_assert_eq!(passes, listed == said && cookie == sent, "{:?} {:?} {:?} {:?}", listed, said, cookie, sent);
    }
}

/// The properties above also hold for a policy that does not load. These policies load, and their
/// names are distinguished.
#[test]
fn names_of_pattern_letters_load_and_match_themselves_alone() {
    for name in ["a.b", "a*", "*", ".*", "[ab]", "a+", "a|b", "^a$", "(a)", "a\\b"] {
        let mut policy = policy();
        policy["services"]["orders"]["routes"][0]["roles"] = json!([name]);
        policy["providers"]["main"]["issuer"] = json!(format!("https://{name}.example"));
        policy["providers"]["main"]["audiences"] = json!([name]);
        let claims = |it: &str| json!({ "groups": [it], "iss": format!("https://{name}.example"), "aud": name });
        assert_eq!(end(&policy, HOST, &claims(name)), Some(Ok(())), "{name}");
        for other in ["a", "b", "ab", "axb", "a.b.c", "aa", ""] {
            assert_eq!(
                end(&policy, HOST, &claims(other)),
                Some(Err(Reason::RoleMissing)),
                "{name} {other}"
            );
        }
    }
}
