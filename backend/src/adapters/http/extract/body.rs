//! The body, taken in but not looked at: use cases read it once the right is decided. Admission has read it whole and within
//! its bounds (see `admission`).

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

/// A JSON body that ought to be a `T`.
pub(in super::super) struct JsonBody<T> {
    bytes: Bytes,
    is_json: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap_or_default());
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is_json = kind.eq_ignore_ascii_case("application/json");
        // one frame: nothing is copied
        let bytes = to_bytes(request.into_body(), app.limits.body)
            .await
            .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"))?;
        Ok(Self { bytes, is_json, kind: PhantomData })
    }
}

impl<T> JsonBody<T> {
    /// What tells this body from another.
    pub(in super::super) fn fingerprint(&self) -> String {
        format!("{:x}", Sha256::digest(&self.bytes))
    }
}

impl<T: DeserializeOwned> JsonBody<T> {
    /// Reads it. Members that are not known are refused: nobody should believe that they did something.
    pub(in super::super) fn parse(&self) -> Result<T, Invalid> {
        if !self.is_json {
            return Err(Invalid::MediaType);
        }
        // first whether it is one JSON text, then what it means
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.bytes)
            .map_err(|error| Invalid::Syntax { at: (error.line(), error.column()) })?;
        let mut json = serde_json::Deserializer::from_slice(&self.bytes);
        serde_path_to_error::deserialize(&mut json).map_err(|error| field_error(error.path(), error.inner()))
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
    // a member that is missing or comes twice is named in the text alone; one that is not known, in the path already
    for (what, detail) in [("missing field", "is missing"), ("duplicate field", "comes twice")] {
        if let Some(member) = text.strip_prefix(what).and_then(|rest| rest.split('`').nth(1)) {
            return FieldError::body(format!("{pointer}/{member}"), &detail).into_invalid();
        }
    }
    if text.starts_with("unknown field") {
        return FieldError::body(pointer, &"must not be sent").into_invalid();
    }
    FieldError::body(pointer, &text).into_invalid()
}

/// Collects what is wrong with a body, so that the client learns all of it at once.
#[derive(Default)]
pub(in super::super) struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// The value, or one fault more.
    pub(in super::super) fn check<T, E: ToString>(
        &mut self,
        pointer: &str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.0.push(FieldError::body(pointer, &error))).ok()
    }

    /// What `make` makes of the values that were taken. It gives `None` only if one of them was an error.
    pub(in super::super) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Invalid::Fields(self.0)),
        }
    }
}
