//! The rules of the assertion, one test each: what the gateway's side mints, the service's side
//! judges.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::Signer as _;
use portcullis_principal::{
    Assertion, AssertionError, AssertionVerifier, Endpoint, LEEWAY_SECONDS, MAX_LIFETIME_SECONDS,
    Principal, PrincipalId, SetupError, SigningKey,
};
use serde_json::{Value, json};

const SEED: [u8; 32] = [7; 32];
const NOW: u64 = 1_800_000_000;
const READ_ORDER: Endpoint<'_> = Endpoint { method: "GET", route: "/orders/{id}" };

fn key(seed: [u8; 32]) -> SigningKey {
    SigningKey::from_seed_base64url(&BASE64URL.encode(seed)).unwrap()
}

fn good() -> Assertion<'static> {
    Assertion {
        issuer: "portcullis",
        audience: "shop",
        issued_at: NOW,
        expires_at: NOW + MAX_LIFETIME_SECONDS,
        subject: "alice",
        subject_issuer: "https://idp.example",
        roles: &[],
        token_id: None,
        method: "GET",
        row: "/orders/{order_id}",
    }
}

fn verifier() -> AssertionVerifier {
    AssertionVerifier::from_jwks(&key(SEED).public_jwks().to_string(), "portcullis", "shop")
        .unwrap()
}

fn judge(assertion: &Assertion<'_>, now: u64) -> Result<Principal, AssertionError> {
    verifier().verify(&assertion.mint(&key(SEED)).unwrap(), READ_ORDER, now)
}

/// Signs any header and claims with the gateway's key, which the gateway itself would never do.
fn sign(header: &str, claims: &(impl AsRef<[u8]> + ?Sized)) -> String {
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
    let signature = ed25519_dalek::SigningKey::from_bytes(&SEED).sign(signed.as_bytes());
    format!("{signed}.{}", BASE64URL.encode(signature.to_bytes()))
}

fn header() -> Value {
    json!({ "typ": "portcullis+jwt", "alg": "EdDSA", "kid": key(SEED).key_id() })
}

fn claims() -> Value {
    json!({
        "iss": "portcullis", "aud": "shop", "iat": NOW, "exp": NOW + 60, "sub": "alice",
        "sub_iss": "https://idp.example", "roles": [], "htm": "GET", "row": "/orders/{order_id}",
    })
}

fn verify(assertion: &str) -> Result<Principal, AssertionError> {
    verifier().verify(assertion, READ_ORDER, NOW)
}

#[test]
fn what_the_gateway_minted_is_the_principal() {
    let roles = ["customer".to_owned(), "a, b".to_owned()];
    let principal =
        judge(&Assertion { roles: &roles, token_id: Some("t-1"), ..good() }, NOW).unwrap();
    assert_eq!(principal.id(), &PrincipalId::new("https://idp.example", "alice"));
    assert_eq!(principal.roles(), roles);
    assert_eq!(principal.token_id(), Some("t-1"));
    assert_eq!(judge(&good(), NOW).unwrap().token_id(), None);
}

#[test]
fn an_assertion_for_someone_or_something_else_is_refused() {
    use AssertionError::{WrongAudience, WrongIssuer, WrongMethod, WrongRow};
    for (other, expected) in [
        (Assertion { audience: "billing", ..good() }, WrongAudience),
        (Assertion { audience: "shop2", ..good() }, WrongAudience),
        (Assertion { issuer: "portcullis-staging", ..good() }, WrongIssuer),
        (Assertion { row: "/products/{id}", ..good() }, WrongRow),
        (Assertion { row: "/orders", ..good() }, WrongRow),
        (Assertion { method: "HEAD", ..good() }, WrongMethod),
        (Assertion { method: "get", ..good() }, WrongMethod),
    ] {
        assert_eq!(judge(&other, NOW), Err(expected), "{other:?}");
    }
}

#[test]
fn an_assertion_counts_from_its_issue_to_its_end_with_five_seconds_of_leeway_and_no_more() {
    use AssertionError::{Expired, IssuedInFuture};
    let end = NOW + MAX_LIFETIME_SECONDS;
    for (now, expected) in [
        (NOW - LEEWAY_SECONDS - 1, Some(IssuedInFuture)),
        (NOW - LEEWAY_SECONDS, None),
        (end + LEEWAY_SECONDS - 1, None),
        (end + LEEWAY_SECONDS, Some(Expired)),
        (0, Some(IssuedInFuture)),
        (u64::MAX, Some(Expired)),
    ] {
        assert_eq!(judge(&good(), now).err(), expected, "{now}");
    }
    assert_eq!(LEEWAY_SECONDS, 5);
}

