//! See a delegation.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::shop::Shop;
use crate::domain::delegation::Delegation;
use crate::domain::id::DelegationId;
use crate::domain::ownership::ReadDelegation;

/// The delegation, to its two sides.
///
/// # Errors
/// See [`Failure`].
pub async fn read_delegation(shop: &Shop, caller: &Caller, id: DelegationId) -> Result<Delegation, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let delegation = session.tx.delegation(id).await?.ok_or(Failure::Absent("delegation"))?;
    let permit = session.admit::<ReadDelegation>(delegation).await?;
    session.done(permit.into_inner()).await
}
