//! A gate to ask, with tokens of the decision corpus: for tests that ask more than once.
#![allow(dead_code, reason = "every test file uses its own part of it")]
use std::rc::Rc;

use portcullis_engine::authorizer::{Authorizer, Decision, Verdict};
use portcullis_engine::clock::{Clocks, Monotonic, UnixTime};
use portcullis_engine::jose::jwks::KeySet;
use portcullis_engine::jose::signature::RUST_CRYPTO;
use portcullis_engine::policy::{Policy, ProviderId};
use portcullis_engine::reason::Reason;
use portcullis_engine::request::Headers;
use portcullis_engine::request::{Connection, Request};
use portcullis_principal::SigningKey;
use serde_json::{Value, json};

/// When tokens are issued. Any moment will do: the engine is told.
pub(crate) const NOW: u64 = 1_800_000_000;
/// When the keys were fetched, on the monotonic clock.
pub(crate) const FETCHED: u64 = 1_000;

/// A gate, and what it is asked with.
pub(crate) struct World {
    pub(crate) authorizer: Authorizer,
    pub(crate) peer: Peer,
    pub(crate) now: Clocks,
}

/// What only the connection knows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Peer(pub(crate) Option<[u8; 32]>);

impl Connection for Peer {
    fn peer_certificate_sha256(&self) -> Option<[u8; 32]> {
        self.0
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        None
    }
}

/// A reading of the monotonic clock.
pub(crate) fn monotonic(seconds: u64) -> Monotonic {
    Monotonic(seconds * 1_000_000_000)
}

/// Two providers whose keys are fetched, and a service for each thing that a service can narrow.
pub(crate) fn policy() -> Value {
    let provider = |name: &str, source: Value| {
        let mut provider = json!({
            "issuer": format!("https://{name}.example"),
            "audiences": ["orders-api", "reports-api"],
            "jwks": { "uri": format!("https://{name}.example/jwks"), "cluster": name },
            "algorithms": ["EdDSA", "RS256", "ES256"],
            "token_types": ["JWT"],
            "required_claims": [{ "path": ["typ"], "equals": "Bearer" }],
            "roles": [{ "path": ["realm_access", "roles"] }],
        });
        if !source.is_null() {
            provider["token_source"] = source;
        }
        provider
    };
    let rows = json!([
        { "match": "GET /me", "authenticated": true },
        { "match": "GET /orders", "roles": ["customer"] },
        { "match": "GET /admin", "roles": ["admin"] },
    ]);
    json!({
        "providers": {
            "main": provider("main", json!(null)),
            "proxy": provider("proxy", json!({ "header": { "name": "x-proxy-token" } })),
        },
        "services": {
            "orders": { "hosts": ["orders.example"], "audiences": ["orders-api"], "routes": rows },
            "reports": { "hosts": ["reports.example"], "audiences": ["reports-api"], "routes": rows },
            "proxies": { "hosts": ["proxies.example"], "providers": ["proxy"], "routes": rows },
        },
    })
}

impl World {
    /// A gate for this policy, with the keys of `main` just fetched.
    pub(crate) fn of(policy: &Value) -> Self {
        let policy = Policy::from_json(policy.to_string().as_bytes());
        let policy = Rc::new(policy.unwrap_or_else(|errors| panic!("{errors}")));
        let authorizer = Authorizer::new(policy, RUST_CRYPTO);
        let now = Clocks { wall: UnixTime(NOW), monotonic: monotonic(FETCHED) };
        let mut world = Self { authorizer, peer: Peer::default(), now };
        world.fetch(&corpus::jwks("all"), FETCHED);
        world
    }

    /// The keys of `main` come from a fetch that began then.
    pub(crate) fn fetch(&mut self, jwks: &Value, started_at: u64) {
        let set = KeySet::parse(jwks.to_string().as_bytes()).expect("a set of keys");
        let main = self.main();
        self.authorizer.key_store_mut().install(main, set, monotonic(started_at));
    }

    /// The provider whose tokens are shown.
    pub(crate) fn main(&self) -> ProviderId {
        self.authorizer.policy().provider_of_issuer("https://main.example").expect("a provider")
    }

    /// So many seconds later, or earlier, on both clocks.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let Clocks { wall, monotonic } = self.now;
        let nanoseconds = seconds * 1_000_000_000;
        let monotonic = Monotonic(monotonic.0.saturating_add_signed(nanoseconds));
        self.now = Clocks { wall: UnixTime(wall.0.saturating_add_signed(seconds)), monotonic };
    }

    /// The wall clock alone is set.
    pub(crate) fn step(&mut self, seconds: i64) {
        self.now.wall = UnixTime(self.now.wall.0.saturating_add_signed(seconds));
    }

    /// Asks with these headers besides the pseudo-headers.
    pub(crate) fn ask(&mut self, host: &str, path: &str, headers: &[(&str, &str)]) -> Verdict {
        let pseudo = [(":method", "GET"), (":path", path), (":authority", host)];
        let all = pseudo.iter().chain(headers);
        let all: Vec<_> =
            all.map(|(name, value)| ((*name).to_owned(), (*value).as_bytes().to_vec())).collect();
        self.authorizer.decide(&Request::new(Headers(&all)), &self.peer, self.now)
    }

    /// Asks as a bearer.
    pub(crate) fn show(&mut self, host: &str, path: &str, token: &str) -> Verdict {
        self.ask(host, path, &[("authorization", &format!("Bearer {token}"))])
    }

    /// A token that passes, and passes again from the cache.
    pub(crate) fn cached(&mut self, changes: &Value) -> String {
        let token = corpus::token(changes, self.now.wall.0);
        for cached in [false, true] {
            let verdict = self.show("orders.example", "/orders", &token);
            assert!(matches!(verdict.decision, Decision::Allow(_)), "{verdict:?}");
            assert_eq!(verdict.trace.authn.cached, cached, "{verdict:?}");
        }
        token
    }
}

/// The key that assertions are signed with: RFC 8037 A.1.
pub(crate) fn signing_key() -> SigningKey {
    SigningKey::from_seed_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("a seed")
}

/// How it ended: `Ok` for who passes, and whether the cache was hit.
pub(crate) fn ended(verdict: &Verdict) -> (Result<(), Reason>, bool) {
    let end = match &verdict.decision {
        Decision::Allow(_) => Ok(()),
        Decision::Refuse(reason) => Err(*reason),
        Decision::Wait(..) => panic!("the keys are there: {verdict:?}"),
    };
    (end, verdict.trace.authn.cached)
}