#[test]
fn an_assertion_that_would_last_longer_than_sixty_seconds_is_refused_though_it_is_signed() {
    for (iat, exp) in [(NOW, NOW + 61), (NOW - 3600, NOW + 1), (NOW, NOW - 1), (0, u64::MAX)] {
        let mut claims = claims();
        claims["iat"] = json!(iat);
        claims["exp"] = json!(exp);
        let refused = verify(&sign(&header().to_string(), &claims.to_string()));
        assert_eq!(refused, Err(AssertionError::LifetimeTooLong), "{iat} to {exp}");
    }
}

#[test]
fn a_jwt_of_another_type_algorithm_or_header_is_refused_though_it_is_signed() {
    use AssertionError::{KeyUnknown, Malformed, WrongAlgorithm, WrongType};
    for (name, value, expected) in [
        ("typ", json!("JWT"), WrongType),
        ("typ", json!("at+jwt"), WrongType),
        ("typ", Value::Null, Malformed),
        ("alg", json!("none"), WrongAlgorithm),
        ("alg", json!("HS256"), WrongAlgorithm),
        ("alg", json!("Ed25519ph"), WrongAlgorithm),
        ("kid", json!("another"), KeyUnknown),
        ("kid", json!(7), Malformed),
        ("crit", json!(["exp"]), Malformed),
        ("b64", json!(false), Malformed),
        ("jku", json!("https://attacker.example/keys"), Malformed),
        ("jwk", json!({}), Malformed),
    ] {
        let mut header = header();
        header[name] = value;
        assert_eq!(
            verify(&sign(&header.to_string(), &claims().to_string())),
            Err(expected),
            "{header}"
        );
    }
}

#[test]
fn claims_that_are_missing_or_of_another_type_are_refused_though_they_are_signed() {
    let good = claims();
    assert!(verify(&sign(&header().to_string(), &good.to_string())).is_ok());
    for name in good.as_object().unwrap().keys() {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(
            verify(&sign(&header().to_string(), &claims.to_string())),
            Err(AssertionError::Malformed),
            "{name}"
        );
        claims[name] = if good[name].is_array() { json!("customer") } else { json!([good[name]]) };
        assert_eq!(
            verify(&sign(&header().to_string(), &claims.to_string())),
            Err(AssertionError::Malformed),
            "{name}"
        );
    }
    for (name, value) in [
        ("exp", json!((NOW + 60).to_string())),
        ("iat", json!(-1)),
        ("iat", json!(1.5)),
        ("sub", json!("")),
        ("sub_iss", json!("")),
        ("sub_jti", Value::Null),
        ("roles", json!([1])),
    ] {
        let mut claims = claims();
        claims[name] = value;
        assert_eq!(
            verify(&sign(&header().to_string(), &claims.to_string())),
            Err(AssertionError::Malformed),
            "{claims}"
        );
    }
}

