//! Inputs to begin with: the decision corpus, in the form that each target reads.

use corpus::{Case, Paths, Sent};
use serde_json::{Value, json};

use crate::fixture::{self, NOW};
use crate::request::{HOSTS, METHODS, TARGETS};

/// The sets of keys of the corpus, each key alone, and keys of odd forms.
pub(crate) fn jwks() -> Vec<Vec<u8>> {
    let sets = ["all", "other", "no-kid", "twins"].map(corpus::jwks);
    let keys: Vec<_> =
        sets.iter().filter_map(|set| set["keys"].as_array()).flatten().cloned().collect();
    let alone = keys.iter().map(|key| json!({ "keys": [key] }));
    let odd = [
        json!({ "keys": [] }),
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AQ" }, null, 7, [], {}] }),
        json!({ "keys": [{ "kty": "RSA", "n": "AQ", "e": "AQ", "use": "enc", "key_ops": ["sign"], "x5c": [] }] }),
        json!({ "keys": [{ "kty": "EC", "crv": "P-384", "x": "", "y": "", "alg": "ES256", "d": "" }] }),
    ];
    sets.iter().cloned().chain(alone).chain(odd).map(|set| set.to_string().into_bytes()).collect()
}

/// Each token as it came, and its header and claims to be signed, or with a signature of their own.
pub(crate) fn token() -> Vec<Vec<u8>> {
    let raw = |token: &String| [&[0], token.as_bytes()].concat();
    let mut seeds: Vec<_> = fixture::with(|fixture| fixture.tokens.iter().map(raw).collect());
    let claims = |changes: Value| corpus::token(&json!({ "claims": changes }), NOW);
    for token in [
        claims(json!({})),
        claims(json!({ "iss": "https://strict.example", "client_id": "c", "roles": ["customer"] })),
        claims(
            json!({ "iss": "https://loose.example", "client_id": ["orders-api"], "ext": { "uid": "u" } }),
        ),
        claims(
            json!({ "cnf": { "x5t#S256": "", "jkt": "x" }, "nbf": 0, "aud": ["orders-api", "x"] }),
        ),
    ] {
        use base64::Engine as _;
        let decode = |part| {
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url")
        };
        let parts: Vec<_> = token.split('.').map(decode).collect();
        seeds.push([&[1], &*parts[0], b"\n", &parts[1]].concat());
        seeds.push([&[2], &*parts[0], b"\n", &parts[1], b"\n", &parts[2]].concat());
    }
    seeds
}

/// What the cases have in `Authorization`.
pub(crate) fn authorization() -> Vec<Vec<u8>> {
    let values = |sent: Sent| {
        let ours = sent.headers.into_iter().filter(|(name, _)| name == "authorization");
        ours.map(|(_, value)| value).collect::<Vec<_>>().join("\n").into_bytes()
    };
    corpus::cases()
        .iter()
        .map(|case| values(case.sent(NOW)))
        .filter(|seed| !seed.is_empty())
        .collect()
}

/// The targets of the table of paths.
pub(crate) fn path() -> Vec<Vec<u8>> {
    Paths::load().cases().map(|case| case.target).collect()
}

/// The policies of the tests, and small ones that a mutation may reach more of.
pub(crate) fn policy() -> Vec<Vec<u8>> {
    let provider = json!({
        "issuer": "https://a.example", "audiences": ["a"], "jwks": { "inline": corpus::jwks("other") },
        "algorithms": ["EdDSA"], "token_types": ["at+jwt"], "roles": [{ "path": ["roles"] }],
    });
    let small =
        |service: Value| json!({ "providers": { "a": provider }, "services": { "a": service } });
    let row = |row: Value| small(json!({ "hosts": ["*"], "routes": [row] }));
    let mut policies = vec![corpus::policy(), Paths::load().policy()];
    policies.extend([
        row(json!({ "match": "GET /", "public": true })),
        row(json!({ "match": "GET /a/{b}/{*c}", "roles": ["r"], "all_roles": ["s"], "mode": "enforce" })),
        row(json!({ "match": "* /a", "authenticated": true })),
        small(json!({ "hosts": ["a.example", "*.b.example:8080"], "audiences": ["a"], "cors": { "preflight": true },
            "clusters": ["a"], "mode": { "shadow": { "until": "2999-12-31" } }, "routes": [] })),
    ]);
    policies.iter().map(|policy| policy.to_string().into_bytes()).collect()
}

