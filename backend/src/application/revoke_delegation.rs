//! End a delegation, at once.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::shop::Shop;
use crate::domain::id::DelegationId;
use crate::domain::ownership::RevokeDelegation;

/// Revokes the delegation.
///
/// # Errors
/// See [`Failure`].
pub async fn revoke_delegation(shop: &Shop, caller: &Caller, id: DelegationId) -> Result<(), Failure> {
    let mut session = Session::write(shop, caller).await?;
    let delegation = session.tx.delegation(id).await?.ok_or(Failure::Absent("delegation"))?;
    let permit = session.admit::<RevokeDelegation>(delegation).await?;
    session.tx.delete_delegation(&permit).await?;
    session.done(()).await
}
