//! Assertions, as minted and as changed on the way, shown to the verifier of one service.

use std::collections::HashSet;

use arbitrary::{Result, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use corpus::jwks;
use portcullis_principal::{Assertion, AssertionError, AssertionVerifier, Endpoint, SigningKey};
use serde_json::Value;

use crate::fixture::NOW;
use crate::shared_data::some;

const ISSUERS: [&str; 3] = ["portcullis", "another", "portcullis2"];
const AUDIENCES: [&str; 3] = ["shop", "notes", "sho"];
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "get"];
const ROWS: [&str; 10] = [
    "/orders",
    "/orders/{order_id}",
    "/orders/{id}/lines/{n}",
    "/orders/export",
    "/orders/",
    "/files/{*rest}",
    "/files/{name}",
    "/{tenant}/{*rest}",
    "/{*rest}",
    "/",
];
/// What may lie between the clocks (README, "The service's side").
const LEEWAY: i64 = 5;
/// From `iat` to `exp`.
const LIFETIME: i64 = 60;
/// Of the key that the corpus signs with.
const KEY_ID: &str = "ed";

/// The gateway's key, and the verifier of the service `shop`.
struct Service {
    key: SigningKey,
    verifier: AssertionVerifier,
    /// Verifies with the key that [`corpus::signed`] signs with.
    other: AssertionVerifier,
    minted: HashSet<String>,
}

