//! Delegations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use portcullis_principal::Principal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::people::{PersonBody, PersonJson};
use super::{format_time, parse_time};
use crate::adapters::http::extract::{FieldErrors, JsonBody, PageQuery, PathId, page_response};
use crate::adapters::http::problem::Problem;
use crate::application::delegations::{
    NewDelegation, grant_delegation, list_delegations, read_delegation, revoke_delegation,
};
use crate::application::failure::Invalid;
use crate::application::{Caller, Shop};
use crate::domain::delegation::{Delegation, Scope};
use crate::domain::values::DelegationId;

/// A new delegation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct DelegationBody {
    /// Who may act on the caller's orders.
    delegate: PersonBody,
    /// What the delegate may do.
    scope: ScopeJson,
    /// The time at which the delegation ends: at most 366 days from now.
    #[schema(format = "date-time")]
    until: String,
}

/// `reading`: read orders. `everything`: everything that acts on an order, except sharing it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ScopeJson {
    Reading,
    Everything,
}

impl DelegationBody {
    fn validate(self, caller: &Principal) -> Result<NewDelegation, Invalid> {
        let mut errors = FieldErrors::default();
        let delegate = self.delegate.validate("/delegate", caller, &mut errors);
        let until = errors.check("/until", parse_time(&self.until));
        let scope = match self.scope {
            ScopeJson::Reading => Scope::Reading,
            ScopeJson::Everything => Scope::Everything,
        };
        errors.finish(delegate.zip(until).map(|(delegate, until)| NewDelegation {
            delegate,
            scope,
            until,
        }))
    }
}

/// A delegation.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct DelegationJson {
    /// Identifier of the delegation.
    #[schema(format = "uuid")]
    id: String,
    /// The owner of the orders.
    grantor: PersonJson,
    /// Who may act on them.
    delegate: PersonJson,
    /// What the delegate may do.
    scope: ScopeJson,
    /// Time of the grant.
    #[schema(format = "date-time")]
    granted_at: String,
    /// The time at which the delegation ends.
    #[schema(format = "date-time")]
    until: String,
}

impl From<&Delegation> for DelegationJson {
    fn from(delegation: &Delegation) -> Self {
        Self {
            id: delegation.id.to_string(),
            grantor: (&delegation.grantor).into(),
            delegate: (&delegation.delegate).into(),
            scope: match delegation.scope {
                Scope::Reading => ScopeJson::Reading,
                Scope::Everything => ScopeJson::Everything,
            },
            granted_at: format_time(delegation.granted_at),
            until: format_time(delegation.until),
        }
    }
}

/// `POST /delegations`
pub(in super::super) async fn grant(
    caller: Caller,
    State(shop): State<Shop>,
    body: JsonBody<DelegationBody>,
) -> Result<Response, Problem> {
    let delegation =
        grant_delegation(&shop, &caller, || body.parse()?.validate(&caller.principal)).await?;
    let location = format!("/delegations/{}", delegation.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(DelegationJson::from(&delegation)))
        .into_response())
}

/// `GET /delegations`
pub(in super::super) async fn list(
    caller: Caller,
    State(shop): State<Shop>,
    query: PageQuery<DelegationId>,
) -> Result<Response, Problem> {
    let page = query.page()?;
    let delegations = list_delegations(&shop, &caller, page).await?;
    let items: Vec<_> = delegations.iter().map(DelegationJson::from).collect();
    Ok(page_response(
        &query,
        page.limit,
        delegations.last().map(|delegation| delegation.id.to_string()),
        items,
    ))
}

/// `GET /delegations/{delegation_id}`
pub(in super::super) async fn read(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<DelegationId>,
) -> Result<Json<DelegationJson>, Problem> {
    Ok(Json((&read_delegation(&shop, &caller, id).await?).into()))
}

/// `DELETE /delegations/{delegation_id}`
pub(in super::super) async fn revoke(
    caller: Caller,
    State(shop): State<Shop>,
    PathId(id): PathId<DelegationId>,
) -> Result<StatusCode, Problem> {
    revoke_delegation(&shop, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
