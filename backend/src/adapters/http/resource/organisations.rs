//! Organisations and their members.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::Principal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::memberships::{MembershipJson, RoleJson};
use super::people::PersonBody;
use crate::adapters::http::extract::{FieldErrors, JsonBody, PageQuery, PathId, page_response};
use crate::adapters::http::problem::Problem;
use crate::application::failure::{FieldError, Invalid};
use crate::application::memberships::{Invitation, invite_member, read_members};
use crate::application::organisations::{add_department, create_organisation, read_organisation};
use crate::application::{Caller, Shop};
use crate::domain::organisation::Organisation;
use crate::domain::values::{MembershipId, OrganisationId, Text};

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

/// An invitation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct InvitationBody {
    /// Who is invited.
    member: PersonBody,
    /// The role that the invitation offers.
    role: RoleJson,
}

impl InvitationBody {
    fn validate(self, caller: &Principal) -> Result<Invitation, Invalid> {
        let mut errors = FieldErrors::default();
        let member = self.member.validate("/member", caller, &mut errors);
        errors.finish(member.map(|member| Invitation { member, role: self.role.into() }))
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
    (StatusCode::CREATED, [(LOCATION, location)], Json(OrganisationJson::from(organisation))).into_response()
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

/// `GET /organisations/{organisation_id}/members`
pub(in super::super) async fn members(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrganisationId>,
    query: PageQuery<MembershipId>,
) -> Result<Response, Problem> {
    let members = read_members(&shop, &caller, id, || query.page()).await?;
    let items: Vec<_> = members.iter().map(MembershipJson::from).collect();
    Ok(page_response(&query, query.page()?.limit, members.last().map(|member| member.id.to_string()), items))
}

/// `POST /organisations/{organisation_id}/members`
pub(in super::super) async fn invite(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrganisationId>,
    body: JsonBody<InvitationBody>,
) -> Result<Response, Problem> {
    let membership = invite_member(&shop, &caller, id, || body.parse()?.validate(&caller.principal)).await?;
    let location = format!("/memberships/{}", membership.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(MembershipJson::from(&membership))).into_response())
}
