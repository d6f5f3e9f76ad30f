//! People: as parts of other resources, and the caller.

use axum::Json;
use portcullis_principal::{Principal, PrincipalId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::adapters::http::extract::FieldErrors;
use crate::application::Caller;
use crate::domain::values::Text;

/// Somebody, by issuer and subject together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PersonJson {
    /// The provider that vouches for the subject.
    issuer: String,
    /// The subject within that issuer.
    subject: String,
}

impl From<&PrincipalId> for PersonJson {
    fn from(id: &PrincipalId) -> Self {
        Self { issuer: id.issuer().to_owned(), subject: id.subject().to_owned() }
    }
}

/// Somebody, as a client names them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PersonBody {
    /// The provider that vouches for the subject; the caller's own if it is left out.
    issuer: Option<String>,
    /// The subject within that issuer.
    subject: String,
}

impl PersonBody {
    /// Whom `caller` means.
    pub(super) fn validate(
        self,
        pointer: &str,
        caller: &Principal,
        errors: &mut FieldErrors,
    ) -> Option<PrincipalId> {
        let issuer = self.issuer.unwrap_or_else(|| caller.issuer().to_owned());
        let issuer = errors.check(&format!("{pointer}/issuer"), Text::<255>::new(issuer));
        let subject = errors.check(&format!("{pointer}/subject"), Text::<255>::new(self.subject));
        Some(PrincipalId::new(issuer?.as_str(), subject?.as_str()))
    }
}

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
