//! Full products of what a token can say wrongly: every claim by every JSON type, every algorithm
//! by every key, every form of a critical header. The decision corpus has chosen cases of each;
//! here none is left out.
#![cfg(not(target_family = "wasm"))]
mod support;

use portcullis_engine::jose::signature::Algorithm;
use portcullis_engine::policy::Policy;
use portcullis_engine::reason::Reason;
use serde_json::{Map, Value, json};

use support::{FETCHED, NOW, World, ended, policy};

const ORDERS: &str = "orders.example";
const ISSUER: &str = "https://main.example";

/// What becomes of a request.
type End = Result<(), Reason>;

/// A policy whose provider `main` accepts every algorithm, and RFC 9068 tokens too.
fn open_policy() -> Value {
    let mut policy = policy();
    policy["providers"]["main"]["algorithms"] = Algorithm::ALL.map(Algorithm::name).into();
    policy["providers"]["main"]["token_types"] = json!(["JWT", "at+jwt"]);
    policy
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "orders-api", "exp": NOW + 300, "nbf": NOW - 10, "iat": NOW - 10,
        "jti": "t-1", "client_id": "web", "typ": "Bearer", "realm_access": { "roles": ["customer"] },
    })
}

/// Every JSON type, with the values of each at which a reader may go wrong. `None`: the member is
/// absent.
fn values() -> Vec<Option<Value>> {
    let numbers =
        [json!(0), json!(1), json!(-1), json!(-0.5), json!(NOW - 1000), json!(1_800_001_000.5)]
            .into_iter()
            .chain([json!(NOW + 1000), json!(253_402_300_800_u64), json!(u64::MAX), json!(1e300)]);
    let texts =
        ["", " ", "0", "4102444800", "null", "orders-api", "Bearer", "customer", "alice", ISSUER];
    let lists = [
        json!([]),
        json!([null]),
        json!([0]),
        json!([""]),
        json!(["orders-api"]),
        json!(["x", "orders-api"]),
        json!(["orders-api", 7]),
        json!([["orders-api"]]),
        json!([{ "orders-api": true }]),
        json!([ISSUER]),
        json!([NOW + 1000]),
        json!(["Bearer"]),
        json!(["customer"]),
    ];
    let objects =
        [json!({}), json!({ "": "" }), json!({ "roles": ["customer"] }), json!({ "jkt": "x" })];
    let others = [json!(null), json!(false), json!(true)]
        .into_iter()
        .chain(numbers)
        .chain(texts.map(Value::from));
    [None].into_iter().chain(others.chain(lists).chain(objects).map(Some)).collect()
}

/// A `NumericDate` (RFC 7519 2): `None` if the value is none. The token ends no later and begins no
/// earlier than it says.
fn date(value: &Value) -> Option<f64> {
    value.as_f64().filter(|date| (0.0..253_402_300_800.0).contains(date))
}

