//! The issuer's OpenID document (OpenID Connect Discovery 1.0, 3 and 4.3): it must be the issuer's,
//! byte for byte, and its keys must be where the document itself came from.

use thiserror::Error;

use crate::jose::json::{Json, Object};
use crate::model::Endpoint;

/// JSON values of a document: several times as many as providers publish.
const MAX_VALUES: usize = 4096;

/// Why a document does not say where the keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DiscoveryError {
    /// Not an OpenID document.
    #[error("the discovery document is not a JSON object with the strings `issuer` and `jwks_uri`")]
    Malformed,
    /// Of another issuer (OpenID Connect Discovery 4.3).
    #[error(
        "the discovery document is of another issuer than the policy's: they are compared byte for byte"
    )]
    OtherIssuer,
    /// The policy's cluster does not lead there.
    #[error(
        "the discovery document's `jwks_uri` is not at the authority of the issuer: use `jwks.uri` with a cluster of its own"
    )]
    Elsewhere,
}

/// Where the keys are that the document names, reached as the document was (`from`).
///
/// # Errors
/// If it is not the issuer's, or they are elsewhere.
pub fn jwks_endpoint(
    document: &[u8],
    issuer: &str,
    from: &Endpoint,
) -> Result<Endpoint, DiscoveryError> {
    let document = Object::parse(document, MAX_VALUES).ok_or(DiscoveryError::Malformed)?;
    let text = |name| document.get(name).and_then(Json::as_str).ok_or(DiscoveryError::Malformed);
    let (named, jwks_uri) = (text("issuer")?, text("jwks_uri")?);
    if named != issuer {
        return Err(DiscoveryError::OtherIssuer);
    }
    let place = jwks_uri.strip_prefix(&*from.scheme).and_then(|rest| rest.strip_prefix("://"));
    let path = place
        .and_then(|rest| rest.strip_prefix(&*from.authority))
        .ok_or(DiscoveryError::Elsewhere)?;
    // what follows the authority begins the path, or the authority was a longer one
    let clean = path.starts_with('/')
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'\\');
    if !clean {
        return Err(DiscoveryError::Elsewhere);
    }
    Ok(Endpoint { uri: jwks_uri.into(), path: path.into(), ..from.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_document_is_the_issuers_and_its_keys_are_at_the_same_authority() {
        let from = Endpoint {
            uri: "https://idp.example/realm/.well-known/openid-configuration".into(),
            scheme: "https".into(),
            authority: "idp.example".into(),
            path: "/realm/.well-known/openid-configuration".into(),
            cluster: "idp".into(),
        };
        let issuer = "https://idp.example/realm";
        let of = |issuer: &str, jwks_uri: &str| {
            let document =
                json!({ "issuer": issuer, "jwks_uri": jwks_uri, "other": [] }).to_string();
            jwks_endpoint(document.as_bytes(), "https://idp.example/realm", &from)
                .map(|it| it.path.to_string())
        };
        assert_eq!(
            of(issuer, "https://idp.example/realm/certs?x=1"),
            Ok("/realm/certs?x=1".to_owned())
        );
        for other in ["https://idp.example/realm/", "https://IDP.example/realm", ""] {
            assert_eq!(
                of(other, "https://idp.example/certs"),
                Err(DiscoveryError::OtherIssuer),
                "{other}"
            );
        }
        for elsewhere in [
            "https://elsewhere.example/certs",
            "http://idp.example/certs",
            "https://idp.example.evil.example/certs",
            "https://idp.example@evil.example/certs",
            "https://idp.example:8443/certs",
            "https://idp.example",
            "https://idp.example/a b",
            "https://idp.example/a#b",
            "/certs",
        ] {
            assert_eq!(of(issuer, elsewhere), Err(DiscoveryError::Elsewhere), "{elsewhere}");
        }
        for text in [
            "",
            "[]",
            "{}",
            r#"{"issuer":7,"jwks_uri":"x"}"#,
            r#"["https://idp.example/realm","x"]"#,
        ] {
            let found = jwks_endpoint(text.as_bytes(), issuer, &from);
            assert_eq!(found, Err(DiscoveryError::Malformed), "{text}");
        }
        let other = b"{\"issuer\":\"https://idp.example/realm\",\"jwks_uri\":\"https://idp.example/c\",\"x\":\"\x80\"}";
        assert_eq!(jwks_endpoint(other, issuer, &from), Err(DiscoveryError::Malformed));
    }
}