impl Service {
    fn new() -> Self {
        let key = key();
        let verifier = |jwks: &Value| {
            AssertionVerifier::from_jwks(&jwks.to_string(), ISSUERS[0], AUDIENCES[0])
        };
        Self {
            verifier: verifier(&key.public_jwks()).expect("a verifier"),
            other: verifier(&jwks("all")).expect("a verifier"),
            minted: seeds()
                .into_iter()
                .map(|seed| String::from_utf8_lossy(&seed[1..]).into_owned())
                .collect(),
            key,
        }
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed_base64url(&BASE64URL.encode([7; 32])).expect("32 bytes")
}

/// The first byte says how the rest is read.
pub fn assertion(input: &[u8]) {
    thread_local! {
        static SERVICE: Service = Service::new();
    }
    let Some((how, rest)) = input.split_first() else { return };
    SERVICE.with(|service| match how % 3 {
        0 => as_sent(service, rest),
        1 => drop(as_minted(service, &mut Unstructured::new(rest))),
        _ => as_signed(service, rest),
    });
}

/// A text passes only if the gateway minted it, byte for byte.
fn as_sent(service: &Service, text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let endpoint = Endpoint { method: METHODS[0], route: ROWS[1] };
    if service.verifier.verify(text, endpoint, NOW).is_ok() {
        assert!(service.minted.contains(text), "nobody minted {text}");
    }
}

/// An assertion passes if and only if it is for this audience, method, row and time; and with a
/// byte changed it does not pass.
fn as_minted(service: &Service, u: &mut Unstructured<'_>) -> Result<()> {
    let one_of =
        |u: &mut Unstructured<'_>, list: &'static [&'static str]| -> Result<&'static str> {
            Ok(list[usize::from(u.arbitrary::<u8>()?) % list.len()])
        };
    let (issuer, audience) = (one_of(u, &ISSUERS)?, one_of(u, &AUDIENCES)?);
    let (method, row) = (one_of(u, &METHODS)?, one_of(u, &ROWS)?);
    let asked = Endpoint { method: one_of(u, &METHODS)?, route: one_of(u, &ROWS)? };
    let (begins, lasts, later) =
        (u.arbitrary::<i8>()?, u.arbitrary::<u8>()? % 64, u.arbitrary::<i8>()?);
    let issued_at = NOW.saturating_add_signed(begins.into());
    let expires_at = issued_at + u64::from(lasts);
    let roles: Vec<_> = (0..u.arbitrary::<u8>()? % 3).map(|n| format!("role-{n}")).collect();
    let subject = String::from_utf8_lossy(&some(u)?).into_owned();
    let minted = Assertion {
        issuer,
        audience,
        issued_at,
        expires_at,
        subject: &subject,
        subject_issuer: "https://main.example",
        roles: &roles,
        token_id: u.arbitrary::<bool>()?.then_some("t-1"),
        method,
        row,
    };
    let text = minted.mint(&service.key);
    assert_eq!(text.is_ok(), !subject.is_empty() && (1..=LIFETIME).contains(&lasts.into()));
    let Ok(text) = text else { return Ok(()) };
    let now = NOW.saturating_add_signed(later.into());
    let [at, from, to] = [now, issued_at, expires_at].map(u64::cast_signed);
    let expected = (issuer, audience, method) == (ISSUERS[0], AUDIENCES[0], asked.method)
        && covers(row, asked.route)
        && from - LEEWAY <= at
        && at < to + LEEWAY;
    let verified = service.verifier.verify(&text, asked, now);
    assert_eq!(verified.is_ok(), expected, "{minted:?} for {asked:?} at {now}: {verified:?}");
    if let Ok(principal) = verified {
        let pair = (principal.issuer(), principal.subject());
        assert_eq!(pair, (minted.subject_issuer, &*subject));
        assert_eq!((principal.roles(), principal.token_id()), (&*roles, minted.token_id));
    }
    let mut bytes = text.clone().into_bytes();
    let (at, by) = (usize::from(u.arbitrary::<u16>()?) % bytes.len(), u.arbitrary::<u8>()?);
    match u.arbitrary::<u8>()? % 4 {
        0 => bytes[at] = by,
        1 => bytes.insert(at, by),
        2 => drop(bytes.remove(at)),
        _ => bytes.push(by),
    }
    if let Ok(changed) = String::from_utf8(bytes)
        && changed != text
    {
        // as it was minted, everything else fits
        let endpoint = Endpoint { method, route: row };
        let verified = service.verifier.verify(&changed, endpoint, issued_at);
        assert!(verified.is_err(), "{text} as {changed}");
    }
    Ok(())
}

/// Header and claims that the gateway's key signs, whatever they say: what passes, a second and
/// lenient reader finds right too.
fn as_signed(service: &Service, input: &[u8]) {
    let (header, claims) =
        input.split_at(input.iter().position(|b| *b == b'\n').unwrap_or(input.len()));
    let claims = claims.strip_prefix(b"\n").unwrap_or_default();
    let text = corpus::signed("EdDSA", header, claims);
    let asked = Endpoint { method: METHODS[0], route: ROWS[1] };
    let verified = service.other.verify(&text, asked, NOW);
    let Ok(principal) = verified else {
        // it is signed, and by a key that the service knows by this id
        let by_key = matches!(verified, Err(AssertionError::SignatureInvalid));
        return assert!(!by_key, "an honest signature does not verify");
    };
    let read = |part: &[u8]| serde_json::from_slice::<Value>(part).expect("what passes is JSON");
    let (header, claims) = (read(header), read(claims));
    let named = serde_json::json!({ "typ": "portcullis+jwt", "alg": "EdDSA", "kid": KEY_ID });
    assert_eq!(header, named);
    for (name, expected) in [("iss", ISSUERS[0]), ("aud", AUDIENCES[0]), ("htm", asked.method)] {
        assert_eq!(claims[name], expected, "{name}");
    }
    let row = claims["row"].as_str().expect("a row");
    if row.bytes().all(|b| b.is_ascii_alphanumeric() || b"/{}*_".contains(&b))
        && !row.contains("{{")
    {
        assert!(covers(row, asked.route), "{row}");
    }
    let [from, to] = ["iat", "exp"].map(|name| claims[name].as_u64().expect("a time"));
    assert!(
        from <= NOW + 5 && NOW < to.saturating_add(5) && to >= from && to - from <= 60,
        "{from} to {to}"
    );
    assert!(!principal.subject().is_empty() && !principal.issuer().is_empty());
    assert_eq!(
        (&claims["sub"], &claims["sub_iss"]),
        (&principal.subject().into(), &principal.issuer().into())
    );
    assert_eq!(claims["roles"], Value::from(principal.roles()));
    assert_eq!(claims.get("sub_jti").and_then(Value::as_str), principal.token_id());
}

/// Whether a row stands for a route: segment by segment, whatever the parameters are called.
fn covers(row: &str, route: &str) -> bool {
    let is_any = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    let is_rest = |segment: &str| segment.starts_with("{*") && segment.ends_with('}');
    let mut of_route = route.split('/');
    for segment in row.split('/') {
        if is_rest(segment) {
            return of_route
                .next()
                .is_some_and(|first| !first.is_empty() || of_route.next().is_some());
        }
        let Some(other) = of_route.next() else { return false };
        let same = segment == other || is_any(segment) && is_any(other) && !is_rest(other);
        if !same {
            return false;
        }
    }
    of_route.next().is_none()
}

/// Assertions that pass as they are, for [`as_sent`].
fn seeds() -> Vec<Vec<u8>> {
    let key = key();
    let mint = |lasts: u64, token_id| {
        let minted = Assertion {
            issuer: ISSUERS[0],
            audience: AUDIENCES[0],
            issued_at: NOW,
            expires_at: NOW + lasts,
            subject: "alice",
            subject_issuer: "https://main.example",
            roles: &["customer".to_owned()],
            token_id,
            method: METHODS[0],
            row: ROWS[1],
        };
        [&[0], minted.mint(&key).expect("an assertion").as_bytes()].concat()
    };
    vec![mint(60, None), mint(30, Some("t-1")), mint(1, None)]
}

/// For each of the three ways to read an input.
pub(crate) fn inputs() -> Vec<Vec<u8>> {
    let claims = serde_json::json!({
        "iss": "portcullis", "aud": "shop", "iat": NOW, "exp": NOW + 60, "sub": "alice", "sub_iss": "https://main.example",
        "roles": ["customer"], "sub_jti": "t-1", "htm": "GET", "row": "/orders/{order_id}",
    });
    let header = format!(r#"{{"typ":"portcullis+jwt","alg":"EdDSA","kid":"{KEY_ID}"}}"#);
    let signed = |claims: &Value| format!("\u{2}{header}\n{claims}").into_bytes();
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().expect("claims").remove(name);
        signed(&claims)
    };
    let mut inputs = seeds();
    inputs.extend([signed(&claims), without("sub_jti"), without("row")]);
    // issuer, audience, method, row, the endpoint, times, roles, then the subject
    let minted = |row: u8, route: u8, later: u8| {
        [&[1, 0, 0, 0, row, 0, route, 0, 60, later, 1, 5], &b"alice"[..], &[1, 9, 0, b'x', 0]]
            .concat()
    };
    for row in 0..10 {
        inputs.extend([minted(row, row, 0), minted(row, (row + 1) % 10, 64), minted(5, row, 250)]);
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_pass_and_the_oracle_stops_one_that_nobody_minted() {
        let mut service = Service::new();
        let endpoint = Endpoint { method: METHODS[0], route: ROWS[1] };
        for seed in seeds() {
            let text = std::str::from_utf8(&seed[1..]).unwrap();
            assert!(service.verifier.verify(text, endpoint, NOW).is_ok(), "{text}");
        }
        service.minted.clear();
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            as_sent(&service, &seeds()[0][1..]);
        }));
        assert!(stopped.is_err(), "the oracle looks away");
    }

    #[test]
    fn claims_that_the_gateway_signs_pass() {
        let service = Service::new();
        let signed = inputs()[3].clone();
        let (header, claims) =
            signed[1..].split_at(signed.iter().position(|b| *b == b'\n').unwrap() - 1);
        let text = corpus::signed("EdDSA", header, &claims[1..]);
        let endpoint = Endpoint { method: METHODS[0], route: ROWS[1] };
        assert_eq!(service.other.verify(&text, endpoint, NOW).unwrap().subject(), "alice");
    }
}
