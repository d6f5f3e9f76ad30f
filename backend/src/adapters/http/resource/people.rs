//! People, as parts of other resources, and the current user.

use axum::Json;
use portcullis_principal::{Principal, PrincipalId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::adapters::http::extract::FieldErrors;
use crate::application::Caller;
use crate::domain::values::Text;

/// A person, identified by issuer and subject together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PersonJson {
    /// Issuer of the subject.
    issuer: String,
    /// Subject within the issuer.
    subject: String,
}

impl From<&PrincipalId> for PersonJson {
    fn from(id: &PrincipalId) -> Self {
        Self { issuer: id.issuer().to_owned(), subject: id.subject().to_owned() }
    }
}

/// A person in a request.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PersonBody {
    /// Issuer of the subject; by default that of the caller.
    issuer: Option<String>,
    /// Subject within the issuer.
    subject: String,
}

impl PersonBody {
    /// Validates the person; the default issuer is that of `caller`.
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

/// The current user, as authenticated by the gateway.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MeJson {
    /// Issuer of the subject.
    issuer: String,
    /// Subject within the issuer.
    subject: String,
    /// Roles that the gateway's policy derives from the token's claims.
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
