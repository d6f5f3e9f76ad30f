//! From bytes to the document: strict, and with the place of the first mistake.

use super::document::Document;
use super::error::{PolicyError, PolicyErrors};

impl Document {
    /// Reads a document in JSON. Numbers may be the doubles of a protobuf `Struct`.
    ///
    /// # Errors
    /// The first thing that is no policy: an unknown field, a member written twice, a value of the wrong kind.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyErrors> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let document = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let place = Some(error.path().to_string()).filter(|path| path != ".").unwrap_or_default();
            mistake(place, error.inner())
        })?;
        deserializer.end().map_err(|error| mistake(String::new(), &error))?;
        Ok(document)
    }
}

fn mistake(place: String, error: &serde_json::Error) -> PolicyErrors {
    let message = error.to_string();
    let message = match message.strip_suffix(&format!(" at line {} column {}", error.line(), error.column()))
    {
        // the place says it better, if the text can be read at all
        Some(message) if error.is_data() => message.to_owned(),
        _ => message,
    };
    let help = if error.is_data() { mend(&message) } else { "write the policy as one JSON object" };
    PolicyError { place, help: help.to_owned(), message, other: None }.into()
}

/// How to mend what serde found.
fn mend(message: &str) -> &'static str {
    const MENDS: [(&str, &str); 5] = [
        ("unknown field", "mend its name, or remove it: what is not known is never ignored"),
        ("unknown variant", "write one of those"),
        ("missing field", "add it"),
        ("duplicate field", "keep one of the two"),
        ("is written twice", "keep one of the two"),
    ];
    let known = MENDS.iter().find(|(part, _)| message.contains(part));
    known.map_or("write what is expected there", |(_, mend)| mend)
}