fn is_text(value: Option<&Value>) -> bool {
    value.and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

/// Whether it is `text`, or a list that holds it.
fn names(value: &Value, text: &str) -> bool {
    value.as_array().map_or_else(|| value == text, |list| list.iter().any(|item| item == text))
}

/// What a token must end in whose `claim` has this value: written from the RFCs, without a look at
/// the engine.
#[allow(clippy::match_same_arms, reason = "a rule of an RFC each")]
fn expected(claim: &str, value: Option<&Value>, access_token: bool) -> End {
    let (malformed, now) = (Err(Reason::ClaimsMalformed), f64::from(u32::try_from(NOW).unwrap()));
    // RFC 9068 2.2 requires them; whatever is there must be a text
    let required = |end: End| match (end, value) {
        (Ok(()), None) if access_token => Err(Reason::ClaimMismatch),
        (end, _) => end,
    };
    let dated = |value: &Value, wrong: &dyn Fn(f64) -> bool, reason| match date(value) {
        None => malformed,
        Some(date) if wrong(date) => Err(reason),
        Some(_) => Ok(()),
    };
    match (claim, value) {
        ("iss", Some(Value::String(text))) if text == ISSUER => Ok(()),
        ("iss", Some(Value::String(_))) => Err(Reason::IssuerUnknown),
        ("iss", _) => malformed,
        ("exp", None) => malformed,
        ("exp", Some(value)) => dated(value, &|date| date + 30.0 <= now, Reason::TokenExpired),
        ("nbf", None) => Ok(()),
        ("nbf", Some(value)) => dated(value, &|date| date > now + 30.0, Reason::TokenNotYetValid),
        ("iat", None) => required(Ok(())),
        ("iat", Some(value)) => {
            dated(value, &|date| date > now + 30.0, Reason::TokenIssuedInFuture)
        }
        ("aud", None) => Err(Reason::AudienceMismatch),
        ("aud", Some(value)) => {
            let texts = value
                .as_array()
                .map_or_else(|| value.is_string(), |list| list.iter().all(Value::is_string));
            match (texts, names(value, "orders-api")) {
                (false, _) => malformed,
                (true, false) => Err(Reason::AudienceMismatch),
                (true, true) => Ok(()),
            }
        }
        ("jti", None) => required(Ok(())),
        ("jti", value) => {
            if is_text(value) {
                Ok(())
            } else {
                malformed
            }
        }
        ("sub", value) => {
            if is_text(value) {
                Ok(())
            } else {
                Err(Reason::SubjectInvalid)
            }
        }
        ("cnf", None) => Ok(()),
        ("cnf", Some(Value::Object(_))) => Err(Reason::BindingMismatch),
        ("cnf", Some(_)) => malformed,
        ("client_id", value) if access_token && !is_text(value) => Err(Reason::ClaimMismatch),
        ("client_id", _) => Ok(()),
        // required by the policy: the text `Bearer`
        ("typ", Some(value)) if names(value, "Bearer") => Ok(()),
        ("typ", _) => Err(Reason::ClaimMismatch),
        // a source of roles
        ("realm_access", Some(value)) if names(&value["roles"], "customer") => Ok(()),
        ("realm_access", _) => Err(Reason::RoleMissing),
        ("roles", Some(value)) if names(value, "customer") => Ok(()),
        ("roles", _) => Err(Reason::RoleMissing),
        _ => panic!("no rule for {claim}"),
    }
}

/// CVE-2026-25537 (jsonwebtoken): a claim of the wrong type was taken for an absent one, so `exp`
/// as a text never ended; and an absent `aud` was accepted.
#[test]
fn every_registered_claim_of_every_json_type_or_absent_ends_as_the_rfcs_say() {
    let mut world = World::of(&open_policy());
    let (mut passed, mut refused) = (0, 0);
    for typ in ["JWT", "at+jwt"] {
        for claim in [
            "iss",
            "sub",
            "aud",
            "exp",
            "nbf",
            "iat",
            "jti",
            "cnf",
            "client_id",
            "typ",
            "realm_access",
            "roles",
        ] {
            for value in values() {
                let mut claims = claims();
                let members = claims.as_object_mut().unwrap();
                // `roles` stands inside of `realm_access`
                let members = if claim == "roles" {
                    members["realm_access"].as_object_mut().unwrap()
                } else {
                    members
                };
                match &value {
                    None => drop(members.remove(claim)),
                    Some(value) => drop(members.insert(claim.to_owned(), value.clone())),
                }
                let header = json!({ "alg": "EdDSA", "typ": typ, "kid": "ed" });
                let token = corpus::signed(
                    "EdDSA",
                    header.to_string().as_bytes(),
                    claims.to_string().as_bytes(),
                );
                let expected = expected(claim, value.as_ref(), typ == "at+jwt");
                // the second time, what is good comes from the cache
                for _ in 0..2 {
                    let (end, _) = ended(&world.show(ORDERS, "/orders", &token));
                    assert_eq!(end, expected, "{typ}: `{claim}` is {value:?}");
                }
                if expected.is_ok() { passed += 1 } else { refused += 1 }
            }
        }
    }
    assert!(passed > 100 && refused > 500, "{passed} passed, {refused} were refused");
}

/// CVE-2026-32597 (`PyJWT`), CVE-2026-35042 (fast-jwt): `crit` was ignored. Nothing is understood
/// here, so nothing may be critical (RFC 7515 4.1.11), and no payload may be unencoded (RFC 7797
/// 3).
#[test]
fn every_form_of_a_critical_header_is_refused_wherever_it_stands() {
    let mut world = World::of(&policy());
    let payload = claims().to_string();
    let mut end = |header: &str| {
        let token = corpus::signed("EdDSA", header.as_bytes(), payload.as_bytes());
        ended(&world.show(ORDERS, "/orders", &token)).0
    };
    let forms = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "\"\"",
        "\"exp\"",
        "\"b64\"",
        "[]",
        "[null]",
        "[\"\"]",
        "[\"exp\"]",
        "[\"b64\"]",
        "[\"crit\"]",
        "[\"alg\"]",
        "[\"x\"]",
        "[[\"b64\"]]",
        "[\"b64\",\"b64\"]",
        "{}",
        "{\"b64\":true}",
    ];
    let honest = r#""alg":"EdDSA","typ":"JWT","kid":"ed""#;
    // the name in plain, and with an escape that a JSON reader takes away
    for name in ["crit", "b64", r"\u0063rit", r"cri\u0074", r"\u00624", r"b6\u0034"] {
        for form in forms {
            let member = format!("\"{name}\":{form}");
            for header in [format!("{{{member},{honest}}}"), format!("{{{honest},{member}}}")] {
                // `\u00624` is `b4`, which is any other member
                let expected =
                    if name == r"\u00624" { Ok(()) } else { Err(Reason::CriticalHeader) };
                assert_eq!(end(&header), expected, "{header}");
                let with_extension = header.replacen('{', r#"{"x":1,"exp":1,"#, 1);
                assert_eq!(end(&with_extension), expected, "{with_extension}");
            }
            let twice = format!("{{{honest},{member},{member}}}");
            assert_eq!(end(&twice), Err(Reason::HeaderMalformed), "{twice}");
        }
    }
    // names are compared exactly (RFC 7515 4): unknown members of these names are ignored
    for other in ["Crit", "CRIT", "crit ", "crits", "B64", "b64 "] {
        assert_eq!(end(&format!("{{{honest},\"{other}\":[\"b64\"]}}")), Ok(()), "{other}");
    }
    // a member inside another one is none of the header's
    assert_eq!(end(&format!("{{{honest},\"x\":{{\"crit\":[\"x\"],\"b64\":false}}}}")), Ok(()));
}

/// GO-2026-5423 (`OpenFGA`), #688 of authorino: where the audience was optional, a token for any
/// service was one for this.
#[test]
fn no_policy_loads_without_an_audience_by_any_preset() {
    let presets =
        ["keycloak", "auth0", "okta", "entra", "cognito", "google-iap", "oauth2"].map(Some);
    for preset in presets.into_iter().chain([None]) {
        let with = |audiences: Option<Value>| {
            let mut policy = policy();
            let main = policy["providers"]["main"].as_object_mut().unwrap();
            main.remove("audiences");
            main.extend(preset.map(|preset| ("preset".to_owned(), json!(preset))));
            main.extend(audiences.map(|audiences| ("audiences".to_owned(), audiences)));
            // the services accept what is left, and narrow nothing
            for service in policy["services"].as_object_mut().unwrap().values_mut() {
                service.as_object_mut().unwrap().remove("audiences");
            }
            Policy::from_json(policy.to_string().as_bytes()).map_err(|errors| errors.to_string())
        };
        with(Some(json!(["orders-api"]))).unwrap_or_else(|errors| panic!("{preset:?}: {errors}"));
        for none in [
            json!(null),
            json!([]),
            json!([""]),
            json!(""),
            json!("orders-api"),
            json!([null]),
            json!([7]),
            json!({}),
            json!(["\n"]),
        ] {
            assert!(with(Some(none.clone())).is_err(), "{preset:?}: {none}");
        }
        let errors = with(None).unwrap_err();
        assert!(errors.contains("audience"), "{preset:?}: {errors}");
    }
    // nor does a service that narrows to none
    for none in [json!([]), json!([""]), json!("orders-api"), json!([7])] {
        let mut policy = policy();
        policy["services"]["orders"]["audiences"] = none.clone();
        assert!(Policy::from_json(policy.to_string().as_bytes()).is_err(), "{none}");
    }
}

/// Whether a key may verify a signature by this `alg`.
type Agrees = fn(&str) -> bool;

/// What can stand in a JWK besides its material, and whether the key still agrees.
type Member = (&'static str, Value, Agrees);

fn members() -> Vec<Member> {
    let any: Agrees = |_| true;
    let none: Agrees = |_| false;
    let mut members: Vec<Member> = vec![
        ("extra", json!(null), any),
        ("use", json!("sig"), any),
        ("use", json!("enc"), none),
        ("use", json!("SIG"), none),
        ("use", json!(""), none),
        ("use", json!(null), none),
        ("use", json!(["sig"]), none),
        ("key_ops", json!(["verify"]), any),
        ("key_ops", json!(["sign", "verify"]), any),
        ("key_ops", json!(["sign"]), none),
        ("key_ops", json!([]), none),
        ("key_ops", json!("verify"), none),
        ("key_ops", json!(null), none),
        ("key_ops", json!(["VERIFY"]), none),
        ("alg", json!(null), none),
        ("alg", json!(7), none),
        ("alg", json!(""), none),
        ("alg", json!("none"), none),
        ("alg", json!("HS256"), none),
        ("alg", json!("rs256"), none),
        ("alg", json!("RSA-OAEP"), none),
        ("d", json!("AQ"), none),
        ("d", json!(null), none),
        ("k", json!("AQ"), none),
        ("p", json!("AQ"), none),
        ("oth", json!([]), none),
        // not read
        ("jku", json!("https://evil.example"), any),
        ("x5c", json!(["AQ"]), any),
    ];
    let by_alg: [(&str, Agrees); 9] = [
        ("RS256", |alg| alg == "RS256"),
        ("RS384", |alg| alg == "RS384"),
        ("RS512", |alg| alg == "RS512"),
        ("PS256", |alg| alg == "PS256"),
        ("PS384", |alg| alg == "PS384"),
        ("PS512", |alg| alg == "PS512"),
        ("ES256", |alg| alg == "ES256"),
        ("ES384", |alg| alg == "ES384"),
        ("EdDSA", |alg| alg == "EdDSA"),
    ];
    members.extend(by_alg.map(|(alg, only)| ("alg", json!(alg), only)));
    members
}

/// Which `kty` and `crv` sign by an algorithm (RFC 7518 3.1, RFC 8037 3.1).
fn kind_of(alg: &str) -> &'static str {
    match alg {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => "rsa",
        "ES256" => "p256",
        "ES384" => "p384",
        "EdDSA" => "ed",
        _ => "none",
    }
}

/// The keys of the corpus by their ids, each as a JWK of its material alone.
fn materials() -> Vec<(&'static str, Map<String, Value>)> {
    let all = corpus::jwks("all");
    let all = all["keys"].as_array().unwrap();
    let material = |kid: &'static str| {
        let mut key =
            all.iter().find(|key| key["kid"] == kid).unwrap().as_object().unwrap().clone();
        key.retain(|name, _| ["kty", "crv", "n", "e", "x", "y"].contains(&name.as_str()));
        (kid, key)
    };
    ["rsa", "p256", "p384", "ed"].map(material).into()
}

