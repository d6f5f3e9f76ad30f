//! The audit records of the admins' bypass.

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

/// Who did what by the bypass, to what, when and why.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AuditRecordJson {
    /// Its name for machines.
    #[schema(format = "uuid")]
    id: String,
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// The admin.
    who: PersonJson,
    /// Which operation.
    operation: &'static str,
    /// On what.
    resource: String,
    /// Whether it was done, or admitted and then found not to be possible.
    outcome: OutcomeJson,
    /// Why, in the admin's words.
    reason: Option<String>,
    /// The request, as the logs call it.
    request_id: Option<String>,
}

/// What came of a bypass.
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
