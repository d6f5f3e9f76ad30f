//! The session that each use case runs in: one transaction and the permits that it issues. This is
//! the only caller of [`ownership::decide`], and the only place that records the use of the admin
//! bypass.

use std::sync::Arc;

use portcullis_principal::Principal;
use tracing::Span;
use uuid::Uuid;

use super::failure::{Failure, Invalid};
use super::ports::{Clock, IdempotencyKey, Store, Transaction};
use crate::domain::audit::{AuditRecord, Outcome};
use crate::domain::ownership::{self, ADMIN_ROLE, Action, Permit, Resource as _};
use crate::domain::values::{AuditId, Text, Timestamp};

/// Dependencies of the use cases.
#[derive(Clone)]
pub struct Shop {
    /// Persistent storage.
    pub store: Arc<dyn Store>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Settings of the operator.
    pub settings: Settings,
}

/// Settings of the operator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The admin bypass requires a reason.
    pub admin_reason_required: bool,
    /// A resource to which the caller has no right is reported as absent.
    pub hide_existence: bool,
}

/// The caller of a use case.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The authenticated principal.
    pub principal: Principal,
    /// The reason that an admin gave for using the bypass.
    pub reason: Option<Text<500>>,
    /// Id of the request, as in the log.
    pub request_id: Option<String>,
}

impl Caller {
    /// Returns whether the caller may use the bypass.
    pub(super) fn is_admin(&self) -> bool {
        self.principal.roles().iter().any(|role| role == ADMIN_ROLE)
    }
}

/// One run of a use case: its transaction, and the inputs of its ownership decisions.
pub(super) struct Session<'a> {
    pub(super) tx: Box<dyn Transaction>,
    pub(super) caller: &'a Caller,
    pub(super) now: Timestamp,
    shop: &'a Shop,
    /// Audit records to insert when the use case ends.
    audit_records: Vec<AuditRecord>,
}

impl<'a> Session<'a> {
    fn new(shop: &'a Shop, caller: &'a Caller, tx: Box<dyn Transaction>) -> Self {
        Self { tx, caller, now: shop.clock.now(), shop, audit_records: Vec::new() }
    }

    /// Begins a session that reads. For an admin it can also write, because reading by the bypass
    /// is recorded.
    pub(super) async fn read(shop: &'a Shop, caller: &'a Caller) -> Result<Self, Failure> {
        let tx =
            if caller.is_admin() { shop.store.write().await? } else { shop.store.read().await? };
        Ok(Self::new(shop, caller, tx))
    }

    /// Begins a session that changes something.
    pub(super) async fn write(shop: &'a Shop, caller: &'a Caller) -> Result<Self, Failure> {
        Ok(Self::new(shop, caller, shop.store.write().await?))
    }

    /// Begins a session that must not run twice under the same key.
    pub(super) async fn write_exclusive(
        shop: &'a Shop,
        caller: &'a Caller,
        key: &IdempotencyKey,
    ) -> Result<Self, Failure> {
        let tx = shop.store.write_exclusive(key).await?.ok_or(Failure::InProgress)?;
        Ok(Self::new(shop, caller, tx))
    }

    /// Decides whether the caller may perform `A` on the resource.
    pub(super) async fn authorize<A: Action>(
        &mut self,
        resource: A::Resource,
    ) -> Result<Permit<A>, Failure> {
        let (span, kind, name) = (Span::current(), resource.kind(), resource.name());
        span.record("operation", A::OPERATION.id());
        let relations =
            self.tx.relations(self.caller.principal.id(), resource.relationship()).await?;
        let permit =
            match ownership::decide::<A>(resource, &self.caller.principal, &relations, self.now) {
                Ok(permit) => permit,
                Err(refused) => {
                    span.record("right", "none");
                    let hidden = self.shop.settings.hide_existence;
                    return Err(if hidden { Failure::NotFound(kind) } else { refused.into() });
                }
            };
        span.record("right", permit.right().id());
        if permit.right().is_bypass() {
            if self.shop.settings.admin_reason_required && self.caller.reason.is_none() {
                return Err(Failure::ReasonRequired);
            }
            self.audit_records.push(AuditRecord {
                id: AuditId(Uuid::now_v7()),
                at: self.now,
                principal: self.caller.principal.id().clone(),
                operation: A::OPERATION,
                resource: name,
                outcome: Outcome::Done,
                reason: self.caller.reason.clone(),
                request_id: self.caller.request_id.clone(),
            });
        }
        Ok(permit)
    }

    /// Continues if the permitted change succeeded. Otherwise records a rejected use of the bypass,
    /// because the rejection also tells an admin something about the resource. Nothing else may
    /// have been written before.
    pub(super) async fn record_rejection<T>(
        mut self,
        outcome: Result<T, Failure>,
    ) -> Result<(Self, T), Failure> {
        match outcome {
            Ok(done) => Ok((self, done)),
            Err(failure) => {
                if !self.audit_records.is_empty() {
                    self.audit_records
                        .iter_mut()
                        .for_each(|record| record.outcome = Outcome::Rejected);
                    self.commit(()).await?;
                }
                Err(failure)
            }
        }
    }

    /// Inserts the audit records and commits. If an audit record cannot be written, the transaction
    /// is rolled back and the result is not returned.
    pub(super) async fn commit<T>(mut self, outcome: T) -> Result<T, Failure> {
        for record in &self.audit_records {
            self.tx.record(record).await?;
        }
        self.tx.commit().await?;
        Ok(outcome)
    }
}

/// Input that has not been read yet. A use case reads it only after the ownership decision, so that
/// a caller without a right learns nothing from validation errors.
pub trait Input<T>: FnOnce() -> Result<T, Invalid> + Send {}

impl<T, F: FnOnce() -> Result<T, Invalid> + Send> Input<T> for F {}

/// Versions that a change expects (RFC 9110 13.1.1, `If-Match`). Checked only after the ownership
/// decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The request has no precondition.
    None,
    /// Any version: `*`.
    Any,
    /// One of these versions. Empty if the header holds no valid entity tag.
    Versions(Vec<i64>),
}

impl Precondition {
    /// Checks an optional precondition.
    pub(super) fn check(&self, version: i64) -> Result<(), Failure> {
        match self {
            Self::Versions(seen) if !seen.contains(&version) => Err(Failure::PreconditionFailed),
            Self::Versions(_) | Self::None | Self::Any => Ok(()),
        }
    }

    /// Checks a required precondition. A replacement without one could overwrite a concurrent
    /// change.
    pub(super) fn require(&self, version: i64) -> Result<(), Failure> {
        match self {
            Self::None => Err(Failure::PreconditionRequired),
            _ => self.check(version),
        }
    }
}
