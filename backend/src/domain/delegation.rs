//! Delegations: a grantor lets a delegate act on all of the grantor's orders for a limited time.

use std::time::Duration;

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Authorized, Resource, Right, actions};
use super::relations::{Relations, Relationship};
use super::values::{DelegationId, Timestamp};

pub use super::relations::{Delegation, Scope};

/// Maximum duration of a delegation.
pub const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

/// Reason why a delegation cannot be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelegationError {
    /// The end is not in the future.
    #[error("must be in the future")]
    Expired,
    /// The end is more than [`MAX_DURATION`] away.
    #[error("must be at most 366 days from now")]
    TooLong,
    /// The delegate is the grantor.
    #[error("must not be the caller")]
    SelfDelegation,
}

impl Delegation {
    /// Creates a delegation from the caller to `delegate`.
    ///
    /// # Errors
    /// If the end is not in the future or is too far away, or the delegate is the grantor.
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
