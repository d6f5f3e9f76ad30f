//! Memberships in organisations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::Principal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::format_time;
use super::organisations::OrganisationJson;
use super::people::{PersonBody, PersonJson};
use crate::adapters::http::extract::{FieldErrors, JsonBody, PageQuery, PathId, page_response};
use crate::adapters::http::problem::Problem;
use crate::application::failure::Invalid;
use crate::application::memberships::{
    Invitation, accept_membership, end_membership, invite_member, list_memberships, read_members,
};
use crate::application::{Caller, Shop};
use crate::domain::organisation::{Membership, Role};
use crate::domain::values::{MembershipId, OrganisationId};

/// Role of a member in an organisation and in every organisation below it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum RoleJson {
    /// Belongs to the organisation.
    Member,
    /// Edits its products.
    Editor,
    /// Edits its products, reads the orders of everyone below, and manages its members.
    Manager,
}

impl From<RoleJson> for Role {
    fn from(role: RoleJson) -> Self {
        match role {
            RoleJson::Member => Self::Member,
            RoleJson::Editor => Self::Editor,
            RoleJson::Manager => Self::Manager,
        }
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

/// A membership in an organisation, or an invitation.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MembershipJson {
    /// Identifier of the membership.
    #[schema(format = "uuid")]
    id: String,
    /// The organisation.
    #[schema(format = "uuid")]
    organisation_id: String,
    /// The member.
    member: PersonJson,
    /// Role of the member.
    role: RoleJson,
    /// Time of the acceptance; absent for an invitation, which has no effect.
    #[schema(format = "date-time")]
    accepted_at: Option<String>,
}

/// A membership of the caller, with its organisation.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct OwnMembershipJson {
    #[serde(flatten)]
    membership: MembershipJson,
    /// The organisation.
    organisation: OrganisationJson,
}

impl From<&Membership> for MembershipJson {
    fn from(membership: &Membership) -> Self {
        Self {
            id: membership.id.to_string(),
            organisation_id: membership.organisation.to_string(),
            member: (&membership.member).into(),
            role: match membership.role {
                Role::Member => RoleJson::Member,
                Role::Editor => RoleJson::Editor,
                Role::Manager => RoleJson::Manager,
            },
            accepted_at: membership.accepted_at.map(format_time),
        }
    }
}

/// `GET /memberships`
pub(in super::super) async fn list(
    caller: Caller,
    State(shop): State<Shop>,
    query: PageQuery<MembershipId>,
) -> Result<Response, Problem> {
    let page = query.page()?;
    let memberships = list_memberships(&shop, &caller, page).await?;
    let items = memberships.iter().map(|(membership, organisation)| OwnMembershipJson {
        membership: membership.into(),
        organisation: organisation.into(),
    });
    let last = memberships.last().map(|(membership, _)| membership.id.to_string());
    Ok(page_response(&query, page.limit, last, items.collect::<Vec<_>>()))
}

/// `POST /memberships/{membership_id}/acceptance`
pub(in super::super) async fn accept(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<MembershipId>,
) -> Result<Json<MembershipJson>, Problem> {
    Ok(Json((&accept_membership(&shop, &caller, id).await?).into()))
}

/// `DELETE /memberships/{membership_id}`
pub(in super::super) async fn end(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<MembershipId>,
) -> Result<StatusCode, Problem> {
    end_membership(&shop, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
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
    Ok(page_response(
        &query,
        query.page()?.limit,
        members.last().map(|member| member.id.to_string()),
        items,
    ))
}

/// `POST /organisations/{organisation_id}/members`
pub(in super::super) async fn invite(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<OrganisationId>,
    body: JsonBody<InvitationBody>,
) -> Result<Response, Problem> {
    let membership =
        invite_member(&shop, &caller, id, || body.parse()?.validate(&caller.principal)).await?;
    let location = format!("/memberships/{}", membership.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(MembershipJson::from(&membership)))
        .into_response())
}
