//! The shipped policy, as a document to change, as the engine loads it, and as an editor sees it.
use std::fs;

use harness::artifacts::root;
use portcullis_engine::policy::Policy;
use serde_json::Value;

/// `envoy/policy.yaml`.
pub(crate) fn shipped() -> Value {
    let text = fs::read_to_string(root().join("envoy/policy.yaml")).expect("the shipped policy");
    serde_saphyr::from_str(&text).expect("YAML")
}

/// Lets the providers' roles claim yield any role: for tests about roles that the shipped policy
/// does not list.
pub(crate) fn any_role(policy: &mut Value) {
    for provider in policy["providers"].as_object_mut().expect("providers").values_mut() {
        let source = provider["roles"][0].as_object_mut().expect("a source of roles");
        source.remove("only").expect("`only` in the shipped policy");
    }
}

/// Puts the members of `part` into `whole`; a list takes the other's place.
pub(crate) fn merge(whole: &mut Value, part: &Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                merge(whole.entry(name).or_insert(Value::Null), value);
            }
        }
        (whole, part) => *whole = part.clone(),
    }
}

/// What an editor that reads the committed schema underlines in a document, each with its place.
pub(crate) fn underlined(document: &Value) -> Vec<String> {
    let text = fs::read_to_string(root().join("envoy/policy.schema.json")).expect("the schema");
    let schema = serde_json::from_str(&text).expect("JSON");
    let options = jsonschema::options().should_validate_formats(true);
    let validator =
        options.build(&schema).unwrap_or_else(|error| panic!("the schema is none: {error}"));
    validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Loads a document as the gateway does, or says what is wrong with it.
pub(crate) fn load(document: &Value) -> Result<Policy, String> {
    Policy::from_json(document.to_string().as_bytes()).map_err(|errors| errors.to_string())
}
