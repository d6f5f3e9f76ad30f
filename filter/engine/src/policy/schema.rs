//! The JSON Schema of the policy document, so that editors complete it and name what is wrong while
//! it is written.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::document::Document;
use super::values::{Count, Json, Seconds, UniqueMap};
use crate::jose::signature::Algorithm;

/// The JSON Schema (2020-12) of the policy document.
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let mut schema = settings.into_generator().into_root_schema_for::<Document>().to_value();
    for (place, value) in [
        ("/title", json!("Portcullis policy")),
        (
            "/$defs/ProviderDocument/properties/algorithms/items",
            json!({ "enum": Algorithm::ALL.map(Algorithm::name) }),
        ),
    ] {
        if let Some(part) = schema.pointer_mut(place) {
            *part = value;
        }
    }
    schema
}

/// What is optional is left out, never `null`.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|it| it != &json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            schema.ensure_object().extend(only);
        }
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whole seconds: `60`, `60s`, `5m` or `1h`.",
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]+[smh]$" },
                { "type": "integer", "minimum": 0 },
            ],
        })
    }
}

impl JsonSchema for Json {
    fn schema_name() -> Cow<'static, str> {
        "Jwks".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A JWKS document (RFC 7517 5).",
            "type": "object",
            "properties": { "keys": { "type": "array", "items": { "type": "object" }, "minItems": 1 } },
            "required": ["keys"],
        })
    }
}

impl<T: JsonSchema> JsonSchema for UniqueMap<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_current() {
        let committed: Value =
            serde_json::from_str(include_str!("../../../../envoy/policy.schema.json")).unwrap();
        assert_eq!(
            committed,
            json_schema(),
            "run `cargo run -p portcullis-engine --features schema --example policy_schema > envoy/policy.schema.json`"
        );
    }

    #[test]
    fn no_field_of_the_schema_is_without_a_description_and_none_may_be_null() {
        fn walk(schema: &Value, place: &str) {
            assert_ne!(schema, "null", "{place}");
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                for (name, field) in properties.iter().filter(|(name, _)| *name != "keys") {
                    // of a choice, each is described as a whole
                    let described =
                        [schema, field].iter().any(|it| it.get("description").is_some());
                    assert!(described, "{place}.{name}");
                }
            }
            match schema {
                Value::Object(members) => {
                    members.iter().for_each(|(name, it)| walk(it, &format!("{place}.{name}")));
                }
                Value::Array(items) => items.iter().for_each(|it| walk(it, place)),
                _ => {}
            }
        }
        walk(&json_schema(), "");
    }
}
