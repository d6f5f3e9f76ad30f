//! What is known of products: each preset says what a document leaves unsaid, and nothing that it
//! says. Written out, a preset is a provider like any other; nothing else in the engine knows of
//! presets.

use super::document::{
    ClaimRuleDocument, HeaderDocument, JwksDocument, Preset, ProviderDocument, RoleSourceDocument,
    Split, TokenSourceDocument,
};

/// What Google's proxy signs with, and under which name: the same for everybody.
const IAP_ISSUER: &str = "https://cloud.google.com/iap";
const IAP_KEYS: &str = "https://www.gstatic.com/iap/verify/public_key-jwk";
const IAP_HEADER: &str = "x-goog-iap-jwt-assertion";

impl ProviderDocument {
    /// The same provider with its preset written out.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let Some(preset) = self.preset else { return self.clone() };
        let mut provider = Self { preset: None, ..self.clone() };
        let known = preset.provider();
        provider.issuer = provider.issuer.or(known.issuer);
        provider.audience_claim = provider.audience_claim.or(known.audience_claim);
        provider.algorithms = provider.algorithms.or(known.algorithms);
        provider.token_types = provider.token_types.or(known.token_types);
        provider.token_source = provider.token_source.or(known.token_source);
        provider.roles = provider.roles.or(known.roles);
        // a rule more never opens what the preset closes
        let mut rules = provider.required_claims.take().unwrap_or_default();
        let unsaid = known.required_claims.into_iter().flatten();
        let unsaid: Vec<_> =
            unsaid.filter(|rule| rules.iter().all(|said| said.path != rule.path)).collect();
        rules.extend(unsaid);
        provider.required_claims = (!rules.is_empty()).then_some(rules);
        if let (Some(jwks), Some(known)) = (&mut provider.jwks, known.jwks)
            && jwks.uri.is_none()
            && jwks.discovery.is_none()
            && jwks.inline.is_none()
        {
            jwks.uri = known.uri;
        }
        provider
    }
}

impl Preset {
    /// Every preset, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Keycloak,
        Self::Auth0,
        Self::Okta,
        Self::Entra,
        Self::Cognito,
        Self::GoogleIap,
        Self::Oauth2,
    ];

    /// What it says of a provider.
    pub fn provider(self) -> ProviderDocument {
        match self {
            Self::Keycloak => keycloak(),
            Self::Auth0 => auth0(),
            Self::Okta => okta(),
            Self::Entra => entra(),
            Self::Cognito => cognito(),
            Self::GoogleIap => google_iap(),
            Self::Oauth2 => oauth2(),
        }
    }
}

