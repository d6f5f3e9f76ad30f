//! JSON bodies. Admission control has read the body; a use case parses it after the ownership
//! decision.

use std::marker::PhantomData;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::adapters::http::problem::Problem;
use crate::adapters::http::state::App;
use crate::application::failure::{FieldError, Invalid};

/// A body that should be the JSON form of a `T`.
pub(in super::super) struct JsonBody<T> {
    bytes: Bytes,
    is_json: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .map_or("", |kind| kind.to_str().unwrap_or_default());
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is_json = kind.eq_ignore_ascii_case("application/json");
        // the body is one frame: nothing is copied
        let bytes = to_bytes(request.into_body(), app.limits.body)
            .await
            .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"))?;
        Ok(Self { bytes, is_json, kind: PhantomData })
    }
}

impl<T> JsonBody<T> {
    /// Returns a hash of the body.
    pub(in super::super) fn fingerprint(&self) -> String {
        format!("{:x}", Sha256::digest(&self.bytes))
    }
}

impl<T: DeserializeOwned> JsonBody<T> {
    /// Parses the body. Unknown fields are rejected, so that a misspelt field is not ignored.
    pub(in super::super) fn parse(&self) -> Result<T, Invalid> {
        if !self.is_json {
            return Err(Invalid::MediaType);
        }
        // checks the syntax first, then the schema
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.bytes)
            .map_err(|error| Invalid::Syntax { at: (error.line(), error.column()) })?;
        let mut json = serde_json::Deserializer::from_slice(&self.bytes);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| field_error(error.path(), error.inner()))
    }
}

fn field_error(path: &serde_path_to_error::Path, error: &serde_json::Error) -> Invalid {
    use serde_path_to_error::Segment;
    if !error.is_data() {
        return Invalid::Syntax { at: (error.line(), error.column()) };
    }
    let pointer = path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        // RFC 6901 3
        Segment::Map { key } => format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    });
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    // the text alone names a missing or duplicate field; the path already names an unknown one
    for (what, detail) in
        [("missing field", "is missing"), ("duplicate field", "must not occur twice")]
    {
        if let Some(member) = text.strip_prefix(what).and_then(|rest| rest.split('`').nth(1)) {
            return FieldError::body(format!("{pointer}/{member}"), &detail).into_invalid();
        }
    }
    if text.starts_with("unknown field") {
        return FieldError::body(pointer, &"is not a known field").into_invalid();
    }
    FieldError::body(pointer, &text).into_invalid()
}

/// Collects the errors of a body, so that the client gets all of them at once.
#[derive(Default)]
pub(in super::super) struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Returns the value, or records the error.
    pub(in super::super) fn check<T, E: ToString>(
        &mut self,
        pointer: &str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.0.push(FieldError::body(pointer, &error))).ok()
    }

    /// Returns the value if there was no error. `None` is allowed only if an error was recorded.
    pub(in super::super) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Invalid::Fields(self.0)),
        }
    }
}
