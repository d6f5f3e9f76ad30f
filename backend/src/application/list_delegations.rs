//! List the delegations that one granted or was granted.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::ports::Page;
use super::shop::Shop;
use crate::domain::delegation::Delegation;
use crate::domain::id::DelegationId;

/// The caller's delegations, ended ones included, the latest first.
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
    session.done(delegations).await
}