#[test]
fn a_member_that_comes_twice_is_refused_wherever_it_stands() {
    let (header, claims) = (header().to_string(), claims().to_string());
    let twice = |json: &str, member: &str| format!("{{{member},{}", &json[1..]);
    for (header, claims) in [
        (twice(&header, r#""typ":"JWT""#), claims.clone()),
        (header.clone(), twice(&claims, r#""sub":"mallory""#)),
        (header.clone(), twice(&twice(&claims, r#""new":1"#), r#""new":2"#)),
    ] {
        assert_eq!(
            verify(&sign(&header, &claims)),
            Err(AssertionError::Malformed),
            "{header} {claims}"
        );
    }
    assert!(
        verify(&sign(&header, &twice(&claims, r#""new":1"#))).is_ok(),
        "a newer gateway may say more"
    );
}

/// RFC 7519 7.2.
#[test]
fn a_byte_that_is_not_utf8_is_refused_in_a_claim_that_is_not_read() {
    let claims = claims().to_string();
    let claims = [br#"{"new":""#, &b"\xb8"[..], br#"","#, &claims.as_bytes()[1..]].concat();
    assert_eq!(verify(&sign(&header().to_string(), &claims)), Err(AssertionError::Malformed));
}

#[test]
fn claims_in_the_form_of_an_array_are_refused() {
    let array = json!([
        "portcullis",
        "shop",
        NOW,
        NOW + 60,
        "alice",
        "https://idp.example",
        [],
        "j",
        "GET",
        "/orders/{id}"
    ]);
    assert_eq!(
        verify(&sign(&header().to_string(), &array.to_string())),
        Err(AssertionError::Malformed)
    );
}

#[test]
fn what_was_changed_cut_or_signed_by_another_is_refused() {
    let minted = good().mint(&key(SEED)).unwrap();
    let parts: Vec<&str> = minted.split('.').collect();
    let forged = BASE64URL.encode(claims().to_string().replace("alice", "mallory"));
    for (assertion, expected) in [
        (format!("{}.{forged}.{}", parts[0], parts[2]), AssertionError::SignatureInvalid),
        (
            format!("{}.{}.{}", parts[0], parts[1], BASE64URL.encode([0; 64])),
            AssertionError::SignatureInvalid,
        ),
        (format!("{}.{}.", parts[0], parts[1]), AssertionError::SignatureInvalid),
        (format!("{}.{}", parts[0], parts[1]), AssertionError::Malformed),
        (format!("{minted}.{}", parts[2]), AssertionError::SignatureInvalid),
        (format!("{minted}="), AssertionError::Malformed),
        (format!(" {minted}"), AssertionError::Malformed),
        (minted[..minted.len() - 1].to_owned(), AssertionError::Malformed),
        (String::new(), AssertionError::Malformed),
        ("..".to_owned(), AssertionError::Malformed),
    ] {
        assert_eq!(verify(&assertion), Err(expected), "{assertion}");
    }
    assert_eq!(verify(&good().mint(&key([8; 32])).unwrap()), Err(AssertionError::KeyUnknown));
    // another's key under our key id
    let mut jwks = key([8; 32]).public_jwks();
    jwks["keys"][0]["kid"] = json!(key(SEED).key_id());
    let other = AssertionVerifier::from_jwks(&jwks.to_string(), "portcullis", "shop").unwrap();
    assert_eq!(other.verify(&minted, READ_ORDER, NOW), Err(AssertionError::SignatureInvalid));
}

#[test]
fn keys_rotate_by_their_id_when_the_file_changes_and_a_bad_file_leaves_the_last_keys() {
    let (old, new) = (key([1; 32]), key([2; 32]));
    let keys = |keys: &[&SigningKey]| {
        let keys: Vec<Value> =
            keys.iter().map(|key| key.public_jwks()["keys"][0].clone()).collect();
        json!({ "keys": keys }).to_string()
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), keys(&[&old])).unwrap();
    let verifier = AssertionVerifier::from_jwks_file(file.path(), "portcullis", "shop").unwrap();
    let accepts =
        |key: &SigningKey| verifier.verify(&good().mint(key).unwrap(), READ_ORDER, NOW).is_ok();
    assert_eq!((accepts(&old), accepts(&new)), (true, false));

    fs::write(file.path(), keys(&[&old, &new])).unwrap();
    assert_eq!((accepts(&old), accepts(&new)), (true, true));

    fs::write(file.path(), "{ half a docum").unwrap();
    assert_eq!((accepts(&old), accepts(&new)), (true, true));

    fs::write(file.path(), keys(&[&new])).unwrap();
    assert_eq!((accepts(&old), accepts(&new)), (false, true));

    fs::remove_file(file.path()).unwrap();
    assert_eq!((accepts(&old), accepts(&new)), (false, true));
}

#[cfg(unix)]
#[test]
fn a_file_that_took_the_others_place_is_read_though_it_looks_alike() {
    let (old, new) = (key([1; 32]), key([2; 32]));
    let folder = tempfile::tempdir().unwrap();
    let [used, next] = ["keys.json", "next.json"].map(|name| folder.path().join(name));
    fs::write(&used, old.public_jwks().to_string()).unwrap();
    let verifier = AssertionVerifier::from_jwks_file(&used, "portcullis", "shop").unwrap();
    let accepts =
        |key: &SigningKey| verifier.verify(&good().mint(key).unwrap(), READ_ORDER, NOW).is_ok();
    assert_eq!((accepts(&old), accepts(&new)), (true, false));

    fs::write(&next, new.public_jwks().to_string()).unwrap();
    let before = fs::metadata(&used).unwrap();
    fs::File::options()
        .append(true)
        .open(&next)
        .unwrap()
        .set_modified(before.modified().unwrap())
        .unwrap();
    assert_eq!(fs::metadata(&next).unwrap().len(), before.len());
    fs::rename(&next, &used).unwrap();
    assert_eq!((accepts(&old), accepts(&new)), (false, true));
}

#[test]
fn a_verifier_that_would_accept_nothing_or_anything_is_not_made() {
    let jwks = key(SEED).public_jwks().to_string();
    for (jwks, issuer, audience) in [
        ("{\"keys\":[]}", "portcullis", "shop"),
        (&*jwks, "", "shop"),
        (&*jwks, "portcullis", ""),
        (&*jwks, "p", "a\"b"),
    ] {
        assert!(
            AssertionVerifier::from_jwks(jwks, issuer, audience).is_err(),
            "{issuer} {audience}"
        );
    }
    let missing = AssertionVerifier::from_jwks_file("/no/such/file".as_ref(), "portcullis", "shop");
    assert!(matches!(missing, Err(SetupError::Unreadable { .. })));
}
