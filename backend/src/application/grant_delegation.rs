//! Let somebody act on one's orders, for a while.

use portcullis_principal::PrincipalId;
use uuid::Uuid;

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::{Fault, Input};
use super::shop::Shop;
use crate::domain::delegation::{Delegation, DelegationError, Scope};
use crate::domain::id::DelegationId;
use crate::domain::time::Timestamp;

/// Whom, how and until when.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whom.
    pub delegate: PrincipalId,
    /// How.
    pub scope: Scope,
    /// Until just before.
    pub until: Timestamp,
}

/// Grants the delegation.
///
/// # Errors
/// See [`Failure`].
pub async fn grant_delegation(
    shop: &Shop,
    caller: &Caller,
    input: impl Input<Grant>,
) -> Result<Delegation, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let Grant { delegate, scope, until } = input()?;
    let id = DelegationId(Uuid::now_v7());
    let delegation =
        Delegation::grant(id, &caller.principal, delegate, scope, until, session.now).map_err(|error| {
            match error {
                DelegationError::Oneself => Fault::body("/delegate", &error).alone(),
                DelegationError::Over | DelegationError::TooLong => Fault::body("/until", &error).alone(),
            }
        })?;
    session.tx.insert_delegation(&delegation).await?;
    session.done(delegation.into_inner()).await
}
