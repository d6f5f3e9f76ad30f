//! Callers to decide about. Nothing here goes around the engine: claims that somebody wants
//! explained are signed with a key of this run, and decided about by a copy of the policy in which
//! every provider has that key.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::Signer as _;
use portcullis_engine::authorizer::{Authorizer, Verdict};
use portcullis_engine::authz::roles::{MAX_ROLE_BYTES, RoleRules, RoleSource};
use portcullis_engine::clock::{Clocks, UnixTime};
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::document::{Document, JwksDocument};
use portcullis_engine::policy::{Json, Policy, Provider, TokenSource};
use portcullis_engine::request::{Connection, Headers, Request};
use portcullis_principal::SigningKey;
use rand::RngCore as _;
use serde_json::{Map, Value, json};

use crate::diagnostics::exit::CliError;

/// The key id of this run.
const KID: &str = "this-run";

/// A policy, and what decides by it.
#[derive(Debug)]
pub struct Stage {
    /// The policy that decides.
    pub policy: Rc<Policy>,
    /// What decides.
    pub gate: Authorizer,
    key: ed25519_dalek::SigningKey,
    handoff: SigningKey,
}

/// A token, and where it is put.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a> {
    /// Where.
    pub source: &'a TokenSource,
    /// The token: never shown.
    pub token: &'a str,
}

