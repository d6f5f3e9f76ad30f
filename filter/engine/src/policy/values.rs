//! Values as a document may write them. Envoy and Istio hand the document over as a protobuf
//! `Struct`, which knows no integers: `300` arrives as `300.0`, so both are the same here.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// A whole number, zero or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

/// A span of whole seconds: `60`, `60.0`, `"60s"`, `"5m"` or `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

/// Any JSON, without a member written twice at any depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub Value);

/// A map from names to values that refuses a name written twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueMap<T>(pub BTreeMap<String, T>);

impl Count {
    /// The number, as large as this machine can count.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.0)
    }
}

impl<T> Default for UniqueMap<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> std::ops::Deref for UniqueMap<T> {
    type Target = BTreeMap<String, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Doubles hold whole numbers exactly up to 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The whole number that a double holds, if it holds one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, not negative, and at most 2^53
fn whole(number: f64) -> Option<u64> {
    ((0.0..=EXACT).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

fn seconds(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes() {
        [.., b's'] => (text.strip_suffix('s')?, 1),
        [.., b'm'] => (text.strip_suffix('m')?, 60),
        [.., b'h'] => (text.strip_suffix('h')?, 3600),
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::custom(format_args!("`{number}` is less than zero")))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        whole(number).ok_or_else(|| E::custom(format_args!("`{number}` is not a whole number")))
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whole seconds, as `60`, `60s`, `5m` or `1h`")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        CountVisitor.visit_i64(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        CountVisitor.visit_f64(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        let error =
            || E::custom(format_args!("`{text}` is not a span of time, as `60s`, `5m` or `1h`"));
        seconds(text).ok_or_else(error)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecondsVisitor).map(Self)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = UniqueMap<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueMap<T>, A::Error> {
        let mut named = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if named.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{name}` is written twice")));
            }
            named.insert(name, map.next_value()?);
        }
        Ok(UniqueMap(named))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for UniqueMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

impl<T: Serialize> Serialize for UniqueMap<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    // every number is the double that a protobuf `Struct` would have made of it, so the policy's
    // hash is the same
    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        let negative = || Some(Value::from(-i64::try_from(whole(-number)?).ok()?));
        Ok(whole(number).map(Value::from).or_else(negative).unwrap_or_else(|| number.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        let UniqueMap(members) = NamedVisitor::<Json>(PhantomData).visit_map(members)?;
        Ok(Value::Object(members.into_iter().map(|(name, Json(value))| (name, value)).collect()))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Self)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_is_whole_seconds_however_it_is_written() {
        for (json, expected) in [
            ("60", Some(60)),
            ("60.0", Some(60)),
            ("\"60s\"", Some(60)),
            ("\"5m\"", Some(300)),
            ("\"1h\"", Some(3600)),
            ("0", Some(0)),
            ("-1", None),
            ("0.5", None),
            ("1e300", None),
            ("\"60\"", None),
            ("\"-5s\"", None),
            ("\"+5s\"", None),
            ("\"s\"", None),
            ("\"5 m\"", None),
            ("\"99999999999999999999s\"", None),
            ("\"9999999999999999999h\"", None),
            ("true", None),
            ("null", None),
        ] {
            assert_eq!(serde_json::from_str::<Seconds>(json).ok().map(|s| s.0), expected, "{json}");
        }
    }

    #[test]
    fn a_number_that_a_protobuf_struct_made_a_double_is_the_same_number() {
        assert_eq!(
            serde_json::from_str::<Count>("300").unwrap(),
            serde_json::from_str("300.0").unwrap()
        );
        assert!(serde_json::from_str::<Count>("300.5").is_err());
        assert!(serde_json::from_str::<Count>("\"300\"").is_err());
    }

    #[test]
    fn a_member_written_twice_is_refused_at_any_depth() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"keys": [{"kid": "a", "kid": "b"}]}"#,
            r#"[[{"x": {"a": 0, "a": 0}}]]"#,
        ] {
            let error = serde_json::from_str::<Json>(text).unwrap_err().to_string();
            assert!(error.contains("is written twice"), "{error}");
        }
        let whole = r#"{"a":[1,2.5,-1,null,true,"x",{}]}"#;
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<Json>(whole).unwrap()).unwrap(),
            whole
        );
        for (whole, double) in [
            ("1", "1.0"),
            ("-1", "-1.0"),
            ("0", "-0.0"),
            ("1152921504606846976", "1.152921504606846976e18"),
            ("9007199254740993", "9007199254740992.0"),
            ("-9007199254740993", "-9007199254740992.0"),
        ] {
            let [whole, double] =
                [whole, double].map(|text| serde_json::from_str::<Json>(text).unwrap());
            assert_eq!(whole, double);
        }
    }

    #[test]
    fn a_name_written_twice_is_refused() {
        let error = serde_json::from_str::<UniqueMap<Count>>(r#"{"a": 1, "a": 2}"#).unwrap_err();
        assert!(error.to_string().starts_with("`a` is written twice"), "{error}");
    }
}