/// The cases, in the form that [`request`](crate::request()) reads; each also twice, and followed
/// by another one.
pub(crate) fn request() -> Vec<Vec<u8>> {
    let cases = corpus::cases();
    let mut number = 0_u16;
    let one = |case: &Case| {
        let sent = case.sent(NOW);
        let mut seed = choice(&case.host, &HOSTS);
        seed.extend(choice(&sent.method, &METHODS));
        seed.extend(choice(&sent.target, &TARGETS));
        // the moment of issue, and no certificate
        seed.extend([0, 0, 0]);
        if case.token(NOW).is_some() {
            // one header: `Authorization: Bearer` and an unchanged token
            seed.extend([1, 0, 0]);
            seed.extend(number.to_le_bytes());
            seed.push(0);
            number += 1;
        } else {
            seed.push(0);
        }
        seed
    };
    let single: Vec<_> = cases.iter().map(one).collect();
    let pairs = single.iter().zip(single.iter().skip(1).chain(single.first()));
    let stories = pairs.map(|(first, second)| [&**first, first, second].concat());
    single.iter().cloned().chain(stories.step_by(4)).collect()
}

/// By its place, or written out.
fn choice(text: &str, known: &[&str]) -> Vec<u8> {
    let place = known.iter().position(|it| *it == text).and_then(|place| u8::try_from(place).ok());
    let length = u8::try_from(text.len().min(255)).unwrap_or(u8::MAX);
    let spelled = || [&[u8::MAX, length], &text.as_bytes()[..usize::from(length)]].concat();
    place.map_or_else(spelled, |place| vec![place])
}

/// Policies as JSON and as a `Struct`, and what may be taken for the other.
pub(crate) fn configuration() -> Vec<Vec<u8>> {
    let mut seeds = policy();
    let document = |seed: &[u8]| serde_json::from_slice::<Value>(seed).expect("a policy");
    let mut structs: Vec<_> =
        seeds.iter().map(|seed| crate::configuration::message(&document(seed))).collect();
    // deeper than a message may be, in the one place where anything may stand
    for depth in [5, 25, 35, 60] {
        let nested = (0..depth).fold(json!(1.5), |value, _| json!({ "a": [value, null, -1] }));
        let mut deep = document(&seeds[2]);
        deep["providers"]["a"]["jwks"]["inline"]["keys"][0]["x-more"] = nested;
        seeds.push(deep.to_string().into_bytes());
        structs.push(crate::configuration::message(&deep));
    }
    seeds.push([b"\n \t".as_slice(), &seeds[2]].concat());
    // the length of the only entry is a brace
    structs.push(crate::configuration::message(&json!({ "problem_base": "x".repeat(105) })));
    [seeds, structs].concat()
}

/// Steps of honest workers and of the other one, and each form of entry.
pub(crate) fn shared_data() -> Vec<Vec<u8>> {
    use std::time::Duration;

    use portcullis_engine::clock::Monotonic;
    use portcullis_engine::jwks_refresh::lease::Lease;
    use portcullis_engine::jwks_refresh::shared_entry::Record;
    use portcullis_engine::worker::{WorkerReport, WorkerStats};

    let now = Monotonic(1_000_000_000_000);
    let later = |seconds| now.plus(Duration::from_secs(seconds));
    let record = |fresh_for| Record { started_at: now, fresh_for, jwks: b"{}".to_vec() }.encode();
    let lease = |flying, not_before, extra, failures| Lease {
        in_flight_until: later(flying),
        not_before: later(not_before),
        last_on_demand: later(extra),
        failures,
    };
    let stats = WorkerStats { waiting: 1, tokens: 2, bytes: u64::MAX };
    let report =
        |seen| WorkerReport { worker: 7, seen, stats, policy: "0123456789abcdef".into() }.encode();
    let said = |report: &[u8]| {
        let length = u8::try_from(report.len()).expect("short");
        [&[8, 0, 0, length], report].concat()
    };
    let (take, fail, store) = ([1, 0, 1, 1, 0], [2, 0, 0, 0, 0], [3, 0, 1, 1, 60, 0, 0, 0]);
    let (wait, replay, flip, forge) = ([0, 255, 255], [5, 0, 0], [6, 0, 1, 0, 3], [7, 1, 2, 1, 0]);
    vec![
        record(None),
        record(Some(300)),
        lease(10, 0, 0, 0).encode(),
        lease(660, 660, 660, u32::MAX).encode(),
        report(Some(now)),
        report(None),
        [&take[..], &wait, &fail, &take, &store, &wait, &store].concat(),
        [&store[..], &wait, &store, &replay, &wait, &flip, &store].concat(),
        [&take[..], &forge, &take, &[4, 1, 3, 1, 2, 3], &take, &[5, 1, 1]].concat(),
        [&said(&report(Some(now)))[..], &said(&report(Some(Monotonic(u64::MAX)))), &wait].concat(),
    ]
}
