//! A token of a case: the honest one, and what is changed in it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::keys::sign;

/// The changes. Nothing changed: a good token of Alice, a customer, by the provider `main`, signed
/// with Ed25519.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokenChanges {
    /// What signs it; `stranger`, `HS256` and `none` are there too.
    alg: Option<String>,
    /// Members of the header; `null` leaves one out.
    header: Map<String, Value>,
    /// Claims; `null` leaves one out. `exp`, `nbf` and `iat` are seconds from now.
    claims: Map<String, Value>,
    /// A claim that is `null`, which the above cannot say; and dates that are not seconds from now.
    verbatim: Map<String, Value>,
    /// The header, the payload, as texts.
    raw_header: Option<String>,
    raw_payload: Option<String>,
    /// What is done to the whole: `flip-signature`, `flip-payload`, `cut-signature`,
    /// `empty-signature`, `zero-signature`, `pad`, `four-parts`, `two-parts`, `stray-bits`,
    /// `standard-alphabet`, `space`, `zero-r`, `zero-s`.
    then: Option<String>,
}

const KIDS: [(&str, &str); 9] = [
    ("RS256", "rsa"),
    ("RS384", "rsa"),
    ("RS512", "rsa"),
    ("PS256", "rsa"),
    ("PS384", "rsa"),
    ("PS512", "rsa"),
    ("ES256", "p256"),
    ("ES384", "p384"),
    ("EdDSA", "ed"),
];

/// A token as a case has it: `changes` is what stands in `cases.yaml` under `token`.
pub fn token(changes: &Value, now: u64) -> String {
    TokenChanges::deserialize(changes).expect("changes of a token").token(now)
}

/// A token of these very bytes, signed by the algorithm's key.
pub fn signed(alg: &str, header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    let signature = BASE64URL.encode(sign(alg, signed.as_bytes()));
    format!("{signed}.{signature}")
}

impl TokenChanges {
    pub(crate) fn token(&self, now: u64) -> String {
        let alg = self.alg.as_deref().unwrap_or("EdDSA");
        let kid = KIDS.iter().find(|(name, _)| *name == alg).map_or("ed", |(_, kid)| kid);
        let said = if alg == "stranger" { "EdDSA" } else { alg };
        let header =
            changed(json!({ "alg": said, "typ": "JWT", "kid": kid }), &self.header, |_, value| {
                value.clone()
            });
        let dated = |name: &str, value: &Value| match (name, value.as_i64()) {
            ("exp" | "nbf" | "iat", Some(seconds)) => json!(now.saturating_add_signed(seconds)),
            _ => value.clone(),
        };
        let honest = json!({
            "iss": "https://main.example", "sub": "alice", "aud": "orders-api", "iat": now - 10, "exp": now + 300,
            "jti": "t-1", "typ": "Bearer", "realm_access": { "roles": ["customer"] },
        });
        let mut claims = changed(honest, &self.claims, dated);
        for (name, value) in &self.verbatim {
            claims[name] = value.clone();
        }
        let text =
            |raw: &Option<String>, json: &Value| raw.clone().unwrap_or_else(|| json.to_string());
        let header = BASE64URL.encode(text(&self.raw_header, &header));
        let payload = BASE64URL.encode(text(&self.raw_payload, &claims));
        let signature = sign(alg, format!("{header}.{payload}").as_bytes());
        self.then(&header, &payload, signature)
    }

    fn then(&self, header: &str, payload: &str, mut signature: Vec<u8>) -> String {
        let joined = |payload: &str, signature: &[u8]| {
            format!("{header}.{payload}.{}", BASE64URL.encode(signature))
        };
        let whole = joined(payload, &signature);
        match self.then.as_deref() {
            None => whole,
            Some("flip-signature") => {
                signature[10] ^= 1;
                joined(payload, &signature)
            }
            Some("flip-payload") => {
                let mut bytes = BASE64URL.decode(payload).expect("base64url");
                let at = bytes.iter().position(|b| *b == b'a').expect("an `a`");
                bytes[at] = b'b';
                joined(&BASE64URL.encode(bytes), &signature)
            }
            Some("cut-signature") => joined(payload, &signature[..signature.len() - 3]),
            Some("empty-signature") => joined(payload, &[]),
            Some("zero-signature") => joined(payload, &vec![0; signature.len()]),
            Some("zero-r") => {
                let half = signature.len() / 2;
                signature[..half].fill(0);
                joined(payload, &signature)
            }
            Some("zero-s") => {
                let half = signature.len() / 2;
                signature[half..].fill(0);
                joined(payload, &signature)
            }
            Some("pad") => whole + "=",
            Some("four-parts") => whole + ".e30",
            Some("two-parts") => format!("{header}.{payload}"),
            // 64 bytes leave four bits over, which must be zero
            Some("stray-bits") => {
                let last = whole.chars().last().expect("a token");
                let stray = if last == 'A' {
                    'B'
                } else {
                    char::from(u8::try_from(last).expect("ASCII") + 1)
                };
                whole[..whole.len() - 1].to_owned() + &stray.to_string()
            }
            Some("standard-alphabet") => whole[..whole.len() - 2].to_owned() + "+A",
            Some(other) => panic!("nothing is known of `{other}`"),
        }
    }
}

fn changed(
    mut honest: Value,
    changes: &Map<String, Value>,
    value: impl Fn(&str, &Value) -> Value,
) -> Value {
    let members = honest.as_object_mut().expect("an object");
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value(name, change));
        }
    }
    honest
}
