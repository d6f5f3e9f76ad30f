//! What fuzzers run: a function for each target, whose oracle panics where something passes that
//! must not. The same functions run under libFuzzer (`cargo xtask fuzz`, nightly) and in this
//! crate's own tests, on any toolchain: over the seeds, over what was once found, and over random
//! bytes.
//!
//! | target | its bytes | what must hold |
//! |---|---|---|
//! | [`jwks`] | a JWKS | nobody's signature verifies by any key of it |
//! | [`token`] | a token, or header and claims to be signed | what passes, a second and lenient reader finds right too |
//! | [`authorization`] | values of `Authorization` | what passes is one whole token that was issued |
//! | [`path`] | a request target | the row that decides is the most specific that matches it, found by looking at each |
//! | [`policy`] | the policy's text | nothing passes without a token but what the policy says aloud |
//! | [`request`] | requests, structured | what passes with a caller carries an issued token, byte for byte |
//! | [`backend_http`] | a request to the backend | no fault of the service; what is refused says so traceably and changes nothing |
//! | [`configuration`] | the policy as Envoy hands it over | JSON and `Struct` are the same policy; text and depth are bounded |
//! | [`shared_data`] | what workers and a hostile writer do | nothing opens without the key, no lease blocks for longer than its bound, no key comes back, totals are sums |
//! | [`assertion`] | an assertion: as sent, minted and changed, or signed | it passes for its audience, method, row and time, and with no byte changed |
//! | [`discovery`] | a discovery document | keys come from the origin of the document, as the crate `url` reads it |
//! | [`reply`] | headers and keys of a provider's reply | freshness is what RFC 9111 says, and never lengthens the refresh |
//! | [`check`] | an Envoy configuration, an OpenAPI document | there is an answer, bounded, the same for YAML and JSON, and no hole is fine |
//!
//! The policy, the keys and the tokens are those of the decision corpus.
//!
//! Run one target for 30 seconds, or all of them for 10 minutes each:
//!
//! ```console
//! $ cargo xtask fuzz --seconds 30 token
//! $ cargo xtask fuzz
//! ```
//!
//! It installs cargo-fuzz and a nightly toolchain if they are not there, begins with the seeds and
//! the corpus of the last run (`target/fuzz/corpus`), and prints inputs and coverage. An input that
//! stops a target is in `target/fuzz/crashes`: fix the fault, copy the input into
//! `tests/fuzz/found/<target>` under a name that says what it shows, and add the name to
//! `tests/fuzz/tests/found.rs`.
#![allow(clippy::missing_panics_doc, reason = "an oracle panics: that is what it is for")]

mod assertion;
mod authorization;
mod backend_http;
mod check;
mod configuration;
mod discovery;
mod fixture;
mod jwks;
mod oracle;
mod path;
mod policy;
mod reference_verifier;
mod reply;
mod request;
mod seeds;
mod shared_data;
mod token;

pub use assertion::assertion;
pub use authorization::authorization;
pub use backend_http::backend_http;
pub use check::check;
pub use configuration::configuration;
pub use discovery::discovery;
pub use jwks::jwks;
pub use path::path;
pub use policy::policy;
pub use reply::reply;
pub use request::request;
pub use shared_data::shared_data;
pub use token::token;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the function, of the libFuzzer program, and of its folders.
    pub name: &'static str,
    /// Panics where something passes that must not.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Makes what every input meets, before the first one: the tokens of the corpus take longer than
/// any input does.
pub fn init() {
    fixture::with(|_| ());
}

/// All of them.
pub static TARGETS: [Target; 13] = [
    Target { name: "jwks", run: jwks, seeds: seeds::jwks },
    Target { name: "token", run: token, seeds: seeds::token },
    Target { name: "authorization", run: authorization, seeds: seeds::authorization },
    Target { name: "path", run: path, seeds: seeds::path },
    Target { name: "policy", run: policy, seeds: seeds::policy },
    Target { name: "request", run: request, seeds: seeds::request },
    Target { name: "backend_http", run: backend_http, seeds: backend_http::seeds },
    Target { name: "configuration", run: configuration, seeds: seeds::configuration },
    Target { name: "shared_data", run: shared_data, seeds: seeds::shared_data },
    Target { name: "assertion", run: assertion, seeds: assertion::inputs },
    Target { name: "discovery", run: discovery, seeds: discovery::inputs },
    Target { name: "reply", run: reply, seeds: reply::inputs },
    Target { name: "check", run: check, seeds: check::inputs },
];
