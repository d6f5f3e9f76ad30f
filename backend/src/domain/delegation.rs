//! A delegation: somebody lets another act on all of their orders, for a while.

use std::time::Duration;

use portcullis_principal::{Principal, PrincipalId};

use super::id::DelegationId;
use super::ownership::Warranted;
use super::time::Timestamp;

/// The longest that a delegation may last.
pub const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

/// For what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// For reading only.
    Reading,
    /// For everything that acts on an order, but not for sharing it further.
    Everything,
}

/// A delegation. It is over at `until`, to the millisecond, or when it is revoked, which removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Its name for machines.
    pub id: DelegationId,
    /// Whose orders: its owner.
    pub grantor: PrincipalId,
    /// Who may act on them.
    pub delegate: PrincipalId,
    /// How.
    pub scope: Scope,
    /// Since when.
    pub granted_at: Timestamp,
    /// Until just before.
    pub until: Timestamp,
}

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

    /// Whether it holds at this time.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }
}
