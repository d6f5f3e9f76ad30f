//! The door of every use case: a transaction, and the permits that are given out in it. The only caller of
//! [`ownership::decide`], and the one place where the admin's bypass is put on record.

use std::sync::Arc;

use portcullis_principal::Principal;
use tracing::Span;

use super::failure::{Failure, Invalid};
use super::ports::{Clock, IdempotencyKey, Store, Transaction};
use crate::domain::audit::{AuditRecord, Outcome};
use crate::domain::ownership::{self, ADMIN_ROLE, Action, Permit, Resource as _};
use crate::domain::values::{AuditId, Text, Timestamp};
use uuid::Uuid;

/// What every use case works with.
#[derive(Clone)]
pub struct Shop {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What the operator chose.
    pub settings: Settings,
}

/// What the operator chose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The admin's bypass needs a reason.
    pub admin_reason_required: bool,
    /// What is another's seems to be absent.
    pub hide_existence: bool,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// Why, if they are an admin and said so.
    pub reason: Option<Text<500>>,
    /// The request, as the logs call it.
    pub request_id: Option<String>,
}

impl Caller {
    /// Whether the bypass is open to them.
    pub(super) fn is_admin(&self) -> bool {
        self.principal.roles().iter().any(|role| role == ADMIN_ROLE)
    }
}

/// One use case at work: a transaction, and what the permits in it are decided by.
pub(super) struct Session<'a> {
    pub(super) tx: Box<dyn Transaction>,
    pub(super) caller: &'a Caller,
    pub(super) now: Timestamp,
    shop: &'a Shop,
    /// What goes on record when the use case ends, however it ends.
    audit_records: Vec<AuditRecord>,
}

impl<'a> Session<'a> {
    fn new(shop: &'a Shop, caller: &'a Caller, tx: Box<dyn Transaction>) -> Self {
        Self { tx, caller, now: shop.clock.now(), shop, audit_records: Vec::new() }
    }

    /// For use cases that only look. An admin's look may be recorded, so it writes.
    pub(super) async fn read(shop: &'a Shop, caller: &'a Caller) -> Result<Self, Failure> {
        let tx = if caller.is_admin() { shop.store.write().await? } else { shop.store.read().await? };
        Ok(Self::new(shop, caller, tx))
    }

    /// For use cases that change something.
    pub(super) async fn write(shop: &'a Shop, caller: &'a Caller) -> Result<Self, Failure> {
        Ok(Self::new(shop, caller, shop.store.write().await?))
    }

    /// For use cases that must not be done twice under this key.
    pub(super) async fn write_exclusive(
        shop: &'a Shop,
        caller: &'a Caller,
        key: &IdempotencyKey,
    ) -> Result<Self, Failure> {
        let tx = shop.store.write_exclusive(key).await?.ok_or(Failure::InProgress)?;
        Ok(Self::new(shop, caller, tx))
    }

    /// May the caller do `A` to this?
    pub(super) async fn authorize<A: Action>(&mut self, resource: A::Resource) -> Result<Permit<A>, Failure> {
        let (span, kind, name) = (Span::current(), resource.kind(), resource.name());
        span.record("operation", A::OPERATION.id());
        let relations = self.tx.relations(self.caller.principal.id(), resource.relationship()).await?;
        let permit = match ownership::decide::<A>(resource, &self.caller.principal, &relations, self.now) {
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

    /// Goes on if what was permitted can be done. If not, nothing has been written yet but what goes on record: what an
    /// admin learns from a rejection is learned by the bypass too.
    pub(super) async fn record_rejection<T>(
        mut self,
        outcome: Result<T, Failure>,
    ) -> Result<(Self, T), Failure> {
        match outcome {
            Ok(done) => Ok((self, done)),
            Err(failure) => {
                if !self.audit_records.is_empty() {
                    self.audit_records.iter_mut().for_each(|record| record.outcome = Outcome::Rejected);
                    self.commit(()).await?;
                }
                Err(failure)
            }
        }
    }

    /// Ends the use case. The bypass is recorded in the same transaction: no record, no deed, and nothing to show for it.
    pub(super) async fn commit<T>(mut self, outcome: T) -> Result<T, Failure> {
        for record in &self.audit_records {
            self.tx.record(record).await?;
        }
        self.tx.commit().await?;
        Ok(outcome)
    }
}

/// Reads what was sent.
pub trait Input<T>: FnOnce() -> Result<T, Invalid> + Send {}

impl<T, F: FnOnce() -> Result<T, Invalid> + Send> Input<T> for F {}

/// Which versions the change is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The caller did not say.
    None,
    /// Any, as long as there is one: `*`.
    Any,
    /// One of these. Empty if none of what was sent can be a version of anything.
    Versions(Vec<i64>),
}

impl Precondition {
    /// For what can be changed without having been seen.
    pub(super) fn check(&self, version: i64) -> Result<(), Failure> {
        match self {
            Self::Versions(seen) if !seen.contains(&version) => Err(Failure::PreconditionFailed),
            Self::Versions(_) | Self::None | Self::Any => Ok(()),
        }
    }

    /// For what is replaced whole: whoever has not seen it would undo another's change.
    pub(super) fn require(&self, version: i64) -> Result<(), Failure> {
        match self {
            Self::None => Err(Failure::PreconditionRequired),
            _ => self.check(version),
        }
    }
}
