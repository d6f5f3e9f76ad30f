//! The policy as the host hands it over: Istio gives JSON (so does a `StringValue` in Envoy's configuration), Envoy gives a
//! `google.protobuf.Struct` as its protobuf bytes.

use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

/// The document in JSON.
pub(crate) fn json(given: Vec<u8>) -> Vec<u8> {
    // no protobuf message begins so: it would be a field of a type that there is not
    if given.trim_ascii_start().first() == Some(&b'{') {
        return given;
    }
    match Struct::decode(&*given) {
        Ok(document) => object(document).to_string().into_bytes(),
        // the engine says what a policy must look like
        Err(_) => given,
    }
}

fn object(document: Struct) -> serde_json::Value {
    let members = document.fields.into_iter().map(|(name, it)| (name, value(it)));
    serde_json::Value::Object(members.collect())
}

fn value(given: Value) -> serde_json::Value {
    match given.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(it)) => it.into(),
        Some(Kind::NumberValue(it)) => it.into(),
        Some(Kind::StringValue(it)) => it.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value).collect(),
        Some(Kind::StructValue(it)) => object(it),
    }
}
