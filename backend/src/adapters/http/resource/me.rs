//! The caller, as this service sees them.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::application::Caller;

/// The principal that the gateway vouches for.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MeJson {
    /// The provider that vouches for the subject.
    issuer: String,
    /// The subject within that issuer.
    subject: String,
    /// The plain list that the gateway's policy made of the token's claims.
    roles: Vec<String>,
    /// The `jti` of the client's token.
    token_id: Option<String>,
}

/// `GET /me`
pub(in super::super) async fn read(caller: Caller) -> Json<MeJson> {
    let principal = caller.principal;
    Json(MeJson {
        issuer: principal.issuer().to_owned(),
        subject: principal.subject().to_owned(),
        roles: principal.roles().to_vec(),
        token_id: principal.token_id().map(str::to_owned),
    })
}
