//! JSON as a token may hold it: an object in UTF-8, no member twice at any depth (RFC 7515 4, RFC
//! 7519 4, RFC 8725 2.4), bounded in depth and in number of values. What is read borrows from the
//! text. The time to read is linear in the bytes.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Objects and lists inside each other.
const MAX_DEPTH: usize = 16;
/// Up to so many members of an object are compared with each other; beyond it the names are hashed.
const COMPARED: usize = 16;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Every number: a `NumericDate` may have a fraction (RFC 7519 2).
    Number(f64),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// A list.
    Array(Vec<Self>),
    /// An object; no name comes twice.
    Object(Object<'a>),
}

/// The members of an object, in the order of the text.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// Parses a text that is one object, of at most `max_values` values, nested ones included.
    pub fn parse(text: &'a [u8], max_values: usize) -> Option<Self> {
        // the visitors borrow from a text that is known to be UTF-8
        let mut deserializer = serde_json::Deserializer::from_str(std::str::from_utf8(text).ok()?);
        let left = Cell::new(max_values);
        let value = Value { depth: 0, left: &left }.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        match value {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// All members, in the order of the text.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The value at a path of literal member names.
    pub fn at<'v, S: AsRef<str>>(&'v self, path: &[S]) -> Option<&'v Json<'a>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.get(first.as_ref())?;
        for name in rest {
            let Json::Object(object) = value else { return None };
            value = object.get(name.as_ref())?;
        }
        Some(value)
    }
}

impl Json<'_> {
    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// A claim by its literal path: each part is one member name, so a name may hold dots.
pub type ClaimPath = Box<[Box<str>]>;

/// Reads one value, knowing how deep it stands.
#[derive(Clone, Copy)]
struct Value<'c> {
    depth: usize,
    /// Values that may still come.
    left: &'c Cell<usize>,
}

impl Value<'_> {
    /// What stands inside this value.
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            Err(E::custom("nested too deeply"))
        } else {
            Ok(Self { depth, ..self })
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let left =
            self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    #[allow(clippy::cast_precision_loss)] // as every reader of JSON numbers may (RFC 8259 6)
    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value as f64))
    }

    #[allow(clippy::cast_precision_loss)] // as above
    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let inside = self.inside()?;
        // roles and groups are mostly more than the four that a list grows to first
        let mut items = Vec::with_capacity(16);
        while let Some(item) = list.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let inside = self.inside()?;
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(16);
        // for many members; hashed with random keys, so that a client cannot choose names that
        // collide
        let mut names: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(name) = map.next_key_seed(Name)? {
            if members.len() == COMPARED {
                names.extend(members.iter().map(|(known, _)| known.clone()));
            }
            let is_new = match members.len() {
                0..COMPARED => members.iter().all(|(known, _)| *known != name),
                _ => names.insert(name.clone()),
            };
            if !is_new {
                return Err(A::Error::custom("a member comes twice"));
            }
            members.push((name, map.next_value_seed(inside)?));
        }
        Ok(Json::Object(Object(members)))
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_VALUES: usize = 1024;

    #[test]
    fn what_is_not_one_bounded_object_without_duplicates_is_refused() {
        let deep = |n: usize| format!("{{\"a\":{}1{}}}", "[".repeat(n), "]".repeat(n));
        let many = |n: usize| {
            let members: Vec<_> = (0..n).map(|n| format!("\"c{n}\":{n}")).collect();
            format!("{{{}}}", members.join(","))
        };
        for (text, good) in [
            ("{}", true),
            (r#" {"a": [1, {"b": null}], "é": "\u00e9"} "#, true),
            (&deep(MAX_DEPTH - 1), true),
            (&many(MAX_VALUES - 1), true),
            (&deep(MAX_DEPTH), false),
            (&deep(100_000), false),
            (&many(MAX_VALUES), false),
            ("", false),
            ("[]", false),
            ("null", false),
            ("\"a\"", false),
            ("{} {}", false),
            ("{}x", false),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"x":{"a":1,"a":2}}"#, false),
            (r#"{"x":[{"a":1,"a":2}]}"#, false),
            (r#"{"a":NaN}"#, false),
            (r#"{"a":1e999}"#, false),
            (r#"{"a":01}"#, false),
            (r#"{"a":1,}"#, false),
            (r#"{"a":"\ud800"}"#, false),
            ("\u{feff}{}", false),
        ] {
            assert_eq!(
                Object::parse(text.as_bytes(), MAX_VALUES).is_some(),
                good,
                "{}",
                text.get(..60).unwrap_or(text)
            );
        }
        assert_eq!(Object::parse(b"{\"a\":\"\xff\"}", MAX_VALUES), None);
    }

    #[test]
    fn a_path_is_literal_and_ends_where_there_is_no_object() {
        let text = br#"{"a":{"b.c":"x"},"a.b":"y","s":"z"}"#;
        let object = Object::parse(text, MAX_VALUES).unwrap();
        for (path, expected) in [
            (&["a", "b.c"][..], Some("x")),
            (&["a.b"], Some("y")),
            (&["a", "b", "c"], None),
            (&["s", "x"], None),
            (&[], None),
        ] {
            assert_eq!(object.at(path).and_then(Json::as_str), expected, "{path:?}");
        }
    }

    proptest! {
        /// Below and above the number of members from which on names are hashed, escaped or not.
        #[test]
        fn a_name_that_comes_twice_is_refused_wherever_the_two_stand(
            members in 2..100_usize, first in 0..100_usize, second in 0..100_usize, is_escaped: bool,
        ) {
            let (first, second) = (first % members, second % members);
            let name = |at: usize| match (at == second, is_escaped) {
                (true, true) => format!("\\u006e{first}"),
                (true, false) => format!("n{first}"),
                (false, _) => format!("n{at}"),
            };
            let text: Vec<_> = (0..members).map(|at| format!("\"{}\":0", name(at))).collect();
            let text = format!("{{{}}}", text.join(","));
            prop_assert_eq!(Object::parse(text.as_bytes(), MAX_VALUES).is_some(), first == second, "{}", text);
        }
    }
}
