//! Use cases of delegations: a grantor lets a delegate act on the grantor's orders for a limited
//! time.

use portcullis_principal::PrincipalId;
use uuid::Uuid;

use super::failure::{Failure, FieldError};
use super::ports::Page;
use super::session::{Caller, Input, Session, Shop};
use crate::domain::delegation::{
    Delegation, DelegationError, ReadDelegation, RevokeDelegation, Scope,
};
use crate::domain::values::{DelegationId, Timestamp};

/// Parameters of a new delegation.
#[derive(Clone, Debug)]
pub struct NewDelegation {
    /// Who may act.
    pub delegate: PrincipalId,
    /// On what the delegate may act.
    pub scope: Scope,
    /// First instant at which the delegation is no longer active.
    pub until: Timestamp,
}

/// Grants a delegation.
///
/// # Errors
/// See [`Failure`].
pub async fn grant_delegation(
    shop: &Shop,
    caller: &Caller,
    input: impl Input<NewDelegation>,
) -> Result<Delegation, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let NewDelegation { delegate, scope, until } = input()?;
    let id = DelegationId(Uuid::now_v7());
    let delegation = Delegation::grant(id, &caller.principal, delegate, scope, until, session.now)
        .map_err(|error| match error {
            DelegationError::SelfDelegation => FieldError::body("/delegate", &error).into_invalid(),
            DelegationError::Expired | DelegationError::TooLong => {
                FieldError::body("/until", &error).into_invalid()
            }
        })?;
    session.tx.insert_delegation(&delegation).await?;
    session.commit(delegation.into_inner()).await
}

/// Lists the delegations that the caller granted or received, newest first, including expired ones.
///
/// # Errors
/// See [`Failure`].
pub async fn list_delegations(
    shop: &Shop,
    caller: &Caller,
    page: Page<DelegationId>,
) -> Result<Vec<Delegation>, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let delegations = session.tx.delegations_of(caller.principal.id(), page).await?;
    session.commit(delegations).await
}

/// Returns a delegation to its grantor or its delegate.
///
/// # Errors
/// See [`Failure`].
pub async fn read_delegation(
    shop: &Shop,
    caller: &Caller,
    id: DelegationId,
) -> Result<Delegation, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let delegation = session.tx.delegation(id).await?.ok_or(Failure::NotFound("delegation"))?;
    let permit = session.authorize::<ReadDelegation>(delegation).await?;
    session.commit(permit.into_inner()).await
}

/// Revokes a delegation. It takes effect immediately.
///
/// # Errors
/// See [`Failure`].
pub async fn revoke_delegation(
    shop: &Shop,
    caller: &Caller,
    id: DelegationId,
) -> Result<(), Failure> {
    let mut session = Session::write(shop, caller).await?;
    let delegation = session.tx.delegation(id).await?.ok_or(Failure::NotFound("delegation"))?;
    let permit = session.authorize::<RevokeDelegation>(delegation).await?;
    session.tx.delete_delegation(&permit).await?;
    session.commit(()).await
}
