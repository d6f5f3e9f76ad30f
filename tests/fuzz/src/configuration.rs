//! The policy as the host hands it over: JSON, or a protobuf `Struct`.

use portcullis_engine::policy::Policy;
use portcullis_engine::policy::configuration::json;
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as Member};
use serde_json::Value;

/// The limit of prost, in messages inside each other.
const DEEPEST: usize = 100;

/// Any bytes give a text that is bounded by their length, and no panic. A document that loads as
/// JSON is the same policy as a `Struct`, or none if it is nested deeper than a message may be.
pub fn configuration(input: &[u8]) {
    let text = json(input.to_vec());
    // one byte of a text becomes `\u0000` at most
    assert!(
        text == input || text.len() <= 6 * input.len() + 2,
        "{} of {} bytes",
        text.len(),
        input.len()
    );
    let given = Policy::from_json(&text);
    let Ok(policy) = Policy::from_json(input) else { return };
    assert_eq!(given.expect("JSON stays JSON").hash(), policy.hash());
    let document: Value = serde_json::from_slice(input).expect("what loads is JSON");
    // serde_json may read a number of many digits as the double next to it, so that it is another
    // one each time it is read
    if serde_json::from_str::<Value>(&document.to_string()).ok().as_ref() != Some(&document) {
        return;
    }
    match Policy::from_json(&json(message(&document))) {
        Ok(same) => assert_eq!(same.hash(), policy.hash()),
        Err(errors) => assert!(nesting(&document) > DEEPEST, "{errors}"),
    }
}

/// A document as Envoy's xDS carries it.
pub(crate) fn message(document: &Value) -> Vec<u8> {
    match member(document).kind {
        Some(Kind::StructValue(document)) => document.encode_to_vec(),
        _ => Vec::new(),
    }
}

fn member(value: &Value) -> Member {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(it) => Kind::BoolValue(*it),
        Value::Number(it) => Kind::NumberValue(it.as_f64().expect("a double")),
        Value::String(it) => Kind::StringValue(it.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(member).collect() })
        }
        Value::Object(members) => {
            let fields = members.iter().map(|(name, value)| (name.clone(), member(value)));
            Kind::StructValue(Struct { fields: fields.collect() })
        }
    };
    Member { kind: Some(kind) }
}

/// How many messages are inside each other: an object is a `Struct`, an entry and a `Value`, a list
/// is a `ListValue` and a `Value`. The outermost `Struct` counts as one, too, so this is one too
/// many.
fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(items) => 2 + items.iter().map(nesting).max().unwrap_or(0),
        Value::Object(members) => 3 + members.values().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}