/// Source: Keycloak, "Server Administration Guide", the chapters on realm roles and on a realm's
/// keys. The payload's `typ` tells access tokens (`Bearer`) from ID, refresh and logout tokens,
/// whose header says `JWT` all the same.
fn keycloak() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256", "PS256", "ES256", "EdDSA"])),
        token_types: Some(texts(&["JWT", "at+jwt"])),
        required_claims: Some(vec![equals("typ", "Bearer")]),
        roles: Some(vec![role(&["realm_access", "roles"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Auth0, "Access Token Profiles" (`JWT` in its own profile, `at+jwt` in that of RFC 9068)
/// and "Enable Role-Based Access Control for APIs" (`permissions`). An ID token has the application
/// as its audience, never the API.
fn auth0() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256", "PS256"])),
        token_types: Some(texts(&["JWT", "at+jwt"])),
        roles: Some(vec![role(&["permissions"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Okta, "OpenID Connect & OAuth 2.0 API" (tokens of a custom authorization server; their
/// header has no `typ`) and "Customize tokens returned from Okta with a Groups claim". An ID token
/// has the client as its audience, never the server.
fn okta() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256"])),
        token_types: Some(texts(&["absent", "JWT", "at+jwt"])),
        roles: Some(vec![role(&["groups"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Microsoft identity platform, "Access token claims reference". Its version 2.0 alone
/// writes `ver` as `2.0`, and of its tokens only access tokens say in `azpacr` how the client
/// proved who it is: an ID token of the same application does not pass.
fn entra() -> ProviderDocument {
    let how = ClaimRuleDocument {
        path: texts(&["azpacr"]),
        equals: None,
        one_of: Some(texts(&["0", "1", "2"])),
    };
    ProviderDocument {
        algorithms: Some(texts(&["RS256"])),
        token_types: Some(texts(&["JWT"])),
        required_claims: Some(vec![equals("ver", "2.0"), how]),
        roles: Some(vec![role(&["roles"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Amazon Cognito, "Understanding the access token". It has no `aud` and no `typ`; what
/// stands for them is the client that it was issued to, and `token_use`, which tells it from an ID
/// token. `audiences` lists app clients.
fn cognito() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256"])),
        token_types: Some(texts(&["absent", "JWT"])),
        audience_claim: Some(texts(&["client_id"])),
        required_claims: Some(vec![equals("token_use", "access")]),
        roles: Some(vec![role(&["cognito:groups"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Google Cloud, "Securing your app with signed headers": issuer, keys, algorithm and
/// header are the same for everybody. The audience names the backend service, as
/// `/projects/…/global/backendServices/…`. Access levels stand in `google.access_levels`.
fn google_iap() -> ProviderDocument {
    ProviderDocument {
        issuer: Some(IAP_ISSUER.to_owned()),
        jwks: Some(JwksDocument { uri: Some(IAP_KEYS.to_owned()), ..JwksDocument::default() }),
        algorithms: Some(texts(&["ES256"])),
        token_types: Some(texts(&["JWT"])),
        token_source: Some(TokenSourceDocument::Header(HeaderDocument {
            name: IAP_HEADER.to_owned(),
            prefix: None,
        })),
        roles: Some(vec![role(&["google", "access_levels"])]),
        ..ProviderDocument::default()
    }
}

/// Source: RFC 9068, "JSON Web Token (JWT) Profile for OAuth 2.0 Access Tokens", 2.1 (`typ`) and
/// 2.2.3 (`scope`).
fn oauth2() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256", "PS256", "ES256", "EdDSA"])),
        token_types: Some(texts(&["at+jwt"])),
        roles: Some(vec![RoleSourceDocument {
            split: Some(Split::Whitespace),
            ..role(&["scope"])
        }]),
        ..ProviderDocument::default()
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn equals(claim: &str, value: &str) -> ClaimRuleDocument {
    ClaimRuleDocument { path: texts(&[claim]), equals: Some(value.to_owned()), one_of: None }
}

fn role(claim: &[&str]) -> RoleSourceDocument {
    RoleSourceDocument { path: texts(claim), ..RoleSourceDocument::default() }
}

#[cfg(test)]
mod products;
#[cfg(test)]
mod tests {
    use super::products::{Product, Token, products};
    use super::*;
    use crate::authorizer::{Authorizer, Decision, Verdict};
    use crate::clock::{Clocks, Monotonic, UnixTime};
    use crate::jose::signature::RUST_CRYPTO;
    use crate::model::KeySource;
    use crate::policy::Document;
    use crate::policy::testing::{load, loaded};
    use crate::reason::Reason;
    use crate::request::Headers;
    use crate::request::Request;
    use crate::request::TokenSource;
    use serde_json::{Value, json};
    use std::rc::Rc;

    /// When the tokens have just been issued.
    const NOW: Clocks = Clocks { wall: UnixTime(1_767_225_700), monotonic: Monotonic(1) };

    /// A policy whose one provider has a preset, its issuer, its audience, and nothing else.
    fn with(preset: Preset, issuer: &str, audience: &str) -> Value {
        json!({
            "providers": { "idp": {
                "preset": preset,
                "issuer": issuer,
                "audiences": [audience],
                "jwks": { "uri": "https://idp.example/keys", "cluster": "idp" },
            } },
            "services": { "shop": { "hosts": ["*"], "routes": [{ "match": "GET /me", "authenticated": true }] } },
        })
    }

    /// The key that signs by the algorithm, under the id that the token names.
    fn jwks(header: &Value) -> Value {
        let kid = if header["alg"] == "ES256" { "p256" } else { "rsa" };
        let all = corpus::jwks("all");
        let mut key =
            all["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone();
        key["kid"] = header["kid"].clone();
        json!({ "keys": [key] })
    }

    /// A policy whose one provider has a preset, and the key of this token.
    fn deciding(preset: Preset, audience: &str, (header, claims): &Token) -> Value {
        let mut document = with(preset, claims["iss"].as_str().unwrap(), audience);
        document["providers"]["idp"]["jwks"] = json!({ "inline": jwks(header) });
        document
    }

    fn signed((header, claims): &Token) -> String {
        let alg = header["alg"].as_str().unwrap();
        corpus::signed(alg, header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// Decides about `GET /me` with this header.
    fn decided(document: &Value, (name, value): (&str, &str)) -> Verdict {
        let policy = load(document).unwrap_or_else(|errors| panic!("{errors}"));
        let headers = [(":method", "GET"), (":path", "/me"), (":authority", "shop"), (name, value)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        Authorizer::new(Rc::new(policy), RUST_CRYPTO).decide(
            &Request::new(Headers(&headers)),
            &(),
            NOW,
        )
    }

    /// The roles of who passes.
    fn roles(verdict: &Verdict) -> Result<Vec<&str>, Reason> {
        match verdict.decision {
            Decision::Allow(_) => {
                let caller = verdict.trace.authn.caller.as_ref().unwrap();
                Ok(caller.roles.iter().map(AsRef::as_ref).collect())
            }
            Decision::Refuse(reason) => Err(reason),
            Decision::Wait(..) => panic!("the keys are there: {verdict:?}"),
        }
    }

    /// Where a token of the preset is sent, and where it is not looked for.
    fn places(preset: Preset, token: &str) -> [(&'static str, String); 2] {
        let bearer = ("authorization", format!("Bearer {token}"));
        let iap = (IAP_HEADER, token.to_owned());
        if preset == Preset::GoogleIap { [iap, bearer] } else { [bearer, iap] }
    }

    #[test]
    fn a_preset_accepts_the_products_access_token_with_its_roles_and_no_other_token_of_it() {
        let products = products();
        assert!(
            Preset::ALL
                .iter()
                .all(|preset| products.iter().any(|product| product.preset == *preset))
        );
        for Product { preset, audience, access, roles: expected, other: (other, reason) } in
            products
        {
            let [(name, value), (elsewhere, unseen)] = places(preset, &signed(&access));
            let policy = deciding(preset, audience, &access);
            assert_eq!(roles(&decided(&policy, (name, &value))).unwrap(), expected, "{preset:?}");
            assert_eq!(
                roles(&decided(&policy, (elsewhere, &unseen))),
                Err(Reason::TokenMissing),
                "{preset:?}"
            );
            let of_another_api = deciding(preset, "another-api", &access);
            let refused = decided(&of_another_api, (name, &value));
            assert_eq!(roles(&refused), Err(Reason::AudienceMismatch), "{preset:?}");
            let [(name, value), _] = places(preset, &signed(&other));
            assert_eq!(roles(&decided(&policy, (name, &value))), Err(reason), "{preset:?}");
        }
    }

    #[test]
    fn googles_signed_header_is_no_bearer_token_beside_one_either() {
        let of = |preset| products().into_iter().find(|product| product.preset == preset).unwrap();
        let (iap, keycloak) = (of(Preset::GoogleIap), of(Preset::Keycloak));
        let mut both = deciding(Preset::GoogleIap, iap.audience, &iap.access);
        let bearer = deciding(Preset::Keycloak, keycloak.audience, &keycloak.access);
        both["providers"]["keycloak"] = bearer["providers"]["idp"].clone();
        for (product, passes) in [(&iap, IAP_HEADER), (&keycloak, "authorization")] {
            for (name, value) in places(product.preset, &signed(&product.access)) {
                let verdict = decided(&both, (name, &value));
                let expected = if name == passes {
                    Ok(product.roles.to_vec())
                } else {
                    Err(Reason::IssuerNotAccepted)
                };
                assert_eq!(roles(&verdict), expected, "{:?} in {name}", product.preset);
            }
        }
    }

    #[test]
    fn googles_proxy_needs_an_audience_and_a_cluster_only() {
        let policy = loaded(|policy| {
            policy["providers"]["iap"] = json!({ "preset": "google-iap", "audiences": ["/projects/1/apps/shop"], "jwks": { "cluster": "gstatic" } });
        });
        let provider = &policy.providers()[0];
        let KeySource::Uri(endpoint) = &provider.keys else { panic!("no URI") };
        assert_eq!((&*endpoint.uri, &*endpoint.cluster), (IAP_KEYS, "gstatic"));
        assert_eq!(&*provider.issuer, IAP_ISSUER);
        let header = TokenSource::Header { name: IAP_HEADER.into(), prefix: "".into() };
        assert_eq!(policy.source(provider.source), Some(&header));
        assert_eq!(policy.services()[0].sources().len(), 2);
    }

    #[test]
    fn what_the_document_says_stands_and_what_the_preset_requires_is_required_all_the_same() {
        let mut document = with(Preset::Cognito, "https://idp.example", "client");
        let provider = &mut document["providers"]["idp"];
        provider["algorithms"] = json!(["ES256"]);
        provider["roles"] = json!([]);
        provider["required_claims"] = json!([{ "path": ["version"], "equals": "2" }]);
        let said: Document = serde_json::from_value(document.clone()).unwrap();
        let resolved = said.resolved();
        let provider = &resolved.providers["idp"];
        assert_eq!((provider.preset, &provider.algorithms), (None, &Some(texts(&["ES256"]))));
        assert_eq!(provider.roles.as_deref(), Some(&[][..]));
        let rules = provider.required_claims.as_deref().unwrap();
        assert_eq!(rules, [equals("version", "2"), equals("token_use", "access")]);

        document["providers"]["idp"]["required_claims"] =
            json!([{ "path": ["token_use"], "one_of": ["access", "x"] }]);
        let said: Document = serde_json::from_value(document).unwrap();
        assert_eq!(said.resolved().providers["idp"].required_claims.as_ref().unwrap().len(), 1);
    }

    #[test]
    fn a_preset_is_only_a_shorthand() {
        for preset in Preset::ALL {
            let document = with(preset, "https://idp.example", "api");
            let said: Document = serde_json::from_value(document.clone()).unwrap();
            let written_out = serde_json::to_value(said.resolved()).unwrap();
            assert!(!written_out.to_string().contains("preset"));
            assert_eq!(load(&document).unwrap().hash(), load(&written_out).unwrap().hash());
            assert_eq!(said.resolved().resolved(), said.resolved());
        }
    }
}
