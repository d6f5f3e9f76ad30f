//! What is known of products: each preset says what a document leaves unsaid, and nothing that it says. Written out, a
//! preset is a provider like any other; nothing else in the engine knows of presets.

use super::document::{
    ClaimRuleDocument, HeaderDocument, JwksDocument, Preset, ProviderDocument, RoleSourceDocument, Split,
    TokenSourceDocument,
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
        let unsaid: Vec<_> = unsaid.filter(|rule| rules.iter().all(|said| said.path != rule.path)).collect();
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
    pub const ALL: [Self; 7] =
        [Self::Keycloak, Self::Auth0, Self::Okta, Self::Entra, Self::Cognito, Self::GoogleIap, Self::Oauth2];

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

/// Source: Keycloak, "Server Administration Guide", the chapters on realm roles and on a realm's keys. The payload's `typ`
/// tells access tokens (`Bearer`) from ID, refresh and logout tokens, whose header says `JWT` all the same.
fn keycloak() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256", "PS256", "ES256", "EdDSA"])),
        token_types: Some(texts(&["JWT", "at+jwt"])),
        required_claims: Some(vec![equals("typ", "Bearer")]),
        roles: Some(vec![role(&["realm_access", "roles"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Auth0, "Access Token Profiles" (`JWT` in its own profile, `at+jwt` in that of RFC 9068) and "Enable Role-Based
/// Access Control for APIs" (`permissions`). An ID token has the application as its audience, never the API.
fn auth0() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256", "PS256"])),
        token_types: Some(texts(&["JWT", "at+jwt"])),
        roles: Some(vec![role(&["permissions"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Okta, "OpenID Connect & OAuth 2.0 API" (tokens of a custom authorization server; their header has no `typ`) and
/// "Customize tokens returned from Okta with a Groups claim". An ID token has the client as its audience, never the server.
fn okta() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256"])),
        token_types: Some(texts(&["absent", "JWT", "at+jwt"])),
        roles: Some(vec![role(&["groups"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Microsoft identity platform, "Access token claims reference". Its version 2.0 alone writes `ver` as `2.0`, and of
/// its tokens only access tokens say in `azpacr` how the client proved who it is: an ID token of the same application does
/// not pass.
fn entra() -> ProviderDocument {
    let how =
        ClaimRuleDocument { path: texts(&["azpacr"]), equals: None, one_of: Some(texts(&["0", "1", "2"])) };
    ProviderDocument {
        algorithms: Some(texts(&["RS256"])),
        token_types: Some(texts(&["JWT"])),
        required_claims: Some(vec![equals("ver", "2.0"), how]),
        roles: Some(vec![role(&["roles"])]),
        ..ProviderDocument::default()
    }
}

/// Source: Amazon Cognito, "Understanding the access token". It has no `aud` and no `typ`; what stands for them is the
/// client that it was issued to, and `token_use`, which tells it from an ID token. `audiences` lists app clients.
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

/// Source: Google Cloud, "Securing your app with signed headers": issuer, keys, algorithm and header are the same for
/// everybody. The audience names the backend service, as `/projects/…/global/backendServices/…`. Access levels
/// stand in `google.access_levels`.
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

/// Source: RFC 9068, "JSON Web Token (JWT) Profile for OAuth 2.0 Access Tokens", 2.1 (`typ`) and 2.2.3 (`scope`).
fn oauth2() -> ProviderDocument {
    ProviderDocument {
        algorithms: Some(texts(&["RS256", "PS256", "ES256", "EdDSA"])),
        token_types: Some(texts(&["at+jwt"])),
        roles: Some(vec![RoleSourceDocument { split: Some(Split::Whitespace), ..role(&["scope"]) }]),
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
mod tests;
