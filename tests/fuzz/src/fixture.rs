//! What every input meets: the policy of the decision corpus, and the tokens that were issued under
//! it.

use std::collections::HashSet;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use corpus::{Case, Expected};
use portcullis_engine::authorizer::Authorizer;
use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::Policy;
use portcullis_engine::request::Connection;
use portcullis_principal::SigningKey;
use serde_json::{Value, json};

/// When the tokens were issued.
pub(crate) const NOW: u64 = 1_800_000_000;
/// The thumbprint that one of the tokens is bound to.
pub(crate) const CERTIFICATE: [u8; 32] = [7; 32];

/// Refusals that the token itself is not to blame for: elsewhere, or at another time, it may pass.
const ELSEWHERE: [&str; 12] = [
    "path-ambiguous",
    "credentials-ambiguous",
    "issuer-not-accepted",
    "token-expired",
    "token-not-yet-valid",
    "token-issued-in-future",
    "token-too-old",
    "audience-mismatch",
    "binding-mismatch",
    "origin-not-allowed",
    "role-missing",
    "route-undeclared",
];

/// The policy, and its tokens.
pub(crate) struct Fixture {
    pub(crate) document: Value,
    pub(crate) policy: Rc<Policy>,
    /// Every token of the corpus, good or bad.
    pub(crate) tokens: Vec<String>,
    /// Those that a provider of the policy issued.
    pub(crate) issued: HashSet<Vec<u8>>,
    pub(crate) key: SigningKey,
}

/// What only the connection knows.
pub(crate) struct Peer(pub(crate) Option<[u8; 32]>);

impl Connection for Peer {
    fn peer_certificate_sha256(&self) -> Option<[u8; 32]> {
        self.0
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let document = corpus::policy();
        let cases = corpus::cases();
        let bound = json!({ "claims": { "cnf": { "x5t#S256": BASE64URL.encode(CERTIFICATE) } } });
        let bound = corpus::token(&bound, NOW);
        let mut tokens: Vec<_> = cases.iter().filter_map(|case| case.token(NOW)).collect();
        tokens.push(bound.clone());
        let issued = cases.iter().filter(|case| is_issued(case)).filter_map(|case| case.token(NOW));
        let issued = issued.chain([bound]).map(String::into_bytes).collect();
        let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        Self {
            policy: load(&document),
            document,
            tokens,
            issued,
            key: SigningKey::from_seed_base64url(seed).expect("the key of RFC 8037 A.1"),
        }
    }

    /// A gate without a past.
    pub(crate) fn authorizer(&self) -> Authorizer {
        Authorizer::new(Rc::clone(&self.policy), RUST_CRYPTO)
    }
}

fn is_issued(case: &Case) -> bool {
    match case.expected() {
        Expected::Allow => true,
        Expected::Refuse(reason) => ELSEWHERE.contains(&reason),
    }
}

/// A policy that must load.
pub(crate) fn load(document: &Value) -> Rc<Policy> {
    Rc::new(Policy::from_json(document.to_string().as_bytes()).expect("a policy"))
}

/// Runs with this thread's fixture: an input must not depend on those before it, so all of it is
/// read only.
pub(crate) fn with<T>(run: impl FnOnce(&Fixture) -> T) -> T {
    thread_local! {
        static FIXTURE: Fixture = Fixture::new();
    }
    FIXTURE.with(run)
}

/// So many seconds from [`NOW`], on both clocks.
pub(crate) fn at(seconds: i64) -> Clocks {
    let wall = NOW.saturating_add_signed(seconds);
    Clocks { wall: UnixTime(wall), monotonic: Monotonic(wall.saturating_mul(1_000_000_000)) }
}

/// Headers as the adapter hands them over.
pub(crate) fn headers(
    method: &[u8],
    target: &[u8],
    authority: &[u8],
    others: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Vec<(String, Vec<u8>)> {
    let pseudo = [(":method", method), (":path", target), (":authority", authority)];
    let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    pseudo.chain(others).collect()
}
