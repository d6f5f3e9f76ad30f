//! The policy as the host hands it over: Istio gives JSON (so does a `StringValue` in Envoy's configuration), Envoy gives a
//! `google.protobuf.Struct` as its protobuf bytes.

use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde::ser::{Serialize, Serializer};

/// The document in JSON. A large one passes through here without being built a third time in memory, which a VM never
/// gives back: the text is written where the message stood, which was about as long.
pub(crate) fn json(mut given: Vec<u8>) -> Vec<u8> {
    // no protobuf message begins so: it would be a field of a type that there is not
    if given.trim_ascii_start().first() == Some(&b'{') {
        return given;
    }
    // of what is neither, the engine says what a policy must look like
    let Ok(document) = Struct::decode(&*given) else { return given };
    given.clear();
    if serde_json::to_writer(&mut given, &Object(&document)).is_err() {
        given.clear();
    }
    given
}

struct Object<'a>(&'a Struct);

struct Member<'a>(&'a Value);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.fields.iter().map(|(name, value)| (name, Member(value))))
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            None | Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::BoolValue(it)) => serializer.serialize_bool(*it),
            Some(Kind::NumberValue(it)) => serializer.serialize_f64(*it),
            Some(Kind::StringValue(it)) => serializer.serialize_str(it),
            Some(Kind::ListValue(list)) => serializer.collect_seq(list.values.iter().map(Member)),
            Some(Kind::StructValue(it)) => Object(it).serialize(serializer),
        }
    }
}
