//! From bytes to the document: strict, and with the place of the first mistake.

use serde::de::IgnoredAny;

use super::document::Document;
use super::error::{PolicyError, PolicyErrors};
use super::strict::Strict;
use super::text::on_a_line;

impl Document {
    /// Reads a document in JSON. Numbers may be the doubles of a protobuf `Struct`.
    ///
    /// # Errors
    /// The first thing that is no policy: an unknown field, a member written twice, a value of the
    /// wrong kind.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyErrors> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let document =
            serde_path_to_error::deserialize(Strict(&mut deserializer)).map_err(|error| {
                let is_json = || serde_json::from_slice::<IgnoredAny>(json).is_ok();
                if error.inner().is_data() || is_json() {
                    let place = error.path().to_string();
                    of_kind(place.strip_prefix('.').unwrap_or(&place), error.inner())
                } else {
                    no_json(error.inner())
                }
            })?;
        deserializer.end().map_err(|error| no_json(&error))?;
        Ok(document)
    }
}

/// The text breaks off, or is none.
fn no_json(error: &serde_json::Error) -> PolicyErrors {
    let help = "write the policy as one JSON object".to_owned();
    PolicyError {
        place: String::new(),
        message: format!("it is no JSON: {error}"),
        help,
        other: None,
    }
    .into()
}

/// Something in it is not what can stand there.
fn of_kind(place: &str, error: &serde_json::Error) -> PolicyErrors {
    let text = error.to_string();
    // the place says it better
    let line = format!(" at line {} column {}", error.line(), error.column());
    let message = on_a_line(&in_words(text.strip_suffix(&line).unwrap_or(&text)));
    PolicyError {
        place: on_a_line(place),
        help: help(place, &message).to_owned(),
        message,
        other: None,
    }
    .into()
}

/// What serde says, without the names that things have in Rust.
fn in_words(text: &str) -> String {
    if text == "expected value" {
        return "it is neither a name nor a map of one name".to_owned();
    }
    if text.starts_with("invalid type: unit variant") {
        return "it is said by its name alone, and needs more".to_owned();
    }
    let text = text
        .split_once("expected struct ")
        .map_or(text.to_owned(), |(before, _)| [before, "expected a map"].concat());
    text.replace("expected a sequence", "expected a list")
        .replace("invalid type: sequence", "invalid type: list")
}

/// How to mend what serde found.
fn help(place: &str, message: &str) -> &'static str {
    const MENDS: [(&str, &str); 5] = [
        ("unknown field", "mend its name, or remove it: what is not known is never ignored"),
        ("unknown variant", "write one of those"),
        ("missing field", "add it"),
        ("duplicate field", "keep one of the two"),
        ("is written twice", "keep one of the two"),
    ];
    if message.contains("by its name alone") {
        return match place.rsplit('.').next() {
            Some("cookie") => {
                "write what belongs to it, as `{ cookie: { name: __Host-token, origins: [https://shop.example] } }`"
            }
            Some("header") => "write what belongs to it, as `{ header: { name: x-token } }`",
            _ => "write what belongs to it, as `{ shadow: { until: 2027-01-31 } }`",
        };
    }
    let known = MENDS.iter().find(|(part, _)| message.contains(part));
    known.map_or("write what is expected there", |(_, help)| help)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::model::Policy;
    use crate::policy::testing::{assert_seen, provider, report, rows, service};

    #[test]
    fn what_is_unknown_or_of_another_kind_is_told_with_its_place() {
        assert_seen!(report(&[
            ("an unknown field", |it| it["verify"] = json!(false)),
            ("of a service", |it| service(it)["routs"] = json!([])),
            ("of a row", |it| rows(it)[1]["role"] = json!("admin")),
            ("of the keys", |it| provider(it)["jwks"]["verify"] = json!(false)),
            ("no match", |it| rows(it)[0] = json!({ "public": true })),
            ("no rows", |it| drop(service(it).as_object_mut().unwrap().remove("routes"))),
            ("another kind", |it| service(it)["hosts"] = json!("*")),
            ("another kind of row", |it| rows(it)[2] = json!("GET /products")),
            ("half a second", |it| provider(it)["leeway"] = json!(0.5)),
            ("before zero", |it| provider(it)["leeway"] = json!(-1)),
            ("a span that is neither", |it| provider(it)["leeway"] = json!(true)),
            ("a number in words", |it| it["limits"] = json!({ "token_bytes": "many" })),
            ("providers in a list", |it| it["providers"] = json!([])),
            ("keys that are no object", |it| provider(it)["jwks"] = json!({ "inline": 7 })),
            ("no span of time", |it| provider(it)["jwks"]["refresh"] = json!("soon")),
            ("an unknown preset", |it| provider(it)["preset"] = json!("keycloack")),
            ("an unknown split", |it| provider(it)["roles"] =
                json!([{ "path": ["scope"], "split": "comma" }])),
            ("no token source", |it| provider(it)["token_source"] = json!({ "query": "token" })),
            ("a cookie by its name alone", |it| provider(it)["token_source"] = json!("cookie")),
            ("a header by its name alone", |it| provider(it)["token_source"] = json!("header")),
            ("a trial by its name alone", |it| it["mode"] = json!("shadow")),
            ("a row as a list", |it| rows(it)[2] = json!(["GET /products", true])),
            ("a mode as a list", |it| it["mode"] = json!({ "shadow": ["2027-01-31"] })),
            ("a token source as a list", |it| provider(it)["token_source"] =
                json!({ "header": ["x-token"] })),
            ("a field with a line break", |it| it["x\ny"] = json!(1)),
            ("nothing", |it| service(it)["clusters"] = json!(null)),
            ("no mode", |it| it["mode"] = json!(null)),
            ("a mode that is a number", |it| it["mode"] = json!(1)),
            ("two modes", |it| it["mode"] =
                json!({ "shadow": { "until": "2027-01-31" }, "enforce": null })),
            ("public, but not quite", |it| rows(it)[2]["public"] = json!("yes")),
        ]));
    }

    #[test]
    fn a_member_written_twice_is_told_with_its_place_at_any_depth() {
        let texts = [
            r#"{"providers": {}, "providers": {}}"#,
            r#"{"providers": {"a": {}, "a": {}}}"#,
            r#"{"providers": {"a": {"issuer": "x", "issuer": "y"}}}"#,
            r#"{"services": {"a": {"hosts": [], "routes": [{"match": "GET /", "public": true, "public": true}]}}}"#,
            r#"{"providers": {"a": {"jwks": {"inline": {"keys": [{"kid": "a", "kid": "b"}]}}}}}"#,
            r#"{"providers": {"a": {"role_names": {"x": "a", "x": "b"}}}}"#,
        ];
        let errors = texts.map(|text| Policy::from_json(text.as_bytes()).unwrap_err().to_string());
        assert_seen!(errors.join("\n"));
    }

    #[test]
    fn what_is_no_json_is_told_with_its_line() {
        let texts = [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"{} {}",
            b"{\n  \"providers\": x\n}",
            b"\xff",
            b"{\"services\": \"\xff\"}",
        ];
        let errors = texts.map(|text| Policy::from_json(text).unwrap_err().to_string());
        assert_seen!(errors.join("\n"));
    }
}
