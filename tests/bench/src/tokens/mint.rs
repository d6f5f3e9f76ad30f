//! What a token says: claims as Keycloak writes them, filled up to a size.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::Key;
use crate::rules::Provider;

/// The audience that every provider's tokens name.
pub(crate) const AUDIENCE: &str = "orders-api";
/// The role that every row of the role table asks for.
pub(crate) const ROLE: &str = "customer";

/// What the tokens of one set have in common.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    /// The set's name, which is part of every token id, so that no two sets share a token.
    pub(crate) set: &'static str,
    pub(crate) issuer: String,
    pub(crate) audience: &'static str,
    pub(crate) role: &'static str,
    /// Of the whole compact token, in bytes: reached within four, and passed where the least token
    /// is larger.
    pub(crate) size: usize,
}

impl Claims {
    /// What good tokens of `provider` say: 1 KiB of it.
    pub(crate) fn good(set: &'static str, provider: &Provider) -> Self {
        Self { set, issuer: provider.issuer.clone(), audience: AUDIENCE, role: ROLE, size: 1024 }
    }

    /// The token `number` of the set, good until `expires` (seconds since 1970).
    pub(crate) fn sign(&self, key: &Key, number: usize, expires: u64) -> String {
        let header = key.header();
        let parts = header.len() + 2 + encoded(key.algorithm.signature_bytes());
        let payload = self.payload(number, expires, self.size.saturating_sub(parts) / 4 * 3);
        let message = format!("{header}.{}", BASE64URL.encode(payload.to_string()));
        let signature = BASE64URL.encode(key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// Tokens grow by their groups, so the filling is a list of groups.
    fn payload(&self, number: usize, expires: u64, size: usize) -> Value {
        let mut payload = json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": format!("00000000-0000-4000-8000-{number:012}"),
            "exp": expires,
            "jti": format!("{}-{number:08}", self.set),
            "typ": "Bearer",
            "realm_access": { "roles": [self.role] },
        });
        let room = size.saturating_sub(payload.to_string().len() + r#","groups":[]"#.len());
        if room >= GROUP.len() {
            let count = room / GROUP.len();
            let mut groups: Vec<String> =
                (0..count).map(|group| format!("/group-{group:04}")).collect();
            // what is left of the room goes to the last one; one comma less than groups
            groups
                .last_mut()
                .into_iter()
                .for_each(|last| last.push_str(&"-".repeat(room % GROUP.len() + 1)));
            payload["groups"] = json!(groups);
        }
        payload
    }
}

/// One group of the filling as JSON, with its comma.
const GROUP: &str = r#""/group-0000","#;

/// The length of so many bytes in base64url without padding.
fn encoded(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Algorithm;

    #[test]
    fn tokens_have_the_size_that_was_asked_for() {
        let provider = Provider::new(0, &[Algorithm::Es256]);
        for size in [512, 1024, 4096] {
            let claims = Claims { size, ..Claims::good("sizes", &provider) };
            let token = claims.sign(provider.key(Algorithm::Es256), 19_999, 4_000_000_000);
            assert!(token.len() <= size && token.len() + 4 > size, "{} for {size}", token.len());
        }
    }
}
