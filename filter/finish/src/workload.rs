//! What the module is trained with: mostly tokens of RS256 and ES256 that it has not seen before,
//! and known ones; a few that are refused. One policy without the signed assertion, and one with
//! it.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use crate::host;

const ISSUER: &str = "https://idp.example/realms/shop";
const AUDIENCE: &str = "orders-api";
const HOST: &str = "shop.example";
const ROLE: &str = "customer";
const ROWS: [&str; 6] = [
    "GET /orders",
    "POST /orders",
    "GET /orders/{id}",
    "DELETE /orders/{id}",
    "GET /invoices/{id}",
    "GET /people",
];
const CALLS: [(&str, &str); 7] = [
    ("GET", "/orders"),
    ("GET", "/orders/4711"),
    ("GET", "/people"),
    ("GET", "/invoices/3"),
    ("POST", "/orders"),
    ("GET", "/orders/1?full=yes"),
    ("DELETE", "/orders/4711"),
];
/// RFC 7515 A.2.1.
const MODULUS: &str = concat!(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs",
    "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV",
    "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
);
/// RFC 7515 A.3.1.
const POINT: [&str; 2] =
    ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"];

/// What signs the assertions: nobody trusts it.
pub(crate) const SIGNING_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    Passes,
    Refused,
}

/// Which of the policies decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Policy {
    Plain,
    WithAssertion,
}

/// One request.
pub(crate) struct Request {
    pub(crate) policy: Policy,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) has_body: bool,
    pub(crate) expected: Expected,
}

impl Policy {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::WithAssertion];

    /// What the module is configured with.
    pub(crate) fn document(self) -> String {
        let [x, y] = POINT;
        let row = |row: &str| json!({ "match": row, "roles": [ROLE] });
        json!({
            "providers": { "shop": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "jwks": { "inline": { "keys": [
                    { "kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": MODULUS, "e": "AQAB" },
                    { "kty": "EC", "kid": "ec", "use": "sig", "alg": "ES256", "crv": "P-256", "x": x, "y": y },
                ] } },
                "algorithms": ["RS256", "ES256"],
                "roles": [{ "path": ["realm_access", "roles"] }],
            } },
            "services": { "orders": { "hosts": [HOST], "routes": ROWS.map(row) } },
            "identity": { "assertion": { "omit": self == Self::Plain } },
        })
        .to_string()
    }
}

const PLAIN: u64 = 1280;
/// To sign takes long here.
const WITH_ASSERTION: u64 = 256;
/// How many requests there are.
pub(crate) const REQUESTS: u64 = PLAIN + WITH_ASSERTION;

/// The requests, in their order.
pub(crate) fn requests() -> impl Iterator<Item = Request> {
    let plain = (0..PLAIN).map(|number| request(Policy::Plain, number, number % 10 < 2));
    let with_assertion =
        (0..WITH_ASSERTION).map(|number| request(Policy::WithAssertion, number, number % 16 > 0));
    plain.chain(with_assertion)
}

/// The request `number`, with a token that was `known` before or a new one.
fn request(policy: Policy, number: u64, known: bool) -> Request {
    use Expected::{Passes, Refused};
    let (method, path) = CALLS[place(number, CALLS.len())];
    // one of two, or one a request
    let token = |role| Some(token(number, if known { number % 2 } else { number + 2 }, role));
    let (path, token, expected) = match number % 64 {
        5 => (path, None, Refused),
        25 => (path, token("guest"), Refused),
        45 => ("/nowhere", token(ROLE), Refused),
        _ => (path, token(ROLE), Passes),
    };
    let mut headers: Vec<_> = [
        (":authority", HOST),
        (":path", path),
        (":method", method),
        (":scheme", "http"),
        ("accept", "*/*"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "6f0c0f5e-4d5e-4f6c-9a43-2a4f4c4b8f6e"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    Request { policy, headers, has_body: method == "POST", expected }
}

/// Takes the places of a list in turn.
fn place(number: u64, length: usize) -> usize {
    usize::try_from(number).unwrap_or(0) % length
}

/// A token as Keycloak writes it, with a signature that nobody made: the host takes it.
fn token(algorithm: u64, number: u64, role: &str) -> String {
    let (algorithm, kid, length) =
        [("RS256", "rsa", 256_u64), ("ES256", "ec", 64)][place(algorithm, 2)];
    let groups: Vec<_> = (0..20).map(|group| format!("/group-{group:04}")).collect();
    let header = json!({ "alg": algorithm, "typ": "JWT", "kid": kid });
    let payload = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": format!("00000000-0000-4000-8000-{number:012}"),
        "exp": host::TIME + 300,
        "iat": host::TIME,
        "jti": format!("{role}-{number:08}"),
        "typ": "Bearer",
        "realm_access": { "roles": [role] },
        "groups": groups,
    });
    // over all bytes, and another one for each token
    let signature: Vec<_> =
        (0..length).map(|at| (number * 131 + at * 29 + 1).to_le_bytes()[0]).collect();
    let part = |part: &Value| BASE64URL.encode(part.to_string());
    format!("{}.{}.{}", part(&header), part(&payload), BASE64URL.encode(signature))
}
