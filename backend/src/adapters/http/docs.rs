//! Swagger UI page, in the development profile only. Its script and style sheet are a pinned
//! version embedded in the program, so the browser contacts no other origin.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use utoipa_swagger_ui::SwaggerFile;

use super::problem::Problem;

/// The page. Its links are absolute, because the path of the page has no trailing slash.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;

/// Script that starts Swagger UI. An inline script would need an exception in [`POLICY`].
const START: &str = r##"SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
"##;

/// The files of Swagger UI that the page needs. Its own page, and its OAuth redirect page with an
/// inline script, are not served.
const SWAGGER_UI: [&str; 3] = ["favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"];

/// Restricts the page to its own origin. Swagger UI embeds its icons as `data:` images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /docs`
pub(super) async fn page() -> Response {
    served("text/html; charset=utf-8", PAGE.as_bytes())
}

/// `GET /docs/{file}`
pub(super) async fn file(name: Result<Path<String>, PathRejection>) -> Response {
    let Ok(Path(name)) = name else { return absent() };
    if name == "start.js" {
        return served("text/javascript", START.as_bytes());
    }
    let embedded =
        SWAGGER_UI.contains(&&*name).then(|| utoipa_swagger_ui::serve(&name, Arc::default()));
    match embedded {
        // embedded and compressed at build time: nothing is copied
        Some(Ok(Some(SwaggerFile {
            bytes: Cow::Borrowed(bytes),
            content_type,
            gzpipped: true,
            ..
        }))) => {
            let mut response = served(&content_type, bytes);
            if response.status().is_success() {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        }
        _ => absent(),
    }
}

/// Returns a file of the page.
fn served(kind: &str, bytes: &'static [u8]) -> Response {
    if !cfg!(debug_assertions) {
        return absent();
    }
    ([(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY)], bytes).into_response()
}

fn absent() -> Response {
    Problem::new(StatusCode::NOT_FOUND, "no-such-path").into_response()
}
