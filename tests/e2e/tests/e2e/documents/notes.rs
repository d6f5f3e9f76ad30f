//! The tiny service of the walk: README.md shows it, line by line, and the walk runs it.
use std::path::Path as File;

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use portcullis_principal::{AssertionVerifier, Principal, SetupError};

async fn notes(
    principal: Principal,
    Path(owner): Path<String>,
) -> Result<&'static str, StatusCode> {
    if principal.subject() == owner { Ok("yours\n") } else { Err(StatusCode::FORBIDDEN) }
}

pub(crate) fn app(keys: &File) -> Result<Router, SetupError> {
    let verifier = AssertionVerifier::from_jwks_file(keys, "portcullis", "notes")?;
    let about = get(async || "notes, one page for everybody\n");
    Ok(Router::new()
        .route("/notes/{owner}", get(notes))
        .route("/about", about)
        .with_state(verifier))
}
