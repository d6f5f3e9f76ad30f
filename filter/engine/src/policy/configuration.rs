//! The policy as the host hands it over: Istio gives JSON (so does a `StringValue` in Envoy's
//! configuration), Envoy gives a `google.protobuf.Struct` as its protobuf bytes.

use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde::de::IgnoredAny;
use serde::ser::{Serialize, Serializer};

/// Returns the document in JSON. A large one passes through here without being built a third time
/// in memory, which a VM never gives back: the text is written where the message stood, which was
/// about as long.
///
/// prost refuses a message that is nested more than 100 messages deep (33 objects), so neither
/// decoding nor writing overflows the stack.
pub fn json(mut given: Vec<u8>) -> Vec<u8> {
    // a `Struct` begins with the tag of its first entry, which is a line feed; the entry's length
    // may be a brace (123)
    let is_message = match given.first() {
        Some(b'\n') => serde_json::from_slice::<IgnoredAny>(&given).is_err(),
        first => first.is_none(),
    };
    if !is_message {
        return given;
    }
    // for what is neither JSON nor a message, the error of the JSON parser says what was expected
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(text: &str) -> Value {
        Value { kind: Some(Kind::StringValue(text.to_owned())) }
    }

    fn object(fields: BTreeMap<String, Value>) -> Value {
        Value { kind: Some(Kind::StructValue(Struct { fields })) }
    }

    fn message(name: &str, value: Value) -> Vec<u8> {
        Struct { fields: [(name.to_owned(), value)].into() }.encode_to_vec()
    }

    #[test]
    fn a_message_is_a_message_whatever_its_first_entry_is_long() {
        for length in 0..300 {
            let value = "x".repeat(length);
            let message = message("issuer", text(&value));
            assert_eq!(
                json(message),
                format!(r#"{{"issuer":"{value}"}}"#).into_bytes(),
                "{length}"
            );
        }
        assert_eq!(json(Vec::new()), b"{}");
    }

    #[test]
    fn json_stays_as_it_is_whatever_stands_before_it() {
        for given in ["{}", " {}", "\n{}", "\r\n{\"a\": 1}", "\t{", "[]", "x"] {
            assert_eq!(json(given.as_bytes().to_vec()), given.as_bytes(), "{given:?}");
        }
    }

    #[test]
    fn a_message_that_is_nested_too_deep_is_no_document() {
        let nested =
            |depth| (0..depth).fold(text("x"), |value, _| object([("a".to_owned(), value)].into()));
        let deepest = message("a", nested(32));
        assert_eq!(
            json(deepest.clone()),
            format!("{}\"x\"{}", r#"{"a":"#.repeat(33), "}".repeat(33)).into_bytes()
        );
        let deeper = message("a", nested(33));
        assert_eq!(json(deeper.clone()), deeper);
        let mut bytes = Vec::new();
        for tag in [0x2a, 0x12, 0x0a].repeat(5_000) {
            let mut wrapped = vec![tag];
            prost::encode_length_delimiter(bytes.len(), &mut wrapped).unwrap();
            wrapped.extend(&bytes);
            bytes = wrapped;
        }
        assert_eq!(json(bytes.clone()), bytes);
    }
}