/// A world whose `main` has this key under the id `k`, and one that fits nothing asked for here.
fn with_key(policy: &Value, key: &Value) -> World {
    let mut world = World::of(policy);
    let other = &corpus::jwks("other")["keys"][0];
    let mut other = other.clone();
    other["kid"] = json!("another");
    world.pass(1);
    world.fetch(&json!({ "keys": [key, other] }), FETCHED + 1);
    world
}

/// A token that says one algorithm and is signed by another.
fn token(said: &str, signed_by: &str) -> String {
    let header = json!({ "alg": said, "typ": "JWT", "kid": "k" });
    corpus::signed(signed_by, header.to_string().as_bytes(), claims().to_string().as_bytes())
}

/// CVE-2026-48526 (`PyJWT`), CVE-2026-11800 (Keycloak), CVE-2026-5430 (WSO2): a key was used by
/// another algorithm than its own.
#[test]
fn of_every_algorithm_by_key_by_member_only_those_pass_that_agree() {
    const SAID: [&str; 15] = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "none",
        "HS256", "ES512", "ES256K", "rs256", "Ed25519",
    ];
    let signer = |said: &'static str| match said {
        "none" | "HS256" => said,
        // nothing that is not known here is signed here
        _ if kind_of(said) == "none" => "EdDSA",
        _ => said,
    };
    let tokens = SAID.map(|said| (said, token(said, signer(said))));
    let mut passed = 0;
    for (kind, material) in materials() {
        for (name, value, agrees) in members() {
            let mut key = material.clone();
            key.insert("kid".to_owned(), json!("k"));
            key.insert(name.to_owned(), value.clone());
            let mut world = with_key(&open_policy(), &key.into());
            for (said, token) in &tokens {
                let expected = match kind_of(said) {
                    "none" => Err(Reason::AlgorithmNotAccepted),
                    its if its == kind && agrees(said) => Ok(()),
                    _ => Err(Reason::KeyUnsuitable),
                };
                let (end, _) = ended(&world.show(ORDERS, "/orders", token));
                assert_eq!(end, expected, "{said} by a key `{kind}` with `{name}`: {value}");
                passed += u32::from(expected.is_ok());
            }
        }
    }
    // 6 members agree with all, by 9 algorithms; and one `alg` with each
    assert_eq!(passed, 6 * 9 + 9);
}

