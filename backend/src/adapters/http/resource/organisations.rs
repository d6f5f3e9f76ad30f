//! Organisations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::adapters::http::extract::{JsonBody, PathId};
use crate::adapters::http::problem::Problem;
use crate::application::failure::{FieldError, Invalid};
use crate::application::organisations::{add_department, create_organisation, read_organisation};
use crate::application::{Caller, Shop};
use crate::domain::organisation::Organisation;
use crate::domain::values::{OrganisationId, Text};

/// A new company or department.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct OrganisationBody {
    /// Name of the organisation.
    name: String,
}

impl OrganisationBody {
    fn validate(self) -> Result<Text<200>, Invalid> {
        Text::new(self.name).map_err(|error| FieldError::body("/name", &error).into_invalid())
    }
}

/// A company or department.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct OrganisationJson {
    /// Identifier of the organisation.
    #[schema(format = "uuid")]
    id: String,
    /// Name of the organisation.
    name: String,
    /// The organisation above; absent for a company.
    #[schema(format = "uuid")]
    parent_id: Option<String>,
}

impl From<&Organisation> for OrganisationJson {
    fn from(organisation: &Organisation) -> Self {
        Self {
            id: organisation.id.to_string(),
            name: organisation.name.as_str().to_owned(),
            parent_id: organisation.parent.map(|id| id.to_string()),
        }
    }
}

fn created(organisation: &Organisation) -> Response {
    let location = format!("/organisations/{}", organisation.id);
    (StatusCode::CREATED, [(LOCATION, location)], Json(OrganisationJson::from(organisation)))
        .into_response()
}

/// `POST /organisations`
pub(in super::super) async fn create(
    caller: Caller,
    State(shop): State<Shop>,
    body: JsonBody<OrganisationBody>,
) -> Result<Response, Problem> {
    Ok(created(&create_organisation(&shop, &caller, || body.parse()?.validate()).await?))
}

/// `GET /organisations/{organisation_id}`
pub(in super::super) async fn read(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrganisationId>,
) -> Result<Json<OrganisationJson>, Problem> {
    Ok(Json((&read_organisation(&shop, &caller, id).await?).into()))
}

/// `POST /organisations/{organisation_id}/departments`
pub(in super::super) async fn add(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrganisationId>,
    body: JsonBody<OrganisationBody>,
) -> Result<Response, Problem> {
    Ok(created(&add_department(&shop, &caller, id, || body.parse()?.validate()).await?))
}
