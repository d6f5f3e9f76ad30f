//! A delegation: somebody lets another act on all of their orders, for a while.

use std::time::Duration;

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Authorized, Resource, Right, actions};
use super::relations::{Relations, Relationship};
use super::values::{DelegationId, Timestamp};

pub use super::relations::{Delegation, Scope};

/// The longest that a delegation may last.
pub const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

/// Why there is no such delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelegationError {
    /// It would be over.
    #[error("must be in the future")]
    Expired,
    /// It would last too long.
    #[error("must be at most a year away")]
    TooLong,
    /// Nobody is their own delegate.
    #[error("must be somebody else")]
    SelfDelegation,
}

impl Delegation {
    /// The caller lets `delegate` act on the caller's orders.
    ///
    /// # Errors
    /// If it would be over, last too long, or be for oneself.
    pub fn grant(
        id: DelegationId,
        grantor: &Principal,
        delegate: PrincipalId,
        scope: Scope,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Authorized<Self>, DelegationError> {
        if *grantor.id() == delegate {
            return Err(DelegationError::SelfDelegation);
        }
        if until <= now {
            return Err(DelegationError::Expired);
        }
        if until > now.plus(MAX_DURATION) {
            return Err(DelegationError::TooLong);
        }
        let grantor = grantor.id().clone();
        Ok(Authorized::own(Self { id, grantor, delegate, scope, granted_at: now, until }))
    }
}

actions!(Delegation: ReadDelegation, RevokeDelegation);

impl Resource for Delegation {
    fn kind(&self) -> &'static str {
        "delegation"
    }

    fn name(&self) -> String {
        format!("delegation {}", self.id)
    }

    fn relationship(&self) -> Relationship<'_> {
        Relationship::None
    }

    fn rights(&self, principal: &PrincipalId, _: &Relations, now: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.grantor == *principal).then_some(Right::Owner));
        let holds = self.delegate == *principal && self.is_active(now);
        rights.extend(holds.then_some(Right::Delegate { scope: self.scope, until: self.until }));
        rights
    }
}