impl Stage {
    /// The policy as it is.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn as_it_is(policy: &Rc<Policy>) -> Result<Self, CliError> {
        let gate = Authorizer::new(Rc::clone(policy), RUST_CRYPTO);
        let key = ed25519_dalek::SigningKey::from_bytes(&random()?);
        Ok(Self { policy: Rc::clone(policy), gate, key, handoff: handoff_key()? })
    }

    /// A copy of the policy in which every provider has the key of this run.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn with_own_keys(document: &Document) -> Result<Self, CliError> {
        let key = ed25519_dalek::SigningKey::from_bytes(&random()?);
        let x = BASE64URL.encode(key.verifying_key().as_bytes());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": KID }] });
        let mut document = document.resolved();
        for provider in document.providers.0.values_mut() {
            provider.jwks =
                Some(JwksDocument { inline: Some(Json(keys.clone())), ..JwksDocument::default() });
            provider.algorithms = Some(vec!["EdDSA".to_owned()]);
        }
        let policy = Policy::compile(&document).map_err(|errors| {
            CliError::run(format!("the policy with keys of this run does not load: {errors}"))
        })?;
        let policy = Rc::new(policy);
        let gate = Authorizer::new(Rc::clone(&policy), RUST_CRYPTO);
        Ok(Self { policy, gate, key, handoff: handoff_key()? })
    }

    /// Signs claims as a provider would; good only where [`Self::with_own_keys`] decides.
    pub fn token(&self, provider: &Provider, claims: &Map<String, Value>) -> String {
        let mut header = json!({ "alg": "EdDSA", "kid": KID });
        if let Some(of) = token_type(provider) {
            header["typ"] = of.into();
        }
        let claims = Value::Object(claims.clone());
        let signed = [header, claims].map(|part| BASE64URL.encode(part.to_string())).join(".");
        let signature = BASE64URL.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    /// Decides, and hands over what was decided on.
    pub fn decide<T>(
        &mut self,
        ask: &Ask,
        carried: Option<Carried<'_>>,
        now: Clocks,
        tell: impl FnOnce(&Policy, &Request<'_>, &Verdict, &SigningKey) -> T,
    ) -> T {
        let headers = ask.headers(carried);
        let request = Request::new(Headers(&headers));
        let service =
            self.policy.service_of_host(request.authority).and_then(|id| self.policy.service(id));
        let clusters = service.and_then(|service| service.clusters());
        let line = Line {
            cluster: clusters
                .and_then(|clusters| clusters.first())
                .map(|it| it.as_bytes().to_vec()),
        };
        let verdict = self.gate.decide(&request, &line, now);
        tell(&self.policy, &request, &verdict, &self.handoff)
    }

    /// The roles that the policy reads from claims of a provider; none if the token is no good.
    pub fn roles(
        &mut self,
        provider: &str,
        mut claims: Map<String, Value>,
        now: Clocks,
    ) -> Vec<String> {
        let policy = Rc::clone(&self.policy);
        let Some(provider) = policy.providers().iter().find(|it| &*it.name == provider) else {
            return Vec::new();
        };
        fill(provider, None, &mut claims, now.wall);
        let token = self.token(provider, &claims);
        let Some(source) = policy.source(provider.source) else { return Vec::new() };
        // no host: no service narrows it
        let ask = Ask::nowhere();
        self.decide(&ask, Some(Carried { source, token: &token }), now, |_, _, verdict, _| {
            verdict
                .trace
                .authn
                .caller
                .as_ref()
                .map(|caller| caller.roles.to_vec())
                .unwrap_or_default()
        })
    }
}

/// A connection whose route is the policy's: what Envoy would choose is not known here.
struct Line {
    cluster: Option<Vec<u8>>,
}

impl Connection for Line {
    fn peer_certificate_sha256(&self) -> Option<[u8; 32]> {
        None
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.cluster.clone()
    }
}

/// 32 bytes that nobody can guess.
///
/// # Errors
/// The system gives none.
pub fn random() -> Result<[u8; 32], CliError> {
    let mut bytes = [0; 32];
    let drawn = rand::rngs::OsRng.try_fill_bytes(&mut bytes);
    drawn.map_err(|error| CliError::run(format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}

fn handoff_key() -> Result<SigningKey, CliError> {
    let seed = BASE64URL.encode(random()?);
    SigningKey::from_seed_base64url(&seed).map_err(|error| CliError::run(error.to_string()))
}

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// How long a filled-in token lives, in seconds.
const LIFE: u64 = 300;
/// Who a caller is who is not named.
const SOMEBODY: &str = "somebody";

/// `typ`, as the provider's policy accepts it; the one that asks for least.
pub(super) fn token_type(provider: &Provider) -> Option<&str> {
    let types = || provider.token_types.iter().map(Option::as_deref);
    types().find(|of| *of == Some("jwt")).or_else(|| types().next()).flatten()
}

/// Fills in what a good token of the provider says and these claims do not; returns what was filled
/// in. `audiences`: those of the service, of which one is needed.
pub fn fill(
    provider: &Provider,
    audiences: Option<&[Box<str>]>,
    claims: &mut Claims,
    now: UnixTime,
) -> Vec<String> {
    let mut filled = Vec::new();
    let mut add = |path: &[Box<str>], value: Value| {
        if at(claims, path).is_none() && put(claims, path, value) {
            filled.push(path.join("."));
        }
    };
    let name = |name: &str| [Box::from(name)];
    let both = provider.audiences.iter().find(|own| audiences.is_none_or(|of| of.contains(own)));
    let audience = both.or_else(|| provider.audiences.first()).map_or("", |audience| audience);
    add(&name("iss"), (&*provider.issuer).into());
    add(&provider.audience_claim, audience.into());
    add(&provider.subject, SOMEBODY.into());
    add(&name("iat"), now.0.into());
    add(&name("exp"), now.plus(LIFE).0.into());
    for rule in &provider.required_claims {
        add(&rule.path, rule.one_of.first().map_or("", |value| value).into());
    }
    // RFC 9068 2.2
    if token_type(provider) == Some("at+jwt") {
        add(&name("aud"), audience.into());
        for required in ["sub", "client_id", "jti"] {
            add(&name(required), "this-run".into());
        }
    }
    filled
}

/// Claims that yield these roles by the provider's rules.
///
/// # Errors
/// The role that nothing yields, or not together with the others.
pub fn of_roles(provider: &Provider, roles: &[String]) -> Result<Claims, String> {
    let origins: Vec<_> = roles.iter().map(|role| (role, origins(&provider.roles, role))).collect();
    // a fallback is read only where nothing else is
    let only_fallback =
        origins.iter().all(|(_, origins)| origins.iter().any(|origin| origin.source.fallback));
    let any_main =
        origins.iter().any(|(_, origins)| !origins.iter().any(|origin| origin.source.fallback));
    let fallback = only_fallback
        && !origins.iter().all(|(_, it)| it.iter().any(|origin| !origin.source.fallback));
    let mut texts: BTreeMap<&[Box<str>], Vec<Value>> = BTreeMap::new();
    for (role, origins) in &origins {
        let origin = origins.iter().find(|origin| origin.source.fallback == fallback);
        let Some(origin) = origin else {
            let why =
                if any_main && !origins.is_empty() { " together with the others" } else { "" };
            return Err(format!("no claim of `{}` yields the role `{role}`{why}", provider.name));
        };
        texts.entry(&origin.source.path).or_default().push(origin.text.clone().into());
    }
    let mut claims = Claims::new();
    for (path, texts) in texts {
        if !put(&mut claims, path, texts.into()) {
            return Err(format!(
                "the claim `{}` of `{}` is in the way of another",
                path.join("."),
                provider.name
            ));
        }
    }
    Ok(claims)
}

fn at<'a>(claims: &'a Claims, path: &[Box<str>]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(&**first)?, |value, name| value.get(&**name))
}

/// Puts a value at a literal path; `false` if something else is in the way.
pub fn put(claims: &mut Claims, path: &[Box<str>], value: Value) -> bool {
    let Some((last, outer)) = path.split_last() else { return false };
    let mut inner = claims;
    for name in outer {
        let next = inner.entry(name.to_string()).or_insert_with(|| Claims::new().into());
        let Value::Object(members) = next else { return false };
        inner = members;
    }
    match inner.get_mut(&**last) {
        // lists of roles that stand in one place are one list
        Some(Value::Array(items)) => {
            let Value::Array(more) = value else { return false };
            items.extend(more);
            true
        }
        Some(_) => false,
        None => inner.insert(last.to_string(), value).is_none(),
    }
}

/// A request to decide about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The method, as it is.
    pub method: String,
    /// The host, and the port if there is one.
    pub authority: String,
    /// Path and query, byte for byte.
    pub target: String,
    /// More headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Ask {
    /// Reads method and URL. A URL that is only a path goes to the host of the policy's one
    /// service.
    ///
    /// # Errors
    /// What is missing.
    pub fn read(method: &str, url: &str, document: &Document) -> Result<Self, String> {
        let (authority, target) = match url.split_once("://") {
            Some((_, rest)) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, target) = rest.split_at(end);
                let target =
                    if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
                (authority.to_owned(), target)
            }
            None => (
                only_host(document)
                    .ok_or("the policy has several services: write the URL with its host")?,
                url.to_owned(),
            ),
        };
        Ok(Self { method: method.to_owned(), authority, target, headers: Vec::new() })
    }

    /// A request to no service.
    pub(super) fn nowhere() -> Self {
        Self {
            method: "GET".to_owned(),
            authority: String::new(),
            target: "/".to_owned(),
            headers: Vec::new(),
        }
    }

    /// As the filter sees it, with the token in its place.
    pub(super) fn headers(&self, carried: Option<Carried<'_>>) -> Vec<(String, Vec<u8>)> {
        let Self { method, authority, target, headers } = self;
        let pseudo = [(":method", method), (":path", target), (":authority", authority)];
        let mut all: Vec<_> = pseudo
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.clone().into_bytes()))
            .collect();
        all.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        all.extend(carried.map(|Carried { source, token }| {
            let value = match source {
                TokenSource::Bearer => format!("Bearer {token}"),
                TokenSource::Header { prefix, .. } => format!("{prefix}{token}"),
                TokenSource::Cookie { name, .. } => format!("{name}={token}"),
            };
            (source.header().to_owned(), value.into_bytes())
        }));
        all
    }
}

