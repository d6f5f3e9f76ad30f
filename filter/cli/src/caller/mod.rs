//! Callers to decide about. Nothing here goes around the engine: claims that somebody wants explained are signed with a key
//! of this run, and decided about by a copy of the policy in which every provider has that key.

mod ask;
mod claims;
mod origin;

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::Signer as _;
use portcullis_engine::authorizer::{Authorizer, Verdict};
use portcullis_engine::clock::Clocks;
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::document::{Document, JwksDocument};
use portcullis_engine::policy::{Json, Policy, Provider, TokenSource};
use portcullis_engine::request::Headers;
use portcullis_engine::request::{Connection, Request};
use portcullis_principal::SigningKey;
use rand::RngCore as _;
use serde_json::{Map, Value, json};

use crate::exit::Trouble;
pub use ask::Ask;
pub use claims::{Claims, fill, of_roles, put};
pub use origin::{Origin, origins};

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
    pub fn as_it_is(policy: &Rc<Policy>) -> Result<Self, Trouble> {
        let gate = Authorizer::new(Rc::clone(policy), RUST_CRYPTO);
        let key = ed25519_dalek::SigningKey::from_bytes(&random()?);
        Ok(Self { policy: Rc::clone(policy), gate, key, handoff: handoff_key()? })
    }

    /// A copy of the policy in which every provider has the key of this run.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn with_own_keys(document: &Document) -> Result<Self, Trouble> {
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
            Trouble::run(format!("the policy with keys of this run does not load: {errors}"))
        })?;
        let policy = Rc::new(policy);
        let gate = Authorizer::new(Rc::clone(&policy), RUST_CRYPTO);
        Ok(Self { policy, gate, key, handoff: handoff_key()? })
    }

    /// Signs claims as a provider would; good only where [`Self::with_own_keys`] decides.
    pub fn token(&self, provider: &Provider, claims: &Map<String, Value>) -> String {
        let mut header = json!({ "alg": "EdDSA", "kid": KID });
        if let Some(of) = claims::token_type(provider) {
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
        let service = self.policy.service_of_host(request.authority).and_then(|id| self.policy.service(id));
        let clusters = service.and_then(|service| service.clusters());
        let line =
            Line { cluster: clusters.and_then(|clusters| clusters.first()).map(|it| it.as_bytes().to_vec()) };
        let verdict = self.gate.decide(&request, &line, now);
        tell(&self.policy, &request, &verdict, &self.handoff)
    }

    /// The roles that the policy reads from claims of a provider; none if the token is no good.
    pub fn roles(&mut self, provider: &str, mut claims: Map<String, Value>, now: Clocks) -> Vec<String> {
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
            verdict.trace.authn.caller.as_ref().map(|caller| caller.roles.to_vec()).unwrap_or_default()
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
pub fn random() -> Result<[u8; 32], Trouble> {
    let mut bytes = [0; 32];
    let drawn = rand::rngs::OsRng.try_fill_bytes(&mut bytes);
    drawn.map_err(|error| Trouble::run(format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}

fn handoff_key() -> Result<SigningKey, Trouble> {
    let seed = BASE64URL.encode(random()?);
    SigningKey::from_seed_base64url(&seed).map_err(|error| Trouble::run(error.to_string()))
}
