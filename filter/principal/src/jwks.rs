//! The gateway's public keys, as a service holds them: a JWKS (RFC 7517 5) reduced to the Ed25519
//! keys in it.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::assertion::{ALGORITHM, strict};

/// Keys by `kid`. Never empty.
#[derive(Debug)]
pub(crate) struct PublicKeys(HashMap<String, VerifyingKey>);

/// Why a document is no set of keys to verify with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwksError {
    #[error("it is not a JWKS: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("it has two keys with the key id `{0}`")]
    Twice(String),
    #[error("it has no public Ed25519 key with a key id")]
    Empty,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a serde_json::value::RawValue>,
}

impl PublicKeys {
    pub(crate) fn parse(json: &str) -> Result<Self, JwksError> {
        let mut keys = HashMap::new();
        for key in strict::<Document<'_>>(json.as_bytes())?.keys {
            // one key that cannot be used never spoils the others
            let Some((key_id, key)) = usable(key.get()) else {
                log::warn!(
                    "a key of the gateway's JWKS is ignored: it is no public Ed25519 signature key with a key id"
                );
                continue;
            };
            if keys.insert(key_id.clone(), key).is_some() {
                return Err(JwksError::Twice(key_id));
            }
        }
        if keys.is_empty() { Err(JwksError::Empty) } else { Ok(Self(keys)) }
    }

    pub(crate) fn get(&self, key_id: &str) -> Option<&VerifyingKey> {
        self.0.get(key_id)
    }
}

fn usable(key: &str) -> Option<(String, VerifyingKey)> {
    let key: HashMap<String, Value> = strict(key.as_bytes()).ok()?;
    let member = |name| key.get(name).and_then(Value::as_str);
    let agrees = |name, expected| key.get(name).is_none_or(|value| value == expected);
    let fits = member("kty") == Some("OKP")
        && member("crv") == Some("Ed25519")
        && agrees("alg", ALGORITHM)
        && agrees("use", "sig")
        && key.get("key_ops").is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify")))
        // a private key has no business here, and must not seem to work
        && !key.contains_key("d");
    let x: [u8; 32] = BASE64URL.decode(member("x").filter(|_| fits)?).ok()?.try_into().ok()?;
    // a key of small order verifies signatures that nobody made
    let public = VerifyingKey::from_bytes(&x).ok().filter(|public| !public.is_weak())?;
    Some((member("kid")?.to_owned(), public))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn good(key_id: &str) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": key_id, "alg": "EdDSA", "use": "sig" })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut key = good("bad");
        key[name] = value;
        key
    }

    #[test]
    fn a_key_that_cannot_be_used_is_ignored_and_never_spoils_the_others() {
        let short = BASE64URL.encode([1; 31]);
        let small_order = BASE64URL.encode([0; 32]);
        for bad in [
            with("kty", json!("RSA")),
            with("crv", json!("X25519")),
            with("alg", json!("RS256")),
            with("use", json!("enc")),
            with("key_ops", json!(["sign"])),
            with("d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")),
            with("x", json!(short)),
            with("x", json!(small_order)),
            with("x", json!(7)),
            with("kid", Value::Null),
            json!([1]),
            json!("key"),
        ] {
            let both = json!({ "keys": [bad, good("good")] }).to_string();
            let keys = PublicKeys::parse(&both).unwrap_or_else(|e| panic!("{bad}: {e}"));
            assert!(keys.get("good").is_some() && keys.get("bad").is_none(), "{bad}");
            let alone = json!({ "keys": [bad] }).to_string();
            assert!(matches!(PublicKeys::parse(&alone), Err(JwksError::Empty)), "{bad}");
        }
    }

    #[test]
    fn a_document_that_could_be_read_in_two_ways_is_refused() {
        let key = good("a");
        assert!(matches!(
            PublicKeys::parse(&json!({ "keys": [key, key] }).to_string()),
            Err(JwksError::Twice(key_id)) if key_id == "a"
        ));
        for text in [
            format!(r#"{{"keys":[{key}],"keys":[]}}"#),
            format!("[[{key}]]"),
            "{}".into(),
            String::new(),
        ] {
            assert!(matches!(PublicKeys::parse(&text), Err(JwksError::Malformed(_))), "{text}");
        }
    }
}