/// A host of the only service.
fn only_host(document: &Document) -> Option<String> {
    let mut services = document.services.values();
    let service = services.next().filter(|_| services.next().is_none())?;
    let pattern = service.hosts.first()?;
    Some(match pattern.strip_prefix('*') {
        Some("") => "localhost".to_owned(),
        Some(suffix) => format!("any{suffix}"),
        None => pattern.clone(),
    })
}

/// What yields a role: a text in a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Where the claim stands, and how it is read.
    pub source: &'a RoleSource,
    /// What it says.
    pub text: String,
}

/// Everything that yields a role by these rules; none if nothing can.
pub fn origins<'a>(rules: &'a RoleRules, role: &str) -> Vec<Origin<'a>> {
    let Some(bare) = role.strip_prefix(&*rules.prefix).filter(|_| role.len() <= MAX_ROLE_BYTES)
    else {
        return Vec::new();
    };
    let renamed = rules.names.iter().filter(|(_, to)| ***to == *bare).map(|(from, _)| &**from);
    let names: Vec<&str> = renamed.chain([bare]).collect();
    let mut origins = Vec::new();
    for source in &rules.sources {
        for name in &names {
            let Some(text) = name.strip_prefix(&*source.prefix).filter(|text| !text.is_empty())
            else {
                continue;
            };
            let splits = source.split && text.contains(|c: char| c.is_ascii_whitespace());
            // the rules themselves have the last word
            if !splits && source.yields(role) && rules.rename(source, text) == role {
                let origin = Origin { source, text: text.to_owned() };
                if !origins.contains(&origin) {
                    origins.push(origin);
                }
            }
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, split: bool, prefix: &str) -> RoleSource {
        RoleSource {
            path: [path.into()].into(),
            split,
            fallback: false,
            prefix: prefix.into(),
            only: None,
        }
    }

    fn texts(rules: &RoleRules, role: &str) -> Vec<String> {
        origins(rules, role).iter().map(|it| format!("{} {}", it.source.path[0], it.text)).collect()
    }

    #[test]
    fn a_role_comes_from_what_renaming_and_prefixes_make_of_it() {
        let rules = RoleRules {
            sources: [source("roles", false, ""), source("scope", true, "scope:")].into(),
            names: [("ROLE_ADMIN".into(), "admin".into()), ("scope:all".into(), "admin".into())]
                .into(),
            prefix: "partner:".into(),
        };
        assert_eq!(
            texts(&rules, "partner:admin"),
            ["roles ROLE_ADMIN", "roles scope:all", "roles admin", "scope all"]
        );
        assert_eq!(texts(&rules, "partner:scope:read"), ["roles scope:read", "scope read"]);
        // renamed away, without the prefix, and what a split would cut
        assert!(texts(&rules, "partner:ROLE_ADMIN").is_empty());
        assert!(texts(&rules, "admin").is_empty());
        assert_eq!(texts(&rules, "partner:scope:read all"), ["roles scope:read all"]);
        assert!(texts(&RoleRules::default(), "admin").is_empty());

        let only = RoleSource {
            only: Some(["partner:admin".into()].into()),
            ..source("scope", true, "scope:")
        };
        let rules = RoleRules { sources: [only].into(), ..rules };
        assert_eq!(texts(&rules, "partner:admin"), ["scope all"]);
        assert!(texts(&rules, "partner:scope:read").is_empty());
    }
}
