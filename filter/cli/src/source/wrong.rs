//! What is wrong with a text that is no YAML, or of another shape, in words for whoever wrote it.

use serde_saphyr::Error;

/// What is wrong, and how to mend it.
pub(super) fn told(error: &Error) -> (String, &'static str) {
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map_or_else(|| "a name".to_owned(), |key| format!("`{key}`"));
            (format!("{key} is written twice"), "keep one of the two")
        }
        Error::MultipleDocuments { .. } => {
            ("it holds several YAML documents".to_owned(), "write each into a file of its own")
        }
        Error::SerdeUnknownField { field, expected, .. } => {
            let expected = crate::lint::listed(expected);
            (format!("unknown field `{field}`, expected one of {expected}"), "mend its name, or remove it")
        }
        Error::SerdeMissingField { field, .. } => (format!("missing field `{field}`"), "add it"),
        Error::Message { msg, .. } => (msg.clone(), "write what is expected there"),
        other => {
            let line = other.to_string();
            let line = line.lines().next().unwrap_or_default();
            let cut = line.find(" at line ").map_or(line, |at| line.get(..at).unwrap_or(line));
            let said = cut.trim_start_matches("error: ").trim_end_matches([',', ':', '.']);
            (format!("it is no YAML: {said}"), "mend the line, or one before it")
        }
    }
}
