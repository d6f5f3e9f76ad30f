//! Audit records of the admin bypass.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::format_time;
use super::people::PersonJson;
use crate::adapters::http::extract::{PageQuery, page_response};
use crate::adapters::http::problem::Problem;
use crate::application::audit::read_audit;
use crate::application::{Caller, Shop};
use crate::domain::audit::{AuditRecord, Outcome};
use crate::domain::values::AuditId;

/// Record of one use of the admin bypass.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AuditRecordJson {
    /// Identifier of the record.
    #[schema(format = "uuid")]
    id: String,
    /// Time of the operation.
    #[schema(format = "date-time")]
    at: String,
    /// The admin.
    who: PersonJson,
    /// The operation.
    operation: &'static str,
    /// Name of the resource.
    resource: String,
    /// Outcome of the operation.
    outcome: OutcomeJson,
    /// Reason that the admin gave.
    reason: Option<String>,
    /// Id of the request, as in the log.
    request_id: Option<String>,
}

/// `done`: the operation was performed. `rejected`: it was permitted but could not be performed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum OutcomeJson {
    Done,
    Rejected,
}

impl From<&AuditRecord> for AuditRecordJson {
    fn from(record: &AuditRecord) -> Self {
        Self {
            id: record.id.to_string(),
            at: format_time(record.at),
            who: (&record.principal).into(),
            operation: record.operation.id(),
            resource: record.resource.clone(),
            outcome: match record.outcome {
                Outcome::Done => OutcomeJson::Done,
                Outcome::Rejected => OutcomeJson::Rejected,
            },
            reason: record.reason.as_ref().map(|reason| reason.as_str().to_owned()),
            request_id: record.request_id.clone(),
        }
    }
}

/// `GET /audit`
pub(in super::super) async fn list(
    caller: Caller,
    State(shop): State<Shop>,
    query: PageQuery<AuditId>,
) -> Result<Response, Problem> {
    let page = query.page()?;
    let records = read_audit(&shop, &caller, page).await?;
    let items: Vec<_> = records.iter().map(AuditRecordJson::from).collect();
    Ok(page_response(&query, page.limit, records.last().map(|record| record.id.to_string()), items))
}
