//! From a [`TokenSpec`] to the compact serialisation (RFC 7515 3.1).
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};

use super::{Signature, TokenSpec};
use crate::claims::DEFAULT_LIFETIME;
use crate::directory::Account;
use crate::keys::{KeyKind, SigningKey};
use crate::{Misuse, provider::Provider};

/// Signs what `spec` orders.
pub(crate) fn sign(provider: &Provider, spec: &TokenSpec) -> Result<String, Misuse> {
    let (key, alg) = signer(provider, spec)?;
    let claims = claims(provider, spec)?;
    let payload = spec.raw_payload.clone().unwrap_or_else(|| text(&claims));
    let header = BASE64URL.encode(header(spec, key.kid(), alg));
    let message = |payload: &str| format!("{header}.{}", BASE64URL.encode(payload));
    let signed = message(&payload);
    Ok(match spec.signature {
        Signature::Honest => format!("{signed}.{}", key.sign(alg, &signed)?),
        Signature::None => format!("{signed}."),
        Signature::ChangedPayload => {
            format!("{}.{}", message(&text(&promoted(claims))), key.sign(alg, &signed)?)
        }
        Signature::ChangedSignature => format!("{signed}.{}", turned(&key.sign(alg, &signed)?)),
        Signature::PublicKeyAsSecret => format!("{signed}.{}", hs256(key.public_pem(), &signed)),
        Signature::Stranger => {
            format!("{signed}.{}", SigningKey::generate(key.kind()).sign(alg, &signed)?)
        }
    })
}

fn signer(provider: &Provider, spec: &TokenSpec) -> Result<(SigningKey, Algorithm), Misuse> {
    let keys = provider.keys();
    if let Some(kid) = &spec.kid {
        let key = keys.by_kid(kid)?;
        return Ok((key.clone(), spec.alg.unwrap_or(key.kind().default_alg())));
    }
    let alg = spec.alg.unwrap_or(Algorithm::RS256);
    let kind = KeyKind::of(alg).ok_or(Misuse::NoKeyFor(alg))?;
    Ok((keys.current(kind).clone(), alg))
}

fn claims(provider: &Provider, spec: &TokenSpec) -> Result<Map<String, Value>, Misuse> {
    let mut claims = match &spec.user {
        None => Map::new(),
        Some(name) => {
            let account = Account::named(name).ok_or_else(|| Misuse::UnknownUser(name.clone()))?;
            let scope = account.client.scopes.join(" ");
            provider.claims(account, &scope, spec.lifetime.unwrap_or(DEFAULT_LIFETIME))
        }
    };
    claims.extend(spec.claims.clone());
    claims.retain(|name, _| !spec.without.contains(name));
    Ok(claims)
}

fn header(spec: &TokenSpec, kid: &str, alg: Algorithm) -> String {
    if let Some(raw) = &spec.raw_header {
        return raw.clone();
    }
    let alg = match spec.signature {
        Signature::None => json!("none"),
        Signature::PublicKeyAsSecret => json!("HS256"),
        _ => json!(alg),
    };
    let mut header = Map::new();
    for (name, value) in [("alg", alg), ("typ", json!("JWT")), ("kid", json!(kid))] {
        header.insert(name.to_owned(), value);
    }
    header.extend(spec.header.clone());
    header.retain(|name, _| !spec.without_header.contains(name));
    text(&header)
}

/// The claims with the change that an attacker would like best.
fn promoted(mut claims: Map<String, Value>) -> Map<String, Value> {
    claims.insert("realm_access".to_owned(), json!({ "roles": ["admin"] }));
    claims.insert("changed".to_owned(), json!(true));
    claims
}

/// The signature with one bit turned, in its middle, so that it stays canonical base64url.
fn turned(signature: &str) -> String {
    let mut bytes = BASE64URL.decode(signature).expect("a signature made here is base64url");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    BASE64URL.encode(bytes)
}

fn hs256(secret: &str, message: &str) -> String {
    let secret = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256)
        .expect("any secret serves for HMAC")
}

fn text(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).expect("a JSON object can be written")
}
