//! The shipped policy, as a document to change and as the engine loads it.
use std::fs;

use harness::artifacts::root;
use portcullis_engine::policy::Policy;
use serde_json::Value;

/// `envoy/policy.yaml`.
pub(crate) fn shipped() -> Value {
    let text = fs::read_to_string(root().join("envoy/policy.yaml")).expect("the shipped policy");
    serde_saphyr::from_str(&text).expect("YAML")
}

/// Loads a document as the gateway does, or says what is wrong with it.
pub(crate) fn load(document: &Value) -> Result<Policy, String> {
    Policy::from_json(document.to_string().as_bytes()).map_err(|errors| errors.to_string())
}
