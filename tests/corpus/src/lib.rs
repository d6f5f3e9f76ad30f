//! The decision corpus: tokens, policies and times, each with the answer that is expected, in files
//! that people read (`cases.yaml`, `policy.yaml`, `paths.yaml`). The same cases run natively, as
//! WebAssembly, and through a real Envoy.
//!
//! The keys are those of the standards' examples: published, and good for nothing but tests.
#![allow(clippy::missing_panics_doc, reason = "the files are part of the crate")]

mod case;
mod keys;
mod paths;
mod token;

pub use case::{Case, Expected, Sent, TOKEN, cases};
pub use keys::jwks;
pub use paths::{PathCase, PathOutcome, Paths, honest_token};
pub use token::{signed, token};

use serde_json::Value;

/// The policy that the cases are decided by, with the keys in it.
pub fn policy() -> Value {
    let mut policy: Value =
        serde_saphyr::from_str(include_str!("policy.yaml")).expect("policy.yaml");
    for provider in policy["providers"].as_object_mut().expect("providers").values_mut() {
        let set =
            provider["jwks"]["inline"].as_str().expect("the name of a set of keys").to_owned();
        provider["jwks"]["inline"] = jwks(&set);
    }
    policy
}
