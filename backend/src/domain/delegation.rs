//! A delegation: somebody lets another act on all of their orders, for a while.

use std::time::Duration;

use portcullis_principal::{Principal, PrincipalId};

use super::ownership::{Owned, Right, Warranted, acts};
use super::relations::{Bond, Relations};
use super::values::{DelegationId, Timestamp};

pub use super::relations::{Delegation, Scope};

/// The longest that a delegation may last.
pub const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

/// Why there is no such delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelegationError {
    /// It would be over.
    #[error("must be in the future")]
    Over,
    /// It would last too long.
    #[error("must be at most a year away")]
    TooLong,
    /// Nobody is their own delegate.
    #[error("must be somebody else")]
    Oneself,
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
    ) -> Result<Warranted<Self>, DelegationError> {
        if *grantor.id() == delegate {
            return Err(DelegationError::Oneself);
        }
        if until <= now {
            return Err(DelegationError::Over);
        }
        if until > now.plus(MAX_DURATION) {
            return Err(DelegationError::TooLong);
        }
        let grantor = grantor.id().clone();
        Ok(Warranted::own(Self { id, grantor, delegate, scope, granted_at: now, until }))
    }
}

acts!(Delegation: ReadDelegation, RevokeDelegation);

impl Owned for Delegation {
    fn kind(&self) -> &'static str {
        "delegation"
    }

    fn name(&self) -> String {
        format!("delegation {}", self.id)
    }

    fn bond(&self) -> Bond<'_> {
        Bond::None
    }

    fn rights(&self, who: &PrincipalId, _: &Relations, now: Timestamp) -> Vec<Right> {
        let mut rights = Vec::new();
        rights.extend((self.grantor == *who).then_some(Right::Owner));
        let holds = self.delegate == *who && self.holds(now);
        rights.extend(holds.then_some(Right::Delegate { scope: self.scope, until: self.until }));
        rights
    }
}
