//! The engine by itself, for whoever works on it: what a decision, a route, a JWKS and a policy
//! take natively. What an operator pays is `cargo xtask bench`.
//!
//! One bench for a profiler:
//! `valgrind --tool=callgrind target/release/deps/engine-… --bench --profile-time 2 decide/hot`.
use std::hint::black_box;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey};
use portcullis_engine::authorizer::{Authorizer, Decision};
use portcullis_engine::authz::path::CanonicalPath;
use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};
use portcullis_engine::jose::jwks::KeySet;
use portcullis_engine::policy::{Policy, ServiceId};
use portcullis_engine::request::Headers;
use portcullis_engine::request::Request;
use serde_json::{Value, json};

const NOW: Clocks = Clocks { wall: UnixTime(1_800_000_000), monotonic: Monotonic(1) };

/// A provider that believes every signature, so that what is measured is everything else.
static NO_CRYPTO: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: believing,
    key_utils: KeyUtils::new_unimplemented(),
};

#[allow(clippy::trivially_copy_pass_by_ref, clippy::unnecessary_wraps)] // as jsonwebtoken calls it
fn believing(algorithm: &Algorithm, _: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    Ok(Box::new(Believing(*algorithm)))
}

struct Believing(Algorithm);

impl Verifier<Vec<u8>> for Believing {
    fn verify(&self, _: &[u8], _: &Vec<u8>) -> std::result::Result<(), Error> {
        Ok(())
    }
}

impl JwtVerifier for Believing {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}

/// A service for any host, with rows as an API has them: a collection and its items, resource by
/// resource.
fn document(rows: usize, cached_tokens: usize) -> Value {
    of_services(&json!({ "shop": service("*", rows) }), cached_tokens)
}

fn service(host: &str, rows: usize) -> Value {
    let row = |number: usize| {
        let (resource, item) = (number / 2, if number.is_multiple_of(2) { "" } else { "/{id}" });
        json!({ "match": format!("GET /resource-{resource}{item}"), "roles": ["customer"] })
    };
    json!({ "hosts": [host], "routes": (0..rows).map(row).collect::<Vec<_>>() })
}

/// As many services as hosts, each with its share of the rows.
fn over_hosts(hosts: usize, rows: usize) -> Value {
    let service = |number: usize| {
        (format!("service-{number}"), service(&format!("shop-{number}.example"), rows / hosts))
    };
    of_services(&(0..hosts).map(service).collect::<serde_json::Map<_, _>>().into(), 0)
}

fn of_services(services: &Value, cached_tokens: usize) -> Value {
    json!({
        "providers": { "main": {
            "issuer": "https://idp.example",
            "audiences": ["orders-api"],
            "jwks": { "inline": jwks(1) },
            "algorithms": ["ES256"],
            "roles": [{ "path": ["realm_access", "roles"] }],
        } },
        "services": services,
        "cache": { "tokens": cached_tokens },
    })
}

/// The public key of RFC 7517 A.1, under several ids.
fn jwks(keys: usize) -> Value {
    let key = |number: usize| {
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": format!("key-{number}"),
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        })
    };
    json!({ "keys": (0..keys).map(key).collect::<Vec<_>>() })
}

/// A token of 1 KiB, whose signature only [`NO_CRYPTO`] believes.
fn token() -> String {
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "key-0" });
    let groups: Vec<_> = (0..37).map(|number| format!("/group-{number:04}")).collect();
    let claims = json!({
        "iss": "https://idp.example", "aud": "orders-api", "sub": "00000000-0000-4000-8000-000000000001",
        "exp": NOW.wall.0 + 300, "jti": "6e0f1b2a", "realm_access": { "roles": ["customer"] }, "groups": groups,
    });
    let part = |bytes: &[u8]| BASE64URL.encode(bytes);
    let signature = [7; 64];
    [part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()), part(&signature)]
        .join(".")
}

fn authorizer(document: &Value) -> Authorizer {
    let policy = Policy::from_json(document.to_string().as_bytes()).expect("a policy");
    Authorizer::new(Rc::new(policy), &NO_CRYPTO)
}

/// What Envoy hands over for a small GET.
fn headers(authorization: Option<&str>) -> Vec<(String, Vec<u8>)> {
    let mut headers = vec![
        (":authority", "shop"),
        (":path", "/resource-3/4711"),
        (":method", "GET"),
        (":scheme", "http"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "0b8f3c3e-5a5e-4b0e-9d7f-7d3f7e6d1c2a"),
    ];
    headers.extend(authorization.map(|value| ("authorization", value)));
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

fn decisions(criterion: &mut Criterion) {
    let bearer = format!("Bearer {}", token());
    let cases = [
        ("hot", authorizer(&document(10, 100)), headers(Some(&bearer)), true),
        ("cold without the signature", authorizer(&document(10, 0)), headers(Some(&bearer)), true),
        ("no token", authorizer(&document(10, 100)), headers(None), false),
    ];
    let mut group = criterion.benchmark_group("decide");
    for (name, mut authorizer, headers, passes) in cases {
        let mut decide = || authorizer.decide(&Request::new(Headers(&headers)), &(), NOW).decision;
        assert_eq!(matches!(decide(), Decision::Allow(_)), passes, "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| black_box(decide())));
    }
    group.finish();
}

fn routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    for rows in [10, 10_000] {
        let authorizer = authorizer(&document(rows, 0));
        let service = authorizer.policy().service(ServiceId(0)).expect("a service");
        group.bench_function(rows.to_string(), |bencher| {
            bencher.iter(|| {
                let path =
                    CanonicalPath::parse(black_box(b"/resource-3/4711")).expect("a canonical path");
                black_box(service.find("GET", path));
            });
        });
    }
    group.finish();
}

fn documents(criterion: &mut Criterion) {
    let keys = jwks(10).to_string();
    criterion.bench_function("jwks of 10 keys", |bencher| {
        bencher.iter(|| KeySet::parse(black_box(keys.as_bytes())).expect("a JWKS"));
    });
    let mut group = criterion.benchmark_group("policy");
    for (name, hosts, rows) in
        [("load 10 rows of one host", 1, 10), ("load 10,000 rows over 100 hosts", 100, 10_000)]
    {
        let text = over_hosts(hosts, rows).to_string();
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || text.as_bytes(),
                |text| Policy::from_json(black_box(text)).expect("a policy"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decisions, routes, documents);
criterion_main!(benches);