/// As above, for what the policy lists: a token by an algorithm that its provider does not list is
/// refused, whatever key fits.
#[test]
fn of_every_algorithm_by_every_list_of_one_only_the_listed_one_passes() {
    let tokens = Algorithm::ALL.map(|it| (it.name(), token(it.name(), it.name())));
    for listed in Algorithm::ALL.map(Algorithm::name) {
        let mut policy = policy();
        policy["providers"]["main"]["algorithms"] = json!([listed]);
        for (kind, mut key) in materials() {
            key.insert("kid".to_owned(), json!("k"));
            let mut world = with_key(&policy, &key.into());
            for (said, token) in &tokens {
                let expected = match said {
                    said if *said != listed => Err(Reason::AlgorithmNotAccepted),
                    said if kind_of(said) == kind => Ok(()),
                    _ => Err(Reason::KeyUnsuitable),
                };
                let (end, _) = ended(&world.show(ORDERS, "/orders", token));
                assert_eq!(end, expected, "{said} by a key `{kind}` where {listed} is listed");
            }
        }
    }
}

/// As above: the header says one algorithm of a key's kind, and the signature was made by another
/// one of the same kind.
#[test]
fn a_signature_by_another_algorithm_of_the_same_key_is_refused() {
    let all = Algorithm::ALL.map(Algorithm::name);
    for (kind, mut key) in materials() {
        key.insert("kid".to_owned(), json!("k"));
        let mut world = with_key(&open_policy(), &key.into());
        for said in all.into_iter().filter(|said| kind_of(said) == kind) {
            for signed_by in all.into_iter().chain(["none", "HS256", "stranger"]) {
                let (end, _) = ended(&world.show(ORDERS, "/orders", &token(said, signed_by)));
                let expected =
                    if said == signed_by { Ok(()) } else { Err(Reason::SignatureInvalid) };
                assert_eq!(end, expected, "{said}, signed by {signed_by}");
            }
        }
    }
}
